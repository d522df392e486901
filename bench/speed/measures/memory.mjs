// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { OURS } from '../systems.mjs';
import { BYTES, each, valueOf } from '../values.mjs';

// The smallest memory the documentation of a system sets up has 5,000 entries.
const SIZES = { few: 1_000, many: 5_000 };
const PASSES = 3;
const SETTLE_MS = 300;

/** @type {import('./index.mjs').Measure} */
export const MEMORY = {
  name: 'memory of an entry in the process',
  systems: [OURS, 'bentocache', 'cache-manager + Keyv', 'cacheable', 'lru-cache'],
  flags: ['--expose-gc'],
  measure: async ({ start, startRedis }) => {
    const fresh = async () => start({ url: (await startRedis()).url, tier: 'memory' });
    const map = new Map();
    const mapBytes = await bytesPerEntry(async (key, value) => void (map.has(key) || map.set(key, value())));
    // Compiled code is memory, too: the first cache is for warming up.
    const [, cacheBytes] = [await bytesPerEntryOf(await fresh()), await bytesPerEntryOf(await fresh())];
    // The Map must not be collected between the measurements of the other.
    if (map.size !== SIZES.many) throw new Error('The map lost entries.');
    return {
      'entry (bytes)': cacheBytes,
      'the same in a Map (bytes)': mapBytes,
      'over the Map (bytes)': cacheBytes - mapBytes,
    };
  },
};

/** @param {import('../systems.mjs').Subject} cache */
const bytesPerEntryOf = (cache) => bytesPerEntry((key, value) => cache.getOrSet(key, value));

/**
 * The growth between two sizes, so that what a cache takes once does not count.
 * @param {(key: string, value: () => unknown) => Promise<unknown>} store is called more than once for a key
 */
async function bytesPerEntry(store) {
  const text = JSON.stringify(valueOf(BYTES.small));
  const heap = [];
  for (const size of [SIZES.few, SIZES.many]) {
    for (let pass = 0; pass < PASSES; pass += 1) {
      await each(size, (key) => store(`user:${key}`, () => JSON.parse(text)));
    }
    heap.push(await usedBytes());
  }
  return ((heap[1] ?? NaN) - (heap[0] ?? NaN)) / (SIZES.many - SIZES.few);
}

async function usedBytes() {
  for (let pass = 0; pass < PASSES; pass += 1) {
    await sleep(SETTLE_MS / PASSES);
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
