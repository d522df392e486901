// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { watchServer } from '../server.mjs';
import { median } from '../statistics.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, each, valueOf } from '../values.mjs';

// The smallest memory the documentation of a system sets up has 5,000 entries.
const SIZES = { few: 1_000, many: 5_000 };
const PASSES = 3;
const TURNS = 4;
const MEASURED = 3;
const SETTLE_MS = 300;
const MAX_ASKED_SHARE = 0.05;

/** @type {import('./index.mjs').Measure} */
export const MEMORY = {
  name: 'memory of an entry in the process',
  systems: [OURS, 'bentocache', 'cache-manager + Keyv', 'cacheable', 'lru-cache'],
  // Compiled code is memory, too, and there is more of it with each cache.
  flags: ['--expose-gc', '--jitless'],
  rounds: 1,
  measure: async ({ start, startRedis }) => {
    const maps = [];
    const mapBytes = await settled(() => {
      const map = new Map();
      // None must be collected while the others are measured.
      maps.push(map);
      return async (key, value) => void (map.has(key) || map.set(key, value()));
    });
    const { url } = await startRedis();
    const cache = await start({ url, tier: 'memory' });
    const cacheBytes = await settled(async () => {
      const next = await start({ url: (await startRedis()).url, tier: 'memory' });
      return (key, value) => next.getOrSet(key, value);
    });
    await expectHeld(url, (key, value) => cache.getOrSet(key, value));
    return {
      'entry (bytes)': cacheBytes,
      'the same in a Map (bytes)': mapBytes,
      'over the Map (bytes)': cacheBytes - mapBytes,
    };
  },
};

/** @typedef {(key: string, value: () => unknown) => Promise<unknown>} Store is called more than once for a key */

/** The first is for warming up. @param {() => Store | Promise<Store>} fresh */
async function settled(fresh) {
  const samples = [];
  for (let turn = 0; turn < TURNS; turn += 1) samples.push(await bytesPerEntry(await fresh()));
  return median(samples.slice(-MEASURED));
}

/** Of a cache that keeps less than it is given nothing could be said. @param {string} url @param {Store} store */
async function expectHeld(url, store) {
  const { resetCounts, commands } = watchServer(url);
  const pass = () => each(SIZES.many, (key) => store(`user:${key}`, () => key));
  for (let count = 0; count < PASSES; count += 1) await pass();
  await resetCounts();
  await pass();
  const asked = await commands();
  if (asked > SIZES.many * MAX_ASKED_SHARE) throw new Error(`${asked} of ${SIZES.many} entries are not in memory.`);
}

/**
 * The growth between two sizes, so that what a cache takes once does not count.
 * @param {Store} store
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
