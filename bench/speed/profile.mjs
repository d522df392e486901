// @ts-check
// Where one system spends its time in one scenario: the parts and the functions that run longest, or that allocate most;
// with --survivors only what young collections left and a full one takes: garbage that was copied for nothing.
//
//   node bench/speed/profile.mjs <system> <scenario> [--allocation | --survivors] [--seconds 3] [--save file.cpuprofile]
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { parseArgs } from 'node:util';
import { ensureRedis } from '../../scripts/setup.mjs';
import { startRedis } from '../../scripts/servers.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { SYSTEMS } from './systems.mjs';

const MAX_LINES = 45;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    allocation: { type: 'boolean', default: false },
    survivors: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '3' },
    save: { type: 'string' },
  },
});
const [systemName = '', scenarioName = ''] = positionals;
const system = SYSTEMS.find(({ name }) => name.includes(systemName));
const scenario =
  SCENARIOS.find(({ name }) => name === scenarioName) ?? SCENARIOS.find(({ name }) => name.includes(scenarioName));
if (!system || !scenario) throw new Error(`There is no system "${systemName}" or no scenario "${scenarioName}".`);

if (!(await ensureRedis())) throw new Error('The benchmark needs a Redis.');
const redis = await startRedis();
const cache = await system.start({ url: redis.url, tier: scenario.tier });
await scenario.prepare?.(cache);
let operations = 0;
await run(1);
operations = 0;

const session = new Session();
session.connect();
const seconds = Number(values.seconds);
/** @type {Map<string, number>} */
const costs = new Map();
/** @type {Map<string, number>} */
const parts = new Map();
let unit = 'µs';
if (values.allocation || values.survivors) {
  unit = 'bytes';
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: 4096,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: !values.survivors,
  });
  await run(seconds);
  const { profile } = await session.post('HeapProfiler.stopSampling');
  const visit = (/** @type {import('node:inspector').HeapProfiler.SamplingHeapProfileNode} */ node) => {
    add(node.callFrame, node.selfSize);
    for (const child of node.children) visit(child);
  };
  visit(profile.head);
} else {
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  await run(seconds);
  const { profile } = await session.post('Profiler.stop');
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const frame = frames.get(id);
    if (frame) add(frame, profile.timeDeltas?.[index] ?? 0);
  }
  if (values.save) await writeFile(values.save, JSON.stringify(profile));
}
console.log(
  `${system.name}: ${scenario.name}, ${Math.round(operations / seconds)} operations per second; ${unit} per operation:`,
);
for (const table of [parts, costs]) {
  const lines = [...table].sort(([, a], [, b]) => b - a).slice(0, MAX_LINES);
  for (const [where, cost] of lines) console.log(`${(cost / operations).toFixed(3).padStart(10)}  ${where}`);
  console.log();
}
await cache.stop();
await redis.stop();
process.exit();

/** @param {{ functionName: string, url: string, lineNumber: number }} frame @param {number} cost */
function add({ functionName, url, lineNumber }, cost) {
  const file = url.replace(/^.*\/(?=[^/]+\/[^/]+$)/, '');
  const where = `${functionName || '(anonymous)'}  ${file}:${lineNumber + 1}`;
  costs.set(where, (costs.get(where) ?? 0) + cost);
  const part = partOf(functionName, url);
  parts.set(part, (parts.get(part) ?? 0) + cost);
}

/** @param {string} functionName @param {string} url */
function partOf(functionName, url) {
  const [, room] = /redis-cache\/dist\/(?:([^/]+)\/)?[^/]+$/.exec(url) ?? [];
  if (room !== undefined) return `nestjs-rcache, ${room}`;
  if (url.includes('/redis-cache/dist/')) return 'nestjs-rcache';
  const [, library] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (library !== undefined) return library;
  if (url.startsWith('node:')) return 'Node.js';
  if (url !== '') return 'the benchmark';
  return functionName.startsWith('(') ? functionName : `native ${functionName}`.trim();
}

/** @param {number} seconds */
async function run(seconds) {
  const endAtMs = performance.now() + seconds * 1000;
  const reader = async () => {
    while (performance.now() < endAtMs) {
      if (!scenario || !cache) return;
      for (let turn = 0; turn < (scenario.concurrency === 1 ? 64 : 1); turn += 1)
        await scenario.operation(cache, (operations += 1));
    }
  };
  await Promise.all(Array.from({ length: scenario?.concurrency ?? 1 }, reader));
}
