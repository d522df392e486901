// @ts-check
// `npm run torture`: real processes, a source of truth outside of them, faults, and a checker. --help says the rest.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { breakages } from './breakages.mjs';
import { TORTURE_FAULTS } from './faults.mjs';
import { herd } from './herd.mjs';
import { outage } from './outage.mjs';
import { silence } from './silence.mjs';
import { stampede } from './stampede.mjs';
import { asMarkdown, tableOf } from './table.mjs';
import { writeToDocs } from './docs-page.mjs';
import { torture } from './torture.mjs';

/** @typedef {import('./torture.mjs').Topology} Topology */

const TOPOLOGIES = /** @type {const} */ (['standalone', 'sentinel', 'cluster']);
const experiments = { herd, stampede, outage, silence };
const HELP = `npm run torture -- [options]
  --topology   ${TOPOLOGIES.join(', ')} or all (default standalone)
  --seconds    per topology (default 60)
  --seed       a number (default random; the same seed makes the same plan)
  --processes  1 to 8 (default 4)
  --rate       reads per second and process (default 500)
  --writes     share of calls that write (default 0.03)
  --faults     names with commas, none, or all (default): ${Object.keys(TORTURE_FAULTS).join(', ')}
  --break      proves the checker, which must then find violations: ${Object.keys(breakages).join(', ')}
  --experiment ${Object.keys(experiments).join(', ')}: not a torture but one figure
  --library    folder of the built library (default libs/redis-cache/dist)
  --history    folder for histories of violations (default .data/torture)
  --docs       writes the table into docs/torture.md
  --quiet      the table only`;

const fromRoot = (/** @type {string} */ path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const { values } = parseArgs({
  options: {
    topology: { type: 'string', default: 'standalone' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    processes: { type: 'string', default: '4' },
    rate: { type: 'string', default: '500' },
    writes: { type: 'string', default: '0.03' },
    faults: { type: 'string', default: 'all' },
    break: { type: 'string' },
    experiment: { type: 'string' },
    library: { type: 'string', default: fromRoot('libs/redis-cache/dist') },
    history: { type: 'string', default: fromRoot('.data/torture') },
    docs: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit();
}

/** @param {string} what @param {string} given @param {readonly string[]} known */
function known(what, given, known) {
  if (!known.includes(given)) throw new Error(`--${what} ${given}: known are ${known.join(', ')}`);
  return given;
}

/** @param {string} name @param {string} table */
function show(name, table) {
  console.log(`\n${table}`);
  if (values.docs) writeToDocs(name, table);
}

if (values.experiment !== undefined) {
  const name = /** @type {keyof typeof experiments} */ (
    known('experiment', values.experiment, Object.keys(experiments))
  );
  const findings = await experiments[name]({ library: values.library, seconds: Number(values.seconds) });
  const rows = findings.map(({ what, measured, wanted, isMet }) => [what, measured, wanted, isMet ? 'yes' : 'NO']);
  show(name, asMarkdown([[name, 'measured', 'wanted', 'met'], ...rows]));
  process.exit(findings.every(({ isMet }) => isMet) ? 0 : 1);
}

const topologies = values.topology === 'all' ? TOPOLOGIES : [known('topology', values.topology, TOPOLOGIES)];
const allFaults = Object.keys(TORTURE_FAULTS);
const faults = values.faults === 'all' ? allFaults : values.faults.split(',').filter((name) => name !== 'none');
for (const name of faults) known('faults', name, allFaults);
if (values.break !== undefined) known('break', values.break, Object.keys(breakages));

const results = [];
for (const topology of topologies) {
  console.log(`Torture of ${topology}, seed ${values.seed}, ${values.seconds} s`);
  const result = await torture({
    topology: /** @type {Topology} */ (topology),
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    processes: Number(values.processes),
    faults,
    library: values.library,
    readsPerSecond: Number(values.rate),
    writeShare: Number(values.writes),
    breakage: values.break,
    historyFolder: values.history,
    say: values.quiet ? () => undefined : (line) => console.log(`  ${line}`),
  });
  results.push(result);
  for (const { says, history } of result.violations)
    console.log(`  VIOLATION ${says}${history ? `\n    ${history}` : ''}`);
}
show('torture', tableOf(results));
process.exitCode = results.some(({ violationCount }) => violationCount > 0) ? 1 : 0;
