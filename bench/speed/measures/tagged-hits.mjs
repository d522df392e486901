// @ts-check
import { takeTurns } from '../closed-loop.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, fill, keyOf, missing, valueOf } from '../values.mjs';

const TAGS = { tags: ['users', 'team:7'] };
const TIERS = /** @type {const} */ ([
  ['memory', 1],
  ['redis', 64],
]);

/** @type {import('./index.mjs').Measure} */
export const TAGGED_HITS = {
  name: 'a hit with two tags',
  systems: [OURS, 'bentocache'],
  isQuick: true,
  measure: async ({ start, startRedis, limits }) => {
    /** @type {Record<string, number>} */
    const numbers = {};
    for (const [tier, concurrency] of TIERS) {
      const { url } = await startRedis();
      const cache = await start({ url, tier, hasTags: true });
      // Making a key costs as much as a hit: both are made alike.
      const untagged = (/** @type {number} */ key) => `simple:${keyOf(key)}`;
      const tagged = (/** @type {number} */ key) => `tagged:${keyOf(key)}`;
      await fill(cache, valueOf(BYTES.usual), undefined, untagged);
      await fill(cache, valueOf(BYTES.usual), TAGS, tagged);
      const turns = await takeTurns(
        {
          untagged: (operation) => cache.getOrSet(untagged(operation), missing),
          tagged: (operation) => cache.getOrSet(tagged(operation), missing, TAGS),
        },
        { concurrency, ...limits },
      );
      const where = tier === 'memory' ? 'memory' : 'Redis';
      numbers[`${where}, tagged (µs)`] = turns.micros('tagged');
      numbers[`${where}, untagged (µs)`] = turns.micros('untagged');
      numbers[`${where}, speed of tagged (× untagged)`] = turns.speed('tagged', 'untagged');
      await cache.stop();
    }
    return numbers;
  },
};
