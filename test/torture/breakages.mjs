// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** @typedef {(...args: any[]) => Promise<any>} Method */
/** @typedef {Record<string, any>} Caches */

const INVALIDATIONS = ['delete', 'deleteMany', 'expire', 'invalidateTags', 'clear', 'clearNamespace'];
const WRITES = [...INVALIDATIONS, 'set', 'put'];
const REMEMBERED_MS = 10_000;

/**
 * Caches that are wrong on purpose, by which the checker proves that it notices.
 * @type {Record<string, (caches: Caches, url: string | undefined) => Caches>}
 */
export const breakages = {
  /** Says `applied` at once and invalidates a little later: breaks the floor. */
  'late-invalidation': (caches) =>
    overridden(caches, INVALIDATIONS, (invalidate) => async (...args) => {
      void sleep(50)
        .then(() => invalidate(...args))
        .catch(() => undefined);
      return 'applied';
    }),
  /** A memory of its own that no other process can reach: breaks the bound on age, and nothing else. */
  'own-memory': (caches) => {
    /** @type {Map<string, { value: unknown, untilMs: number }>} */
    const memory = new Map();
    let writes = 0;
    const remembering = overridden(caches, ['getOrSet'], (getOrSet) => async (key, ...rest) => {
      const known = memory.get(key);
      if (known !== undefined && performance.now() < known.untilMs) return known.value;
      const writesBefore = writes;
      const value = await getOrSet(key, ...rest);
      if (writes === writesBefore) memory.set(key, { value, untilMs: performance.now() + REMEMBERED_MS });
      return value;
    });
    const forget = (/** @type {unknown} */ key) => {
      if (typeof key === 'string') memory.delete(key);
      else memory.clear();
      writes += 1;
    };
    return overridden(remembering, WRITES, (write) => async (...args) => {
      forget(args[0]);
      return write(...args).finally(() => forget(args[0]));
    });
  },
  /** What most people write: GET, else load and SET; DEL to invalidate. Breaks everything. */
  'get-set': (caches, url = '') => {
    const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => 100 }).on('error', () => undefined);
    const name = (/** @type {string} */ key) => `plain:${key}`;
    const reading = overridden(caches, ['getOrSet'], () => async (key, loader) => {
      const found = await redis.get(name(key)).catch(() => null);
      if (found !== null) return JSON.parse(found);
      const value = await loader({ skip: () => undefined, setTags: () => undefined });
      await redis.set(name(key), JSON.stringify(value), 'PX', 300_000).catch(() => undefined);
      return value;
    });
    return overridden(reading, ['delete', 'expire'], () => async (key) => {
      await redis.del(name(key)).catch(() => undefined);
      return 'applied';
    });
  },
};

/** The same caches with some methods replaced. @param {Caches} caches @param {readonly string[]} methods @param {(original: Method) => Method} replace */
function overridden(caches, methods, replace) {
  return Object.fromEntries(
    Object.entries(caches).map(([name, cache]) => {
      const get = (/** @type {any} */ target, /** @type {string | symbol} */ property) => {
        const member = target[property];
        if (typeof member !== 'function') return member;
        const original = member.bind(target);
        return methods.includes(String(property)) ? replace(original) : original;
      };
      return [name, new Proxy(cache, { get })];
    }),
  );
}
