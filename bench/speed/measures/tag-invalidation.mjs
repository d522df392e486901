// @ts-check
import { watchServer } from '../server.mjs';
import { median } from '../statistics.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, each, valueOf } from '../values.mjs';

const SIZES = [1_000, 10_000, 100_000];
// Each entry has all of them, so that one filling is enough for as many invalidations.
const TAGS_PER_ENTRY = 5;
const PINGS = 50;
const WARMING = 200;

/** @type {import('./index.mjs').Measure} */
export const TAG_INVALIDATION = {
  name: 'invalidating a tag',
  systems: [OURS, 'bentocache'],
  rounds: 1,
  measure: async ({ start, startRedis, limits }) => {
    const { url } = await startRedis();
    const { pingMs } = watchServer(url);
    const cache = await start({ url, tier: 'redis', hasTags: true });
    for (let tag = 0; tag < WARMING; tag += 1) await cache.invalidateTag?.(`warming:${tag}`);
    /** @type {Record<string, number>} */
    const numbers = {};
    for (const size of SIZES.filter((each) => each <= limits.maxEntries)) {
      const tags = Array.from({ length: TAGS_PER_ENTRY }, (_, tag) => `${size}:${tag}`);
      const value = valueOf(BYTES.small);
      await each(size, (key) => cache.getOrSet(`${size}:${key}`, () => value, { tags }));
      const samplesMs = [];
      const pingsMs = [];
      for (const tag of tags) {
        for (let ping = 0; ping < PINGS / TAGS_PER_ENTRY; ping += 1) pingsMs.push(await pingMs());
        const startedAtMs = performance.now();
        await cache.invalidateTag?.(tag);
        samplesMs.push(performance.now() - startedAtMs);
      }
      numbers[`${size} entries (ms)`] = median(samplesMs);
      numbers[`${size} entries (round trips of PING)`] = median(samplesMs) / median(pingsMs);
    }
    return numbers;
  },
};
