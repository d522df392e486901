import { SieveCache } from '@neophi/sieve-cache';
import { LRUCache } from 'lru-cache';
import transitory from 'transitory';

/**
 * A bounded cache: `get` counts as a use, `set` is called for what was not there.
 * @typedef {{ get(key: string): unknown, set(key: string, value: object): unknown }} Policy
 */

/** The memory tier's own comes first: the others are compared with it. */
export const LRU = 'lru-cache';

/** @type {Readonly<Record<string, (size: number) => Policy>>} */
export const POLICIES = {
  [LRU]: lru,
  segmented,
  SIEVE: (size) => new SieveCache(size),
  'W-TinyLFU': (size) => {
    const cache = transitory.newCache().maxSize(size).build();
    return { get: (key) => cache.getIfPresent(key) ?? undefined, set: (key, value) => cache.set(key, value) };
  },
};

/** With the options that the memory tier sets. @param {number} size @param {(value: object, key: string) => void} [onEvict] */
function lru(size, onEvict = () => undefined) {
  return new LRUCache({
    max: size,
    maxSize: Number.MAX_SAFE_INTEGER,
    sizeCalculation: () => 1,
    dispose: (value, key, reason) => {
      if (reason === 'evict') onEvict(/** @type {object} */ (value), /** @type {string} */ (key));
    },
  });
}

/**
 * Two of them: what is new has a fifth of the room, and moves to the rest when it is used again.
 * @param {number} size
 * @returns {Policy}
 */
function segmented(size) {
  const isNew = lru(Math.ceil(size / 5));
  const isUsed = lru(size - Math.ceil(size / 5), (value, key) => isNew.set(key, value));
  return {
    get: (key) => {
      const used = isUsed.get(key);
      if (used !== undefined) return used;
      const found = isNew.get(key);
      if (found === undefined) return undefined;
      isNew.delete(key);
      isUsed.set(key, found);
      return found;
    },
    set: (key, value) => isNew.set(key, value),
  };
}
