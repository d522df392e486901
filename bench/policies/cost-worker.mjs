// @ts-check
// What one policy costs, in a process of its own; answers what its parent asks.
//
//   node --expose-gc bench/policies/cost-worker.mjs <policy>
import { POLICIES } from './policies.mjs';
import { hitRatio } from './replay.mjs';
import { skewed } from './traces.mjs';

process.on('disconnect', () => process.exit());

const SIZE = 10_000;
const VALUE = {};
const [name = ''] = process.argv.slice(2);
const make = /** @type {NonNullable<(typeof POLICIES)[string]>} */ (POLICIES[name]);
const reads = skewed();
const held = [...new Set(reads)].slice(0, SIZE);
const known = new Set(held);
const hits = reads.filter((key) => known.has(key));
const warm = full();

/** @type {Record<string, () => number>} */
const questions = {
  hit: () => {
    const startedAt = process.cpuUsage();
    for (const key of hits) warm.get(key);
    return nanosSince(startedAt) / hits.length;
  },
  read: () => {
    const cache = make(SIZE);
    const startedAt = process.cpuUsage();
    hitRatio(cache, reads, 1);
    return nanosSince(startedAt) / reads.length;
  },
  bytes: () => {
    const before = usedBytes();
    const cache = full();
    const bytes = (usedBytes() - before) / SIZE;
    cache.get('');
    return bytes;
  },
};
process.on('message', (question) => process.send?.(questions[String(question)]?.()));
process.send?.('ready');

/** Each is used once, since a policy may give what is new less room than what is not. */
function full() {
  const cache = make(SIZE);
  for (const key of held) {
    cache.set(key, VALUE);
    cache.get(key);
  }
  return cache;
}

/** @param {NodeJS.CpuUsage} startedAt */
function nanosSince(startedAt) {
  const { user, system } = process.cpuUsage(startedAt);
  return (user + system) * 1_000;
}

function usedBytes() {
  for (let turn = 0; turn < 2; turn += 1) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
