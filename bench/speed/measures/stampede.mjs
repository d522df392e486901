// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { sentDuring } from '../monitor.mjs';
import { watchServer } from '../server.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, valueOf } from '../values.mjs';

const LOAD_MS = 50;
const CALLERS = 400;
const PROCESSES = [1, 4];

/** Asks for one key many times at once; says how often its loader ran. @type {import('../peer.mjs').Answer} */
export async function answer(cache, { key, callers }) {
  let loads = 0;
  const load = async () => {
    loads += 1;
    await sleep(LOAD_MS);
    return valueOf(BYTES.usual);
  };
  await Promise.all(Array.from({ length: callers }, () => cache.getOrSet(key, load)));
  return loads;
}

/** @type {import('./index.mjs').Measure} */
export const STAMPEDE = {
  name: `${CALLERS} callers want a key that is not there`,
  systems: [OURS, 'bentocache', 'cache-manager + Keyv', 'cacheable', 'async-cache-dedupe', 'ioredis'],
  isQuick: true,
  peerRounds: 1,
  measure: async ({ fork, startRedis }) => {
    /** @type {Record<string, number>} */
    const numbers = {};
    for (const processes of PROCESSES) {
      const { url } = await startRedis();
      const server = watchServer(url);
      const peers = await Promise.all(
        Array.from({ length: processes }, () => fork({ url, tier: 'redis' }, import.meta.url)),
      );
      await Promise.all(peers.map((ask) => ask({ key: 'another', callers: 1 })));
      /** @type {number[]} */
      let loads = [];
      await server.resetCounts();
      const commands = await sentDuring(url, async () => {
        loads = await Promise.all(peers.map((ask) => ask({ key: 'wanted', callers: CALLERS / processes })));
      });
      const name = processes === 1 ? '1 process' : `${processes} processes`;
      numbers[`${name} (loads)`] = loads.reduce((sum, each) => sum + each, 0);
      numbers[`${name} (Redis commands)`] = commands;
      numbers[`${name} (Redis commands, with those of scripts)`] = await server.commands();
      for (const { end } of peers) end();
    }
    return numbers;
  },
};
