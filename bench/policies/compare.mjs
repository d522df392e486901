// @ts-check
// How often a memory tier would have the answer, and what a read of it costs, with lru-cache and with policies that resist
// scans. The numbers behind docs/decisions/memory-policy.md, which says where the recorded trace comes from.
//
//   npm ci --prefix bench && node bench/policies/compare.mjs [--trace file]... [--format keys|arc] [--rounds 9]
//
// A recorded trace replaces nothing: it comes before those that are made here. Costs are the CPU time of a process for each
// policy, asked in turns; ratios to lru-cache, which runs twice, so that what differs less than its second run is noise.
import { fork } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { conversation } from '../speed/conversation.mjs';
import { median } from '../speed/statistics.mjs';
import { LRU, POLICIES } from './policies.mjs';
import { hitRatio, optimum } from './replay.mjs';
import { readTrace, syntheticTraces } from './traces.mjs';

/** @typedef {import('./traces.mjs').Trace} Trace */

/** The memory tier's default is the second. */
const SIZES = [1_000, 10_000];
/** Of the keys of a recorded trace. */
const SHARES = [0.1, 0.4];
const WORKER = fileURLToPath(new URL('cost-worker.mjs', import.meta.url));

const { values } = parseArgs({
  options: {
    trace: { type: 'string', multiple: true, default: [] },
    format: { type: 'string', default: 'keys' },
    rounds: { type: 'string', default: '9' },
  },
});

/** @type {{ trace: Trace, size: number }[]} */
const replays = [];
for (const path of values.trace) {
  const keys = await readTrace(path, values.format);
  const distinct = new Set(keys).size;
  const trace = { name: `${basename(path)}, ${keys.length} reads of ${distinct} keys`, keys };
  for (const share of SHARES) replays.push({ trace, size: Math.round(distinct * share) });
}
for (const size of SIZES) for (const trace of syntheticTraces(size)) replays.push({ trace, size });

for (const [title, fillsAt] of /** @type {const} */ ([
  ['each miss fills, as in other comparisons', 1],
  ['the second read of a key fills, as in the memory tier', 2],
])) {
  const rows = replays.map(({ trace: { name, keys }, size }) => [
    name,
    size,
    ...Object.values(POLICIES).map((make) => percent(hitRatio(make(size), keys, fillsAt))),
    percent(optimum(size, keys, fillsAt)),
  ]);
  print(`Hits in memory, in %: ${title}`, ['reads', 'size', ...Object.keys(POLICIES), 'optimum'], rows);
}
print('Cost as a ratio to lru-cache', ['policy', 'hit', 'read with misses', 'bytes of an entry'], await costs());
process.exit();

async function costs() {
  const names = [LRU, ...Object.keys(POLICIES)];
  const children = names.map((name) => fork(WORKER, [name], { execArgv: ['--expose-gc'] }));
  const talks = children.map((child) => conversation(child));
  for (const { first } of talks) await first;
  /** @type {Record<string, number[]>[]} */
  const taken = names.map(() => ({ hit: [], read: [], bytes: [] }));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const question of ['hit', 'read', 'bytes']) {
      // Another order in each round, so that none always follows the same one.
      for (let turn = 0; turn < names.length; turn += 1) {
        const at = (turn + round) % names.length;
        taken[at]?.[question]?.push(await talks[at]?.ask(question));
      }
    }
  }
  for (const child of children) child.kill();
  const [reference] = taken;
  return taken.slice(1).map((own, index) => [
    index === 0 ? `${LRU}, again` : names[index + 1],
    ...Object.keys(own).map((question) => {
      const ratios = own[question]?.map((value, round) => value / (reference?.[question]?.[round] ?? NaN)) ?? [];
      return `${median(ratios).toFixed(2)} (${median(own[question] ?? []).toFixed()} ${question === 'bytes' ? 'B' : 'ns'})`;
    }),
  ]);
}

/** @param {number} share */
function percent(share) {
  return (share * 100).toFixed(1);
}

/** @param {string} title @param {string[]} head @param {unknown[][]} rows */
function print(title, head, rows) {
  const lines = [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows];
  console.log(`\n${title}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}`);
}
