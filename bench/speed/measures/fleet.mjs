// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine } from '../engine.mjs';
import { watchServer } from '../server.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, each, valueOf } from '../values.mjs';

const SIZES = [1, 4, 16, 64];
const IDLE_MS_PER_ROUND = 400;
const WRITES_PER_SAMPLE = 10;

/**
 * What one server sees of a fleet: it cannot tell instances in one process from those in many, since each has connections of its
 * own. Their CPU is that of all together.
 *
 * @type {import('./index.mjs').Measure}
 */
export const FLEET = {
  name: 'growth with processes',
  systems: [OURS],
  rounds: 1,
  measure: async ({ startRedis, limits }) => {
    /** @type {Record<string, number>} */
    const numbers = {};
    for (const size of SIZES.filter((each) => each <= limits.maxEngines)) {
      const { url } = await startRedis();
      const server = watchServer(url);
      const before = { memory: await server.usedMemory(), connections: await server.connections() };
      const engines = await Promise.all(Array.from({ length: size }, () => startEngine(url)));
      const name = `${size} processes`;
      numbers[`${name}: connections`] = (await server.connections()) - before.connections;
      numbers[`${name}: memory of Redis (bytes)`] = (await server.usedMemory()) - before.memory;

      const idle = await observed(server, () => sleep(limits.rounds * IDLE_MS_PER_ROUND));
      const perSecond = 1000 / idle.ms;
      numbers[`${name}, idle: commands (1/s)`] = idle.commands * perSecond;
      numbers[`${name}, idle: CPU of Redis (µs/s)`] = idle.serverMicros * perSecond;
      numbers[`${name}, idle: CPU of all processes (µs/s)`] = idle.ownMicros * perSecond;

      const writes = limits.samples * WRITES_PER_SAMPLE;
      const value = valueOf(BYTES.small);
      const cache = /** @type {Awaited<ReturnType<typeof startEngine>>} */ (engines[0]).defaultCache;
      const busy = await observed(server, () => each(writes, (key) => cache.set(`${key}`, value)));
      const perWrite = (/** @type {'serverMicros' | 'ownMicros' | 'sentBytes'} */ what) =>
        (busy[what] - (idle[what] * busy.ms) / idle.ms) / writes;
      numbers[`${name}, write: CPU of Redis (µs)`] = perWrite('serverMicros');
      numbers[`${name}, write: CPU of all processes (µs)`] = perWrite('ownMicros');
      numbers[`${name}, write: sent by Redis (bytes)`] = perWrite('sentBytes');
      await Promise.all(engines.map((engine) => engine.close()));
    }
    return numbers;
  },
};

/** @param {ReturnType<typeof watchServer>} server @param {() => Promise<unknown>} work */
async function observed(server, work) {
  await server.resetCounts();
  const serverBefore = await server.cpuMicros();
  const sentBefore = await server.sentBytes();
  const ownBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  await work();
  const ms = performance.now() - startedAtMs;
  const { user, system } = process.cpuUsage(ownBefore);
  return {
    ms,
    ownMicros: user + system,
    sentBytes: (await server.sentBytes()) - sentBefore,
    serverMicros: (await server.cpuMicros()) - serverBefore,
    commands: await server.commands(),
  };
}
