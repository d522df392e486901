// @ts-check
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { watchServer } from '../server.mjs';
import { median, quantile } from '../statistics.mjs';
import { OURS } from '../systems.mjs';

const KEY = 'setting';
const LIMIT_MS = 1_000;
const READS_TO_FILL_MEMORY = 3;
const PAUSE_MS = 2;

/** One clock for all processes of the machine. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Reads until it sees this version; says when that was. @type {import('../peer.mjs').Answer} */
export async function answer(cache, { version }) {
  const deadlineMs = nowMs() + LIMIT_MS;
  while ((await cache.get?.(KEY))?.version !== version) {
    if (nowMs() > deadlineMs) return NaN;
    await turn();
  }
  const seenAtMs = nowMs();
  for (let read = 0; read < READS_TO_FILL_MEMORY; read += 1) await cache.get?.(KEY);
  return seenAtMs;
}

/** @type {import('./index.mjs').Measure} */
export const STALENESS = {
  name: 'until a second process sees a write',
  systems: [OURS, 'bentocache', 'cacheable'],
  isQuick: true,
  rounds: 1,
  measure: async ({ start, fork, startRedis, limits }) => {
    const { url } = await startRedis();
    const { pingMs } = watchServer(url);
    const cache = await start({ url, tier: 'memory' });
    const ask = await fork({ url, tier: 'memory' }, import.meta.url);
    const delaysMs = [];
    const pingsMs = [];
    let unseen = 0;
    for (let version = 0; version < limits.samples; version += 1) {
      const seen = ask({ version });
      await sleep(PAUSE_MS);
      // While the other process reads as fast as it can, as during the write.
      pingsMs.push(await pingMs());
      const startedAtMs = nowMs();
      await cache.set?.(KEY, { version });
      const seenAtMs = await seen;
      if (Number.isNaN(seenAtMs)) unseen += 1;
      // The first ones are for warming up.
      else if (version >= limits.samples / 10) delaysMs.push(seenAtMs - startedAtMs);
    }
    return {
      'p50 (ms)': median(delaysMs),
      'p99 (ms)': quantile(delaysMs, 0.99),
      'p50 (round trips of PING)': median(delaysMs) / median(pingsMs),
      [`not seen within ${LIMIT_MS} ms (%)`]: (unseen / limits.samples) * 100,
    };
  },
};
