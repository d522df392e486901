import type { CacheService } from '../cache/cache.service.js';
import type { CacheEngine } from '../cache/engine.js';
import { globMatcher } from '../cache/pattern.js';
import { InvalidArgumentError } from '../errors.js';
import type { WriteStatus } from '../events.js';
import { type Action, cacheOf, type Fields, keyOf, textOf } from './action.js';
import { connectionNameOf, countMatching, countTagged, definitionOf, type EntryCount } from './entry-count.js';

/** What an invalidation of each kind does; `undefined` for another kind. */
export function invalidationOf(engine: CacheEngine, fields: Fields): Action | undefined {
  const [name, target] = [textOf(fields, 'cache'), textOf(fields, 'target')];
  const cache = (): CacheService => cacheOf(engine, name);
  const entry = { target: `${name} ${target}`, count: () => countKey(cache(), target) };
  switch (fields.kind) {
    case 'key':
      return {
        ...entry,
        audited: 'invalidate-key',
        what: `The entry ${target} of cache "${name}" is invalidated`,
        apply: () => cache().delete(keyOf(target)),
      };
    case 'expire':
      return {
        ...entry,
        audited: 'expire',
        what: `The entry ${target} of cache "${name}" becomes stale: within its grace it may still be answered`,
        apply: () => cache().expire(keyOf(target)),
      };
    case 'pattern':
      return {
        audited: 'invalidate-pattern',
        target: `${name} ${target}`,
        name: target,
        what: `The entries of cache "${name}" whose key matches ${target} are invalidated`,
        count: () => countPattern(engine, cache(), target),
        apply: async () => (await cache().invalidatePattern(target)).status,
      };
    case 'cache':
      return {
        audited: 'invalidate-cache',
        target: name,
        name,
        what: `Every entry of cache "${name}" is invalidated`,
        count: () => countMatching(engine, cache(), '*'),
        apply: () => cache().clear(),
      };
    case 'tag':
      return {
        audited: 'invalidate-tag',
        target,
        what: `Every entry with the tag "${target}" is invalidated, in all caches`,
        count: () => countAll(engine, target),
        apply: () => everywhere(engine, (each) => each.invalidateTags([target])),
      };
    case 'namespace':
      return {
        audited: 'invalidate-namespace',
        target: '',
        name: 'everything',
        what: 'Every entry of every cache is invalidated',
        count: () => countAll(engine, undefined),
        apply: () => everywhere(engine, (each) => each.clearNamespace()),
      };
    default:
      return undefined;
  }
}

async function countKey(cache: CacheService, target: string): Promise<EntryCount> {
  const { decision } = await cache.inspect(keyOf(target));
  return { entries: decision === 'fresh' || decision === 'stale' ? 1 : 0, isEstimate: false, sample: [] };
}

function countPattern(engine: CacheEngine, cache: CacheService, target: string): Promise<EntryCount> {
  globMatcher(target);
  if (definitionOf(cache)?.context !== undefined) {
    throw new InvalidArgumentError('A cache with a context has no patterns here. Invalidate a tag, or all of it.');
  }
  return countMatching(engine, cache, target);
}

async function countAll(engine: CacheEngine, tag: string | undefined): Promise<EntryCount> {
  if (tag === '') throw new InvalidArgumentError('target must be a tag.');
  const counts = await Promise.all(
    onePerConnection(engine).map((each) => countTagged(engine, connectionNameOf(each), tag)),
  );
  const known = counts.flatMap(({ entries }) => entries ?? []);
  return {
    entries: known.length === counts.length ? known.reduce((sum, each) => sum + each, 0) : undefined,
    isEstimate: counts.some(({ isEstimate }) => isEstimate),
    sample: counts.flatMap(({ sample }) => sample).slice(0, 10),
  };
}

async function everywhere(
  engine: CacheEngine,
  invalidate: (cache: CacheService) => Promise<WriteStatus>,
): Promise<WriteStatus> {
  const statuses = await Promise.all(onePerConnection(engine).map(invalidate));
  return statuses.includes('queued') ? 'queued' : 'applied';
}

/** Tags and the namespace are invalidated on each connection by one of its caches. */
function onePerConnection(engine: CacheEngine): CacheService[] {
  const caches = [engine.defaultCache, ...engine.caches()];
  return [...new Map(caches.reverse().map((cache) => [connectionNameOf(cache), cache])).values()];
}
