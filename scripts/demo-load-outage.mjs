// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { runRequests } from './demo-load-run.mjs';
import { startRedis } from './servers.mjs';

/** @typedef {import('./servers.mjs').RedisServer} RedisServer */
/** @typedef {'hang' | 'kill'} Outage */
/** @typedef {import('./demo-load-run.mjs').RunResult & { answeredMeanwhile: number }} OutageResult */

/** Redis is used again soon after it is back; what it is asked then has to be right, too. */
const AFTERWARDS_MS = 2_000;

/**
 * Sends requests while Redis is away, and for a while after it is back.
 *
 * @param {object} options
 * @param {Outage} options.outage `hang`: it keeps its connections and does not answer. `kill`: it is gone with all it held,
 *   and an empty one comes back in its place.
 * @param {number} options.seconds how long it is away
 * @param {number} options.atLeast requests that are sent in any case
 * @param {RedisServer} options.redis
 * @param {Omit<Parameters<typeof runRequests>[0], 'isEnough'>} options.run with more requests than can be sent
 * @returns {Promise<{ result: OutageResult, redis: RedisServer }>} and the server there is now
 */
export async function runThroughOutage({ outage, seconds, atLeast, redis, run }) {
  let server = redis;
  let endsAtMs = Infinity;
  let answeredMeanwhile = 0;
  const fault = async () => {
    await (outage === 'hang' ? redis.pause() : redis.kill());
    const before = run.client.answered;
    await sleep(seconds * 1_000);
    answeredMeanwhile = run.client.answered - before;
    if (outage === 'hang') await redis.resume();
    else server = await startRedis({ port: redis.port });
    endsAtMs = performance.now() + AFTERWARDS_MS;
  };
  const faulting = fault();
  try {
    const isEnough = (/** @type {number} */ done) => done >= atLeast && performance.now() > endsAtMs;
    const result = await runRequests({ ...run, isEnough });
    return { result: { ...result, answeredMeanwhile }, redis: server };
  } finally {
    await faulting;
  }
}
