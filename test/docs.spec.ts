import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { METRICS } from '../libs/redis-cache/src/ops/metrics.js';
import { optionsFromEnvironment } from '../libs/redis-cache/src/redis-cache.config.js';
import { membersOf } from './support/declarations.js';
import { type Page, readPages, ROOT } from './support/pages.js';
import { compileSnippets } from './support/snippets.js';

/** Stands in the docs for the variables of all caches. */
const CACHE_TTL_VARIABLE = 'CACHE_TTL_<NAME>';

const ERRORS = readFileSync(join(ROOT, 'libs/redis-cache/src/errors.ts'), 'utf8');

/** The tables the docs must have, by the name in their marker, with what their first column must hold. */
const TABLES: Record<string, () => readonly string[]> = {
  ...Object.fromEntries(
    [
      'AdminOptions',
      'AlertsOptions',
      'BasicAuthUser',
      'CacheDefinition',
      'CacheEvents',
      'CacheService',
      'CacheSnapshot',
      'CallOptions',
      'ConnectionOptions',
      'CookieOptions',
      'EntryOptions',
      'EventLogOptions',
      'HealthOptions',
      'HttpCacheModuleOptions',
      'HttpCacheOptions',
      'InvalidateOptions',
      'LoadContext',
      'MemoryLimits',
      'MetricsOptions',
      'MissReason',
      'RedisCacheModuleExtras',
      'RequestSession',
      'Resolved',
      'SessionOptions',
      'TracingOptions',
      'UnstoredReason',
      'WarmerOptions',
      'WriteStatus',
    ].map((name) => [name, () => membersOf(name)]),
  ),
  CacheEvictOptions: () => membersOf('EvictOptions', 'EvictInDefinition', 'EvictByKey'),
  CacheableOptions: () => membersOf('CacheableConditions', 'CacheableByKey', 'InDefinition'),
  ConnectionHealth: () => membersOf('ConnectionStatus', 'ConnectionHealth').filter((name) => name !== 'name'),
  HealthDetails: () => ['status', ...membersOf('HealthDetails')],
  RedisCacheModuleOptions: () => membersOf('CacheEngineOptions', 'RedisCacheModuleOptions'),
  // `partsOf` is for `redisSessionStore`.
  SessionService: () => membersOf('SessionService').filter((name) => name !== 'partsOf'),
  environment: environmentVariables,
  errors: () => errorClasses().map(([name]) => name),
  metrics: () => METRICS.map(({ name }) => name),
};

const pages = readPages();
const tables = pages.flatMap((page) => page.tables);

function rowsOf(name: string): string[][] {
  return tables.filter((table) => table.name === name).flatMap(({ rows }) => rows);
}

function environmentVariables(): string[] {
  const read = new Set<string>([CACHE_TTL_VARIABLE]);
  const get = (_target: object, name: string | symbol): undefined => {
    read.add(String(name));
  };
  optionsFromEnvironment(new Proxy({}, { get }));
  return [...read];
}

/** The classes of errors.ts that are thrown, with the code of each. */
function errorClasses(): [name: string, code: string][] {
  return [...ERRORS.matchAll(/class (\w+) extends RedisCacheError\b[\s\S]*?super\(\s*'([A-Z_]+)'/g)].map(
    ([, name, code]) => [name as string, code as string],
  );
}

/** What no page of a list has, with the page that says it does. */
function unknown(pattern: RegExp, known: readonly string[]): string[] {
  return pages.flatMap((page) =>
    page.codeSpans
      .flatMap((code) => code.match(pattern) ?? [])
      .filter((name) => !known.includes(name))
      .map((name) => `${page.path}: ${name}`),
  );
}

function isBroken(page: Page, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page.path : join(dirname(page.path), path);
  if (!existsSync(join(ROOT, target))) return true;
  return anchor !== undefined && !pages.find(({ path: known }) => known === target)?.anchors.includes(anchor);
}

describe('the pages of the docs', () => {
  it('have snippets that compile against the library', () => {
    const snippets = pages.flatMap(({ fences }) => fences.filter(({ language }) => language === 'ts'));
    expect(snippets.length).toBeGreaterThan(20);
    expect(compileSnippets(pages)).toEqual([]);
  }, 100_000);

  it('link to files and headings that exist', () => {
    const broken = pages.flatMap((page) =>
      page.localLinks.filter((link) => isBroken(page, link)).map((link) => `${page.path}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('are all linked from another page', () => {
    const linked = pages.flatMap((page) =>
      page.localLinks.map((link) => join(dirname(page.path), link.split('#')[0] ?? '')),
    );
    const orphans = pages.map(({ path }) => path).filter((path) => path.startsWith('docs/') && !linked.includes(path));
    expect(orphans).toEqual([]);
  });

  it('open with a title and a summary', () => {
    const bare = pages.filter(({ path, prose }) => path.startsWith('docs/') && !/^# .+\n\n> /.test(prose));
    expect(bare.map(({ path }) => path)).toEqual([]);
  });

  it('name only scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    expect(unknown(/(?<=npm run )[\w:]+/g, Object.keys(scripts))).toEqual([]);
  });
});

describe('the tables of the docs', () => {
  it.each(Object.entries(TABLES))('list %s, no more and no less', (name, known) => {
    expect(
      rowsOf(name)
        .map(([first]) => first)
        .sort(),
    ).toEqual([...known()].sort());
  });

  it('have no marker that nobody checks', () => {
    const unchecked = tables.map(({ name }) => name).filter((name) => !(name in TABLES) && !name.endsWith('exports'));
    expect(unchecked).toEqual([]);
  });

  it('give every error its code', () => {
    expect(rowsOf('errors').map(([name, code]) => [name, code])).toEqual(errorClasses());
    expect(errorClasses().map(([, code]) => code)).toEqual(membersOf('RedisCacheErrorCode'));
  });

  it('give every metric its labels', () => {
    const documented = rowsOf('metrics').map(([name, labels]) => [name, labels]);
    expect(documented.sort()).toEqual(METRICS.map(({ name, labels }) => [name, Object.keys(labels).join(', ')]).sort());
  });
});

describe('what the docs mention in passing', () => {
  it('are errors that exist', () => {
    const own = errorClasses().map(([name]) => name);
    expect(
      unknown(/\b[A-Z]\w*Error\b/g, [
        ...own,
        'RcacheServingStaleOnError',
        'RedisCacheError',
        'Error',
        'TypeError',
        'RangeError',
      ]),
    ).toEqual([]);
  });

  it('are metrics that exist', () => {
    const rules = readFileSync(join(ROOT, 'docker/prometheus/rcache.rules.yml'), 'utf8');
    const recorded = [...rules.matchAll(/record: cache:(rcache_\w+)/g)].map(([, name]) => name as string);
    const known = [...METRICS.map(({ name }) => name), ...recorded, 'rcache_load_duration_seconds_bucket'];
    expect(unknown(/\brcache_\w+/g, known)).toEqual([]);
  });

  it('are environment variables that exist', () => {
    const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
    const known = [...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name as string);
    const others = ['CACHE_ENGINE', ...membersOf('RedisCacheErrorCode')];
    // A variable for the ttl of a cache has the name of that.
    const variable = /\b(?:REDIS|CACHE(?!_TTL))_[A-Z_]+\b/g;
    expect(unknown(variable, [...known, ...others])).toEqual([]);
  });
});
