// @ts-check
import { takeTurns } from '../closed-loop.mjs';
import { startEngine } from '../engine.mjs';
import { watchServer } from '../server.mjs';
import { OURS } from '../systems.mjs';
import { BYTES, missing, valueOf } from '../values.mjs';

const CONCURRENCY = 16;
const DISTINCT = 4 * CONCURRENCY;
const KINDS = /** @type {const} */ ({ plain: false, compressed: { aboveBytes: 0 } });

/** @type {import('./index.mjs').Measure} */
export const COMPRESSION = {
  name: `compression, ${CONCURRENCY} at a time`,
  systems: [OURS],
  rounds: 1,
  measure: async ({ startRedis, limits }) => {
    const { url } = await startRedis();
    const { client } = watchServer(url);
    const cache = (await startEngine(url, { l1: false })).defaultCache;
    /** @type {Record<string, number>} */
    const numbers = {};
    for (const bytes of [BYTES.usual, BYTES.large, BYTES.huge]) {
      const value = valueOf(bytes);
      /** @type {Record<string, (operation: number) => Promise<unknown>>} */
      const operations = {};
      for (const [kind, compress] of Object.entries(KINDS)) {
        const key = `${kind}:${bytes}`;
        // Readers of one key would share a read.
        for (let copy = 0; copy < DISTINCT; copy += 1) await cache.set(`${key}:${copy}`, value, { compress });
        const [stored = ''] = await client.keys(`*${kind}*${bytes}*`);
        numbers[`${bytes} bytes of JSON, ${kind}: stored (bytes)`] = await client.strlen(stored);
        operations[`${kind}: hit`] = (operation) => cache.getOrSet(`${key}:${operation % DISTINCT}`, missing);
        operations[`${kind}: write`] = (operation) => cache.set(`${key}:${operation % DISTINCT}`, value, { compress });
      }
      const turns = await takeTurns(operations, { concurrency: CONCURRENCY, ...limits });
      for (const name of Object.keys(operations)) numbers[`${bytes} bytes of JSON, ${name} (µs)`] = turns.micros(name);
    }
    return numbers;
  },
};
