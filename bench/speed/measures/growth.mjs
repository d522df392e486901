// @ts-check
import { takeTurns } from '../closed-loop.mjs';
import { defineCache } from '../../../libs/redis-cache/dist/cache/definition.js';
import { startEngine } from '../engine.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, each, missing, valueOf } from '../values.mjs';

/** @typedef {Record<string, (operation: number) => Promise<unknown>>} Operations */
/** @typedef {import('../../../libs/redis-cache/dist/cache/cache.service.js').CacheService} CacheService */

const CONCURRENCY = 64;
const DISTINCT = 2 * CONCURRENCY;
const PASSES = 3;

/** @type {readonly import('./index.mjs').Measure[]} */
export const GROWTH = [
  growth('entries, hits in memory', 1, async (url, limits) => {
    /** @type {Operations} */
    const operations = {};
    for (const size of [100, 1_000, 10_000].filter((each) => each <= limits.maxEntries)) {
      const { defaultCache: cache } = await startEngine(url, { namespace: `memory-${size}` });
      await stored(cache, size, valueOf(BYTES.small));
      operations[`${size} entries`] = (operation) => cache.getOrSet(`${operation % size}`, missing);
    }
    return operations;
  }),
  growth('entries, hits in Redis', CONCURRENCY, async (url, limits) => {
    /** @type {Operations} */
    const operations = {};
    for (const size of [1_000, 10_000, 100_000].filter((each) => each <= limits.maxEntries)) {
      const { defaultCache: cache } = await startEngine(url, { namespace: `redis-${size}`, l1: false });
      const value = valueOf(BYTES.small);
      await each(size, (key) => cache.set(`${key}`, value));
      operations[`${size} entries`] = (operation) => cache.getOrSet(`${operation % size}`, missing);
    }
    return operations;
  }),
  growth('tags of an entry, hits in memory', 1, (url) => withTags(url, true)),
  growth('tags of an entry, hits in Redis', CONCURRENCY, (url) => withTags(url, false)),
  growth('tags of an entry, loads', CONCURRENCY, async (url) => {
    const { defaultCache: cache } = await startEngine(url, { l1: false });
    const value = valueOf(BYTES.small);
    return forTags((tags, name) => (operation) => cache.getOrSet(`${name}:${operation}`, () => value, { tags }));
  }),
  growth('caches, hits in memory', 1, async (url) => {
    const engine = await startEngine(url);
    /** @type {Operations} */
    const operations = {};
    for (const count of [1, 10, 100]) {
      const caches = Array.from({ length: count }, (_, index) =>
        engine.cache(defineCache({ name: `of-${count}-${index}`, key: (/** @type {number} */ id) => ['id', id] })),
      );
      for (const cache of caches) await stored(cache, 1, valueOf(BYTES.small));
      operations[`${count} caches`] = (operation) => caches[operation % count]?.getOrSet('0', missing) ?? missing();
    }
    return operations;
  }),
  growth('listeners of every hit, hits in memory', 1, async (url) => {
    /** @type {Operations} */
    const operations = {};
    for (const count of [0, 1, 10]) {
      const engine = await startEngine(url);
      let heard = 0;
      for (let listener = 0; listener < count; listener += 1) engine.events.on('hit', () => void (heard += 1));
      await stored(engine.defaultCache, 100, valueOf(BYTES.small));
      operations[`${count} listeners`] = (operation) => engine.defaultCache.getOrSet(`${operation % 100}`, missing);
    }
    return operations;
  }),
  growth('size of a value, hits in Redis', CONCURRENCY, async (url) => {
    const { defaultCache: cache } = await startEngine(url, { l1: false });
    return forSizes(async (value, name) => {
      // Readers of one key would share a read.
      await each(DISTINCT, (key) => cache.set(`${name}:${key}`, value));
      return (operation) => cache.getOrSet(`${name}:${operation % DISTINCT}`, missing);
    });
  }),
  growth('size of a value, loads', CONCURRENCY, async (url) => {
    const { defaultCache: cache } = await startEngine(url, { l1: false });
    return forSizes(async (value, name) => (operation) => cache.getOrSet(`${name}:${operation}`, () => value));
  }),
];

/**
 * @param {string} of
 * @param {number} concurrency
 * @param {(url: string, limits: import('./index.mjs').Limits) => Promise<Operations>} operationsOn
 * @returns {import('./index.mjs').Measure}
 */
function growth(of, concurrency, operationsOn) {
  return {
    name: `growth with ${of}`,
    systems: [OURS],
    rounds: 1,
    measure: async ({ startRedis, limits }) => {
      const { url } = await startRedis(['--maxmemory', '1gb', '--maxmemory-policy', 'allkeys-lru']);
      const operations = await operationsOn(url, limits);
      const turns = await takeTurns(operations, { concurrency, ...limits });
      return Object.fromEntries(Object.keys(operations).map((name) => [`${name} (µs)`, turns.micros(name)]));
    },
  };
}

/** @param {Pick<CacheService, 'getOrSet'>} cache @param {number} entries @param {unknown} value @param {string[]} [tags] */
async function stored(cache, entries, value, tags) {
  for (let pass = 0; pass < PASSES; pass += 1) {
    await each(entries, (key) => cache.getOrSet(`${key}`, () => value, tags && { tags }));
  }
}

/** @param {string} url @param {boolean} l1 */
async function withTags(url, l1) {
  const entries = 100;
  /** @type {Operations} */
  const operations = {};
  for (const [name, tags] of Object.entries(TAGS)) {
    const { defaultCache: cache } = await startEngine(url, { namespace: name.replace(' ', '-'), l1 });
    await stored(cache, entries, valueOf(BYTES.small), tags);
    operations[name] = (operation) => cache.getOrSet(`${operation % entries}`, missing, { tags });
  }
  return operations;
}

const TAGS = Object.fromEntries(
  [0, 1, 4, 16, 64].map((count) => [`${count} tags`, Array.from({ length: count }, (_, tag) => `tag-${tag}`)]),
);

/** @param {(tags: string[], name: string) => Operations[string]} operationFor @returns {Operations} */
function forTags(operationFor) {
  return Object.fromEntries(Object.entries(TAGS).map(([name, tags]) => [name, operationFor(tags, name)]));
}

/** @param {(value: unknown, name: string) => Promise<Operations[string]>} operationFor @returns {Promise<Operations>} */
async function forSizes(operationFor) {
  /** @type {Operations} */
  const operations = {};
  for (const bytes of Object.values(BYTES))
    operations[`${bytes} bytes`] = await operationFor(valueOf(bytes), `${bytes} bytes`);
  return operations;
}
