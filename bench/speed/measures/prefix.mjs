// @ts-check
import { watchServer } from '../server.mjs';
import { median } from '../statistics.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, each, valueOf } from '../values.mjs';

const KEPT = 40_000;
const DELETED = 10_000;
const SCAN_COUNT = 1_000;

/** @type {import('./index.mjs').Measure} */
export const PREFIX = {
  name: 'deleting a prefix: a fifth of the keys, 50,000 in a full run',
  systems: [OURS],
  rounds: 1,
  measure: async ({ start, startRedis, limits }) => {
    const share = Math.min(1, limits.maxEntries / (KEPT + DELETED));
    const [kept, deleted] = [KEPT * share, DELETED * share];
    const value = valueOf(BYTES.small);
    const { url } = await startRedis();
    const cache = await start({ url, tier: 'redis' });
    await each(kept, (key) => cache.getOrSet(`kept:${key}`, () => value));

    const { client } = watchServer((await startRedis()).url);
    const text = JSON.stringify(value);
    await each(kept, (key) => client.set(`kept:${key}`, text));

    const samples = [];
    for (let round = 0; round <= limits.rounds; round += 1) {
      await each(deleted, (key) => cache.getOrSet(`old:${key}`, () => value));
      await each(deleted, (key) => client.set(`old:${key}`, text));
      const oursMs = await timed(() => cache.deletePrefix?.('old:'));
      const byHandMs = await timed(() => deleteByHand(client, 'old:*'));
      // The first round is for warming up.
      if (round > 0) samples.push({ oursMs, byHandMs });
    }
    return {
      'all of it (ms)': median(samples.map(({ oursMs }) => oursMs)),
      'SCAN and UNLINK by hand (ms)': median(samples.map(({ byHandMs }) => byHandMs)),
      'time (× by hand)': median(samples.map(({ oursMs, byHandMs }) => oursMs / byHandMs)),
    };
  },
};

/** @param {import('ioredis').Redis} client @param {string} pattern */
async function deleteByHand(client, pattern) {
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    cursor = next;
    if (keys.length > 0) await client.unlink(keys);
  } while (cursor !== '0');
}

/** @param {() => unknown} work @returns {Promise<number>} milliseconds */
async function timed(work) {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}
