// @ts-check
import { quantile } from '../statistics.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, fill, valueOf } from '../values.mjs';

const HUNG_MS = 2_500;
const SLOW_MS = 50;
const MAX_HUNG_CALLS = 1;
const SYSTEMS = [OURS, 'bentocache', 'cache-manager + Keyv', 'cacheable', 'async-cache-dedupe', 'ioredis'];

/** @type {readonly import('./index.mjs').Measure[]} */
export const OUTAGES = [
  outage('Redis is killed', (redis) => redis.kill()),
  outage('Redis is stopped', (redis) => redis.pause()),
];

/**
 * @param {string} name
 * @param {(redis: import('../../../scripts/servers.mjs').RedisServer) => Promise<void>} begin
 * @returns {import('./index.mjs').Measure}
 */
function outage(name, begin) {
  return {
    name: `${name}: calls with a loader, default settings`,
    systems: SYSTEMS,
    isQuick: true,
    peerRounds: 1,
    measure: async ({ start, startRedis, limits }) => {
      // What nobody catches would end the process; here it counts as a failure.
      let failed = 0;
      for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, () => (failed += 1));
      const redis = await startRedis();
      const cache = await start({ url: redis.url, tier: 'redis', report: () => undefined });
      await fill(cache, valueOf(BYTES.small));
      await begin(redis);
      const callsMs = [];
      let hung = 0;
      while (callsMs.length <= limits.samples && hung <= MAX_HUNG_CALLS) {
        const { ms, outcome } = await call(cache, `unknown:${callsMs.length}`);
        callsMs.push(ms);
        if (outcome === 'hung') hung += 1;
        if (outcome === 'failed') failed += 1;
      }
      const [firstMs = NaN, ...laterMs] = callsMs;
      await redis.kill();
      return {
        'first call (ms)': firstMs,
        [`later calls that take more than ${SLOW_MS} ms`]: laterMs.filter((ms) => ms > SLOW_MS).length,
        'later calls, p50 (ms)': quantile(laterMs, 0.5),
        'later calls, p99 (ms)': quantile(laterMs, 0.99),
        [`longer than ${HUNG_MS} ms (%)`]: (hung / callsMs.length) * 100,
        'failed (%)': (Math.min(failed, callsMs.length) / callsMs.length) * 100,
      };
    },
  };
}

/** @param {import('../systems.mjs').Subject} cache @param {string} key */
async function call(cache, key) {
  const startedAtMs = performance.now();
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const outcome = await Promise.race([
    cache
      .getOrSet(key, () => 'loaded')
      .then(
        (value) => (value === 'loaded' ? 'answered' : 'failed'),
        () => 'failed',
      ),
    new Promise((resolve) => {
      timer = setTimeout(resolve, HUNG_MS, 'hung');
    }),
  ]);
  clearTimeout(timer);
  return { ms: performance.now() - startedAtMs, outcome };
}
