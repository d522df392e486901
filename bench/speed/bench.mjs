// @ts-check
// `npm run bench`: every system side by side. --help says the rest.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureRedis } from '../../scripts/setup.mjs';
import { load, machine } from './machine.mjs';
import { MEASURES } from './measures/index.mjs';
import { take } from './measuring.mjs';
import { writePerformance } from './page.mjs';
import { race } from './race.mjs';
import { regressions } from './regression.mjs';
import { COMMITTED, merged, readResults, writeResults } from './results.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { OURS, SYSTEMS } from './systems.mjs';
import { isReached, measuredFor, TARGETS } from './targets.mjs';
import { each } from './values.mjs';

const HELP = `npm run bench -- [options] [words that the names of scenarios have]
  --quick    the chief scenarios in under a minute; everything else of us only
  --ours     only our own system
  --docs     writes bench/results.json and docs/performance.md; with words only those scenarios anew
  --compare  warns of ratios that are worse than in bench/results.json
  --save     a file for the results
  --tiny     once, with tiny numbers: whether it works, not how fast`;

const RACES = {
  full: { rounds: 5, windowMs: 250, leadInMs: 150, warmWindows: 1 },
  quick: { rounds: 3, windowMs: 100, leadInMs: 50, warmWindows: 1 },
  tiny: { rounds: 1, windowMs: 1, leadInMs: 0, warmWindows: 0 },
};

// Only where the time does not matter may one wait behind another.
const AT_ONCE = { full: 1, quick: 1, tiny: 3 };

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    ours: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    tiny: { type: 'boolean', default: false },
    save: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}
const scale = values.tiny ? 'tiny' : values.quick ? 'quick' : 'full';
const systems = values.ours ? SYSTEMS.filter(({ name }) => name === OURS) : SYSTEMS;
const measured = scale === 'full' ? systems : systems.filter(({ name }) => name === OURS);

/** @param {{ name: string, isQuick?: boolean }} scenario */
const isWanted = ({ name, isQuick }) =>
  words.every((word) => name.includes(word)) && (scale !== 'quick' || words.length > 0 || isQuick);

if (!(await ensureRedis())) throw new Error('The benchmark needs a Redis.');
/** @type {import('./results.mjs').Results} */
const results = { scale, ...(await machine()), races: [], measures: [] };
console.log(
  Object.entries(results.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', '),
);
if (load() > availableParallelism() / 2) console.warn(`Other programs keep this machine busy (load ${load()}).`);

const tasks = [
  ...SCENARIOS.filter(isWanted).map((scenario) => () => runRace(scenario)),
  ...MEASURES.filter(isWanted).map((measure) => () => takeMeasure(measure)),
];
if (tasks.length === 0) throw new Error(`No scenario is called ${words.join(' ')}.`);
await each(
  tasks.length,
  // What fails must not cost the rest of a long run.
  (index) =>
    Promise.resolve(tasks[index]?.()).catch((error) => {
      console.error(error);
      process.exitCode = 1;
    }),
  AT_ONCE[scale],
);

console.log();
for (const target of TARGETS) {
  const figure = measuredFor(target, results);
  if (figure === undefined || scale === 'tiny') continue;
  const { scenario, number = 'ratio', atLeast, atMost } = target;
  const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  console.log(
    `${isReached(target, figure) ? 'reached    ' : 'NOT REACHED'} ${scenario}, ${number}: ${figure}, ${wanted}`,
  );
}
if (values.compare) {
  const before = readResults(COMMITTED);
  const lost = before ? regressions(before, results) : [];
  for (const sentence of lost) console.warn(`Worse than the committed results: ${sentence}`);
  if (!before) console.warn('There are no committed results to compare with.');
  else if (lost.length === 0) console.log('No ratio is worse than in the committed results.');
}
if (values.save) writeResults(values.save, results);
if (values.docs) {
  const all = merged(
    readResults(COMMITTED),
    results,
    [...SCENARIOS, ...MEASURES].map(({ name }) => name),
  );
  writeResults(COMMITTED, all);
  await writePerformance(all);
}

/** @param {import('./scenarios.mjs').Scenario} scenario */
async function runRace(scenario) {
  const { name, reference } = scenario;
  const result = { name, reference, load: load(), rows: await race(scenario, systems, RACES[scale]) };
  results.races.push(result);
  console.log(`\n${name} (${reference} = 1, load ${result.load})`);
  console.table(Object.fromEntries(result.rows.map(({ name: system, ...row }) => [system, row])));
}

/** @param {import('./measures/index.mjs').Measure} measure */
async function takeMeasure(measure) {
  const names = measured.map(({ name }) => name);
  const result = { name: measure.name, load: load(), rows: await take(measure, names, scale) };
  results.measures.push(result);
  console.log(`\n${measure.name} (load ${result.load})`);
  const shown = (/** @type {import('./measuring.mjs').MeasureRow} */ { values: bySystem }) =>
    Object.fromEntries(Object.entries(bySystem).map(([system, { value }]) => [system, value]));
  console.table(Object.fromEntries(result.rows.map((row) => [row.number, shown(row)])));
}
