import { AsyncLocalStorage } from 'node:async_hooks';

const bypassing = new AsyncLocalStorage<true>();

/**
 * Runs `work` so that `@Cacheable` methods and finders of cached repositories called inside, however deep, ask their
 * source and leave the cache alone. Writes and evictions happen as ever.
 *
 *     const user = await withoutCache(() => users.find(42));
 */
export function withoutCache<T>(work: () => T): T {
  return bypassing.run(true, work);
}

export function isWithoutCache(): boolean {
  return bypassing.getStore() === true;
}
