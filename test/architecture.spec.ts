import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

const SRC = resolve(__dirname, '../libs/redis-cache/src');

/**
 * The rooms, and the rooms each may import from, types included. At the root of src, `composition` is the index and
 * redis-cache.*, which put the rooms together under Nest; `foundation` is the rest.
 */
const MAY_IMPORT: Record<string, string[]> = {
  foundation: ['foundation'],
  redis: ['foundation', 'redis'],
  cache: ['foundation', 'redis', 'cache'],
  session: ['foundation', 'redis', 'session'],
  interception: ['foundation', 'redis', 'cache', 'interception'],
  http: ['foundation', 'redis', 'cache', 'http'],
  ops: ['foundation', 'redis', 'cache', 'ops'],
  admin: ['foundation', 'redis', 'cache', 'http', 'ops', 'admin'],
  composition: ['foundation', 'redis', 'cache', 'session', 'interception', 'http', 'ops', 'admin', 'composition'],
};
const ENGINE_ROOMS = ['foundation', 'redis', 'cache', 'session'];
/** Files that have a role in Nest, by their name. */
const NEST_ROLE = /\.(?:guard|interceptor|decorator)\.ts$/;

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
  .sort();
const imports = new Map(sources.map((file) => [file, specifiersOf(file)]));

function specifiersOf(file: string): string[] {
  return ts.preProcessFile(readFileSync(join(SRC, file), 'utf8')).importedFiles.map(({ fileName }) => fileName);
}

function roomOf(file: string): string {
  const folder = dirname(file);
  if (folder !== '.') return folder;
  return /^(index|redis-cache\..*)\.ts$/.test(file) ? 'composition' : 'foundation';
}

/** The files of the library a file imports, relative to src. */
function localImportsOf(file: string): string[] {
  return (imports.get(file) ?? [])
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(SRC, resolve(SRC, dirname(file), specifier.replace(/\.js$/, '.ts'))));
}

const arrows = sources.flatMap((from) => localImportsOf(from).map((to) => ({ from, to })));

/** Every import cycle, once, as the files along it. */
function findCycles(): string[][] {
  const done = new Set<string>();
  const cycles: string[][] = [];
  const visit = (file: string, path: string[]): void => {
    const start = path.indexOf(file);
    if (start !== -1) cycles.push([...path.slice(start), file]);
    if (start !== -1 || done.has(file)) return;
    for (const next of localImportsOf(file)) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
  return cycles;
}

describe('the rooms of the library', () => {
  it('are the ones of the import table, without a second folder level', () => {
    expect(sources.map(roomOf).filter((room) => !(room in MAY_IMPORT))).toEqual([]);
  });

  it('hold more than one file each', () => {
    const folders = new Set(sources.map((file) => dirname(file)));
    const lonely = [...folders].filter((folder) => sources.filter((file) => dirname(file) === folder).length < 2);
    expect(lonely).toEqual([]);
  });

  it('import files that exist', () => {
    expect(arrows.length).toBeGreaterThan(0);
    expect(arrows.filter(({ to }) => !sources.includes(to))).toEqual([]);
  });

  it('import downwards only', () => {
    expect(arrows.filter(({ from, to }) => !MAY_IMPORT[roomOf(from)]?.includes(roomOf(to)))).toEqual([]);
  });

  it('have no import cycle, types included', () => {
    expect(findCycles()).toEqual([]);
  });

  it('do not import the index', () => {
    expect(arrows.filter(({ to }) => to === 'index.ts')).toEqual([]);
  });

  it('keep Nest out of the engine', () => {
    const nestInEngine = sources
      .filter((file) => ENGINE_ROOMS.includes(roomOf(file)) && !NEST_ROLE.test(file))
      .filter((file) => imports.get(file)?.some((specifier) => specifier.startsWith('@nestjs/')));
    expect(nestInEngine).toEqual([]);
  });

  it('import Nest from the roots of its packages, whose deeper paths differ between versions', () => {
    const deep = [...imports.values()].flat().filter((specifier) => /^@nestjs\/[^/]+\/./.test(specifier));
    expect(deep).toEqual([]);
  });
});

describe('the index', () => {
  it('lists every public name by hand', () => {
    const index = ts.createSourceFile('index.ts', readFileSync(join(SRC, 'index.ts'), 'utf8'), ts.ScriptTarget.Latest);
    const notLists = index.statements
      .filter((node) => !(ts.isExportDeclaration(node) && node.exportClause && ts.isNamedExports(node.exportClause)))
      .map((node) => node.getText(index));
    expect(index.statements.length).toBeGreaterThan(0);
    expect(notLists).toEqual([]);
  });
});
