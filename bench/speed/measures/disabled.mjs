// @ts-check
import { takeTurns } from '../closed-loop.mjs';
import { startEngine } from '../engine.mjs';
import { OURS } from '../systems.mjs';
import { keyOf } from '../values.mjs';

/** @type {import('./index.mjs').Measure} */
export const DISABLED = {
  name: 'the cache is disabled',
  systems: [OURS],
  isQuick: true,
  measure: async ({ limits }) => {
    // Nobody listens on that port, and nobody is to ask.
    const engine = await startEngine('redis://127.0.0.1:1', { enabled: false });
    const cache = engine.defaultCache;
    const load = async () => 42;
    const turns = await takeTurns(
      { direct: () => load(), cache: (operation) => cache.getOrSet(keyOf(operation), load) },
      { concurrency: 1, ...limits },
    );
    return {
      'the loader alone (µs)': turns.micros('direct'),
      'through the cache (µs)': turns.micros('cache'),
      'added (µs)': turns.micros('cache') - turns.micros('direct'),
    };
  },
};
