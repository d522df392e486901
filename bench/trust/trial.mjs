// @ts-check
// Runs one scenario on one system, in a process of its own that may hang or crash, and sends the verdict to its parent.
//
//   node bench/trust/trial.mjs <system> <scenario> [tuned]
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from './lab.mjs';
import { GROUPS } from './scenarios/index.mjs';
import { adapterOf } from './systems.mjs';
import { defect, nameOf, overall } from './verdict.mjs';

const DEFAULT_TRIALS = 3;
const AFTERMATH_MS = 50;

process.on('disconnect', () => process.exit());

/** @type {Lab | undefined} */
let running;
for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error) => running?.unhandled.push(error));
}

const [system = '', name, tuned] = process.argv.slice(2);
const adapter = await adapterOf(system);
const scenario = GROUPS.flatMap(({ scenarios }) => scenarios).find((one) => one.name === name);
if (!scenario) throw new Error(`There is no scenario "${name}".`);

const { trials = DEFAULT_TRIALS } = scenario;
const verdicts = [];
for (let trial = 0; trial < trials; trial += 1) verdicts.push(await runOnce(adapter, scenario));
const verdict = overall(verdicts);
if (process.send) process.send(verdict, () => process.exit());
else {
  console.log(verdict);
  process.exit();
}

/**
 * @param {import('./adapter.mjs').Adapter} adapter
 * @param {import('./scenarios/index.mjs').Scenario} scenario
 * @returns {Promise<import('./verdict.mjs').Verdict>}
 */
async function runOnce(adapter, scenario) {
  const lab = await Lab.open(adapter, tuned === 'tuned', scenario.lab);
  running = lab;
  try {
    const verdict = await scenario.run(lab);
    return lab.unhandled.length > 0 ? alsoUnhandled(verdict, lab.unhandled[0]) : verdict;
  } catch (error) {
    console.error(error);
    return defect(`throws ${nameOf(error)}`);
  } finally {
    // What fails while we close, with calls under way, is not held against a system.
    running = undefined;
    await lab.close();
    await sleep(AFTERMATH_MS);
  }
}

/**
 * Without our listener the error would have ended the process.
 * @param {import('./verdict.mjs').Verdict} verdict
 * @param {unknown} error
 */
function alsoUnhandled({ text }, error) {
  console.error(error);
  return defect([text, `an unhandled ${nameOf(error)} ends the process`].filter(Boolean).join(', '));
}
