import type { CacheEngine } from '../cache/engine.js';
import { EntityCache } from './entity-cache.js';
import { type EntityStrategy, type ErasedStrategy, type RepositoryLike, rolesOf } from './entity-strategy.js';

/** A repository whose finders are cached, and the cache behind it. */
export type CachedRepository<Repository> = Repository & { readonly entityCache: EntityCache };

type AnyMethod = (this: unknown, ...args: unknown[]) => unknown;

// Nest calls these on the repository itself where that is a provider, and must not call them twice.
const LIFECYCLE_HOOKS: readonly (string | symbol)[] = [
  'onModuleInit',
  'onApplicationBootstrap',
  'onModuleDestroy',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
];

/**
 * The same repository with a cache in front: `findById`, `list` and the finders of the strategy are answered from it;
 * `save`, `update`, `delete` and the writes of the strategy invalidate, when they have succeeded and before they answer.
 * Everything else passes through. What the repository calls on itself is not cached, and invalidates nothing.
 *
 *     cachedRepository(new PgHeroRepository(pool), { name: 'heroes', ttl: '1h' }, engine)
 *
 * @throws InvalidOptionsError at once for wrong or unknown options and for methods the repository does not have
 */
export function cachedRepository<Repository extends RepositoryLike, Stored = unknown>(
  repository: Repository,
  strategy: EntityStrategy<Repository, Stored>,
  engine: CacheEngine,
): CachedRepository<Repository> {
  const erased = strategy as ErasedStrategy;
  const { finders, writes } = rolesOf(repository, erased);
  const entityCache = new EntityCache(engine, erased);

  const front = (name: string | symbol, original: AnyMethod): AnyMethod => {
    const finder = finders.get(name as string);
    const write = writes.get(name as string);
    if (finder !== undefined) {
      return (...args) => entityCache.find(String(name), finder, args, async () => original.apply(repository, args));
    }
    if (write === undefined) return original.bind(repository);
    return async (...args) => {
      const result = await original.apply(repository, args);
      await entityCache.written(String(name), write, args, result);
      return result;
    };
  };

  const fronts = new Map<string | symbol, { original: unknown; method: AnyMethod }>();
  // The proxy stands before an object that inherits from the repository: before the repository itself, a frozen one
  // would not let its methods be replaced.
  return new Proxy(Object.create(repository) as CachedRepository<Repository>, {
    get(_target, name) {
      if (name === 'entityCache') return entityCache;
      if (LIFECYCLE_HOOKS.includes(name)) return undefined;
      // Methods run on the repository itself, whose private fields a proxy does not have.
      const value: unknown = Reflect.get(repository, name, repository);
      if (typeof value !== 'function' || name === 'constructor') return value;
      let known = fronts.get(name);
      if (known?.original !== value) {
        known = { original: value, method: front(name, value as AnyMethod) };
        fronts.set(name, known);
      }
      return known.method;
    },
    set: (_target, name, value) => Reflect.set(repository, name, value, repository),
  });
}
