// @ts-check

/** @typedef {import('./systems.mjs').Subject} Subject */

/**
 * One question: how many operations in a second.
 *
 * @typedef {object} Scenario
 * @property {string} name
 * @property {import('./systems.mjs').Tier} tier
 * @property {string} reference the system that is 1
 * @property {number} concurrency readers, each of which waits for its answer before it asks again
 * @property {(cache: Subject) => Promise<void>} [prepare]
 * @property {(cache: Subject) => boolean} [isOffered] default: always
 * @property {(cache: Subject, operation: number) => Promise<unknown>} operation the number is never the same twice
 */

const KEYS = 1_000;
const PASSES = 3;
const BYTES = { small: 100, usual: 1_000 };

/** An object that is about so many bytes of JSON. @param {number} bytes */
function valueOf(bytes) {
  return { id: 42, name: 'Ada', tags: ['a', 'b'], isActive: true, text: 'x'.repeat(bytes - 60) };
}

/** @param {number} operation */
const keyOf = (operation) => `user:${operation % KEYS}`;

/**
 * Stores every key and reads it again: the first read after a load may be the one that fills the memory.
 * @param {number} bytes
 */
function filledWith(bytes) {
  return async (/** @type {Subject} */ cache) => {
    const value = valueOf(bytes);
    for (let pass = 0; pass < PASSES; pass += 1) {
      for (let key = 0; key < KEYS; key += 1) await cache.getOrSet(keyOf(key), () => value);
    }
  };
}

function missing() {
  throw new Error('An entry that was stored is gone.');
}

/** @type {readonly Scenario[]} */
export const SCENARIOS = [
  {
    name: 'memory hit, getOrSet',
    tier: 'memory',
    reference: 'lru-cache',
    concurrency: 1,
    prepare: filledWith(BYTES.usual),
    operation: (cache, operation) => cache.getOrSet(keyOf(operation), missing),
  },
  {
    name: 'memory hit, get',
    tier: 'memory',
    reference: 'lru-cache',
    concurrency: 1,
    prepare: filledWith(BYTES.usual),
    isOffered: ({ get }) => get !== undefined,
    operation: async (cache, operation) => (await cache.get?.(keyOf(operation))) ?? missing(),
  },
  ...[1, 64, 256].flatMap((concurrency) =>
    Object.values(BYTES).map((bytes) => ({
      name: `Redis hit, ${bytes} bytes, ${concurrency} at a time`,
      tier: /** @type {const} */ ('redis'),
      reference: 'ioredis, auto-pipelined',
      concurrency,
      prepare: filledWith(bytes),
      operation: (/** @type {Subject} */ cache, /** @type {number} */ operation) =>
        cache.getOrSet(keyOf(operation), missing),
    })),
  ),
  {
    name: 'miss, 64 at a time',
    tier: 'redis',
    reference: 'ioredis, auto-pipelined',
    concurrency: 64,
    operation: (cache, operation) => cache.getOrSet(`new:${operation}`, () => valueOf(BYTES.usual)),
  },
];
