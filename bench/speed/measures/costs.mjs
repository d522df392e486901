// @ts-check
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { closedLoop } from '../closed-loop.mjs';
import { watchServer } from '../server.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, fill, keyOf, missing, valueOf } from '../values.mjs';

const SYSTEMS = [
  'ioredis',
  'ioredis, auto-pipelined',
  'node-redis',
  OURS,
  'bentocache',
  'cache-manager + Keyv',
  'cacheable',
  'async-cache-dedupe',
];
const CONCURRENCY = 64;
const MICROS_PER_MS = 1_000;
const NANOS_PER_MS = 1_000_000;

/** @type {readonly import('./index.mjs').Measure[]} */
export const COSTS = [
  costs('Redis hit', (cache, operation) => cache.getOrSet(keyOf(operation), missing)),
  costs('miss', (cache, operation) => cache.getOrSet(`new:${operation}`, () => valueOf(BYTES.usual))),
];

/**
 * @param {string} name
 * @param {(cache: import('../systems.mjs').Subject, operation: number) => Promise<unknown>} operation
 * @returns {import('./index.mjs').Measure}
 */
function costs(name, operation) {
  return {
    name: `cost of a ${name}, ${BYTES.usual} bytes, ${CONCURRENCY} at a time`,
    systems: SYSTEMS,
    rounds: 1,
    measure: async ({ start, startRedis, limits }) => {
      const { url } = await startRedis();
      const server = watchServer(url);
      const cache = await start({ url, tier: 'redis' });
      await fill(cache, valueOf(BYTES.usual));
      let operations = 0;
      const run = () =>
        closedLoop(() => operation(cache, (operations += 1)), {
          concurrency: CONCURRENCY,
          windowMs: limits.windowMs * limits.rounds,
        });
      await run();

      await server.resetCounts();
      const delay = monitorEventLoopDelay({ resolution: 1 });
      const serverBefore = await server.cpuMicros();
      const before = process.cpuUsage();
      delay.enable();
      const loop = await run();
      delay.disable();
      const { user, system } = process.cpuUsage(before);
      return {
        'CPU of the process per call (µs)': (user + system) / loop.operations,
        'CPU of Redis per call (µs)': ((await server.cpuMicros()) - serverBefore) / loop.operations,
        'commands of Redis per call': (await server.commands()) / loop.operations,
        'event loop held up, p50 (ms)': delay.percentile(50) / NANOS_PER_MS,
        'event loop held up, p99 (ms)': delay.percentile(99) / NANOS_PER_MS,
        'time (µs)': (loop.ms * MICROS_PER_MS) / loop.operations,
      };
    },
  };
}
