// @ts-check
// Runs every scenario on every system, prints the verdicts, and writes them into docs/comparison.md.
//
//   npm run compare [-- <words of the names of systems or scenarios>]
//
// With words only what matches is run and printed, with what it wrote itself, and the page stays as it is.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, loadavg } from 'node:os';
import { ensureRedis } from '../../scripts/setup.mjs';
import { writeComparison } from './page.mjs';
import { GROUPS } from './scenarios/index.mjs';
import { SYSTEMS, adapterOf } from './systems.mjs';
import { ABSENT, cellOf, defect } from './verdict.mjs';

/** @typedef {import('./verdict.mjs').Verdict} Verdict */
/** @typedef {{ system: string, scenario: string, isTuned: boolean, verdict?: Verdict }} Cell */

// Most of a trial is waiting.
const TRIALS_PER_CORE = 5;
const TRIAL_LIMIT_MS = 60_000;
const trial = new URL('trial.mjs', import.meta.url);

const words = process.argv.slice(2);
const adapters = new Map(
  await Promise.all(SYSTEMS.map(async (system) => /** @type {const} */ ([system, await adapterOf(system)]))),
);
const cells = allCells().filter((cell) => words.every((word) => `${nameOf(cell)} ${cell.scenario}`.includes(word)));

if (cells.length === 0) throw new Error(`No system and scenario are called ${words.join(' ')}.`);
if (!(await ensureRedis())) throw new Error('The comparison needs a Redis.');
if ((loadavg()[0] ?? 0) > availableParallelism()) {
  console.warn('Other programs keep this machine busy: delays may be taken for defects.');
}
const waiting = [...cells];
await Promise.all(Array.from({ length: availableParallelism() * TRIALS_PER_CORE }, work));
if (words.length === 0) await writeComparison(cells, adapters);

/** @returns {Cell[]} */
function allCells() {
  return GROUPS.flatMap(({ scenarios, isTunedToo }) =>
    scenarios.flatMap(({ name }) => [
      ...SYSTEMS.map((system) => ({ system, scenario: name, isTuned: false })),
      ...SYSTEMS.filter((system) => isTunedToo && adapters.get(system)?.tuning).map((system) => ({
        system,
        scenario: name,
        isTuned: true,
      })),
    ]),
  );
}

/** @param {Cell} cell */
function nameOf({ system, isTuned }) {
  return `${adapters.get(system)?.name}${isTuned ? ' (tuned)' : ''}`;
}

async function work() {
  for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
    cell.verdict = await judge(cell);
    console.log(`${cell.scenario} | ${nameOf(cell)} | ${cellOf(cell.verdict)}`);
  }
}

/** @param {Cell} cell @returns {Promise<Verdict>} */
async function judge({ system, scenario, isTuned }) {
  if (!isOffered(system, scenario)) return ABSENT;
  const child = fork(trial, [system, scenario, ...(isTuned ? ['tuned'] : [])], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    timeout: TRIAL_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += String(text)));
  /** @type {Verdict | undefined} */
  let verdict;
  child.on('message', (message) => (verdict = /** @type {Verdict} */ (message)));
  const [code] = await once(child, 'exit');
  if (words.length > 0 && output) console.error(output);
  return verdict ?? defect(code === null ? `hangs for ${TRIAL_LIMIT_MS / 1000} s` : 'the process crashes');
}

/** @param {string} system @param {string} scenario */
function isOffered(system, scenario) {
  const { needs = [] } = GROUPS.flatMap(({ scenarios }) => scenarios).find(({ name }) => name === scenario) ?? {};
  return needs.every((feature) => adapters.get(system)?.features.includes(feature));
}
