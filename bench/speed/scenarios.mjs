// @ts-check
import { BYTES, fill, keyOf, missing, valueOf } from './values.mjs';

/** @typedef {import('./systems.mjs').Subject} Subject */

/**
 * One question: how many operations in a second.
 *
 * @typedef {object} Scenario
 * @property {string} name
 * @property {import('./systems.mjs').Tier} tier
 * @property {string} reference the system that is 1
 * @property {number} concurrency readers, each of which waits for its answer before it asks again
 * @property {boolean} [isQuick] whether a quick run has it
 * @property {(cache: Subject) => Promise<void>} [prepare]
 * @property {(cache: Subject) => boolean} [isOffered] default: always
 * @property {(cache: Subject, operation: number) => Promise<unknown>} operation the number is never the same twice
 */

const BATCH = 100;

/** @param {number} bytes */
function filledWith(bytes) {
  return (/** @type {Subject} */ cache) => fill(cache, valueOf(bytes));
}

/** The keys of a batch; no two batches in a row are the same. @param {number} operation */
function batchOf(operation) {
  return Array.from({ length: BATCH }, (_, index) => keyOf(operation * BATCH + index));
}

const REDIS_HITS = [
  { concurrency: 1, bytes: BYTES.usual },
  { concurrency: 64, bytes: BYTES.small },
  { concurrency: 64, bytes: BYTES.usual, isQuick: true },
  { concurrency: 64, bytes: BYTES.large },
  { concurrency: 64, bytes: BYTES.huge },
  { concurrency: 256, bytes: BYTES.usual },
];

/** @type {readonly Scenario[]} */
export const SCENARIOS = [
  {
    name: 'memory hit, getOrSet',
    tier: 'memory',
    reference: 'lru-cache',
    concurrency: 1,
    isQuick: true,
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
  ...REDIS_HITS.map(({ concurrency, bytes, isQuick }) => ({
    name: `Redis hit, ${bytes} bytes, ${concurrency} at a time`,
    tier: /** @type {const} */ ('redis'),
    reference: 'ioredis, auto-pipelined',
    concurrency,
    isQuick,
    prepare: filledWith(bytes),
    operation: (/** @type {Subject} */ cache, /** @type {number} */ operation) =>
      cache.getOrSet(keyOf(operation), missing),
  })),
  {
    name: 'miss, 64 at a time',
    tier: 'redis',
    reference: 'ioredis, auto-pipelined',
    concurrency: 64,
    isQuick: true,
    // Another process must not have loaded it: they share a Redis, and some of them their keys.
    operation: (cache, operation) => cache.getOrSet(`new:${process.pid}:${operation}`, () => valueOf(BYTES.usual)),
  },
  {
    name: `batch of ${BATCH} Redis hits, getMany`,
    tier: 'redis',
    reference: 'ioredis',
    concurrency: 4,
    isQuick: true,
    prepare: filledWith(BYTES.usual),
    isOffered: ({ getMany }) => getMany !== undefined,
    operation: async (cache, operation) => {
      const values = (await cache.getMany?.(batchOf(operation))) ?? [];
      if (values.length !== BATCH || values.includes(undefined)) missing();
    },
  },
  {
    name: `batch of ${BATCH} Redis hits, getOrSetMany`,
    tier: 'redis',
    reference: 'ioredis',
    concurrency: 4,
    prepare: filledWith(BYTES.usual),
    isOffered: ({ getOrSetMany }) => getOrSetMany !== undefined,
    operation: (cache, operation) => cache.getOrSetMany?.(batchOf(operation), missing) ?? missing(),
  },
];
