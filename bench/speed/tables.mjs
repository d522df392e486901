// @ts-check
import { CONTROL } from './race.mjs';
import { extended, fleetCosts } from './scaling.mjs';
import { measuredFor, isReached, TARGETS } from './targets.mjs';

/** @typedef {import('./results.mjs').Results} Results */

/** @type {readonly import('./scaling.mjs').Fleet[]} */
const FLEETS = [
  { instances: 10, primaries: 1, writesPerSecond: 100 },
  { instances: 100, primaries: 1, writesPerSecond: 1_000 },
  { instances: 100, primaries: 10, writesPerSecond: 1_000 },
  { instances: 1_000, primaries: 10, writesPerSecond: 1_000 },
  { instances: 1_000, primaries: 100, writesPerSecond: 1_000 },
  { instances: 1_000, primaries: 100, writesPerSecond: 10_000 },
];

/** The page with these results in it. @param {string} page @param {Results} results @returns {string} */
export function filled(page, results) {
  const parts = { targets: targets(results), results: tables(results), scaling: scaling(results) };
  return Object.entries(parts).reduce((text, [name, markdown]) => {
    const place = new RegExp(`(<!-- ${name} -->)[^]*(<!-- end of ${name} -->)`);
    if (!place.test(text)) throw new Error(`docs/performance.md has no place for ${name}.`);
    return text.replace(place, (_, begin, end) => [begin, markdown, end].join('\n\n'));
  }, page);
}

/** @param {Results} results */
function targets(results) {
  const rows = TARGETS.map((target) => {
    const { scenario, number = `share of ${referenceOf(results, scenario)}`, atLeast, atMost } = target;
    const wanted = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
    const measured = measuredFor(target, results);
    if (measured == null) return [scenario, number, wanted, '—', 'not measured'];
    return [scenario, number, wanted, shown(measured), isReached(target, measured) ? 'reached' : '**not reached**'];
  });
  return table(['scenario', 'figure', 'target', 'measured', ''], rows);
}

/** @param {Results} results @param {string} scenario */
function referenceOf(results, scenario) {
  return results.races.find(({ name }) => name === scenario)?.reference ?? 'the reference';
}

/** @param {Results} results */
function tables({ scale, cores, versions, races, measures }) {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version.replace(/^npm:\w+@/, '')}`);
  const loads = [...races, ...measures].map(({ load }) => load);
  return [
    `A ${scale} run on ${cores} cores, with a load of ${Math.min(...loads)} to ${Math.max(...loads)}: ${named.join(', ')}.`,
    ...races.flatMap(({ name, reference, rows }) => [
      `### ${capital(name)}`,
      table(
        ['system', `× ${reference}`, 'spread', 'per second'],
        rows.map((row) => [
          row.name === CONTROL ? `${reference}, again` : row.name,
          shown(row.ratio),
          shown(row.spread),
          row.perSecond.toLocaleString('en') + (row.failed > 0 ? `, ${row.failed} failed` : ''),
        ]),
      ),
    ]),
    ...measures.flatMap(({ name, rows }) => {
      const systems = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
      return [
        `### ${capital(name)}`,
        table(
          ['', ...systems],
          rows.map(({ number, values }) => [number, ...systems.map((system) => shown(values[system]?.value))]),
        ),
      ];
    }),
  ].join('\n\n');
}

/** @param {Results} results */
function scaling(results) {
  const costs = fleetCosts(results);
  if (!costs) return 'Not measured.';
  const measured = [
    ['connections of an instance to a primary', shown(costs.connections)],
    ['memory of the primary for them', `${shown(costs.connectionBytes / 1024)} KiB`],
    ['commands of an idle instance to a primary', `${shown(costs.idleCommands)} per second`],
    ['CPU of the primary for them, _h_', `${shown(costs.idleMicros)} µs per second`],
    ['CPU of the instance for them, _H_', `${shown(costs.ownIdleMicros)} µs per second`],
    ['CPU of the primary for a write, _b_', `${shown(costs.writeMicros)} µs`],
    ['… and for each instance that is told, _a_', `${shown(costs.announceMicros)} µs`],
    ['sent for each instance that is told', `${shown(costs.announceBytes)} bytes`],
    ['CPU of an instance that is told, _A_', `${shown(costs.hearMicros)} µs`],
  ];
  const fleets = FLEETS.map((fleet) => {
    const cost = extended(costs, fleet);
    return [
      ...[fleet.instances, fleet.primaries, fleet.writesPerSecond].map(count),
      ...[cost.messagesPerSecond, cost.messagesPerPrimary, cost.idleCommandsPerPrimary].map(count),
      percent(cost.primaryCpuShare),
      `${shown(cost.primarySentBytes / 1e6)} MB/s`,
      `${count(cost.primaryConnections)}, ${shown(cost.primaryMemoryBytes / 2 ** 20)} MiB`,
      count(cost.instanceConnections),
      percent(cost.instanceCpuShare),
    ];
  });
  return [
    table(['measured', ''], measured),
    table(
      [
        'instances _n_',
        'primaries _p_',
        'writes/s _w_',
        'messages/s',
        'messages/s of a primary',
        'heartbeat commands/s of a primary',
        'CPU of a primary',
        'sent by a primary',
        'connections and memory of a primary',
        'connections of an instance',
        'CPU of an instance',
      ],
      fleets,
    ),
  ].join('\n\n');
}

/** @param {number | null | undefined} value */
function shown(value) {
  if (value == null || Number.isNaN(value)) return '—';
  if (Math.abs(value) >= 1000) return count(value);
  return String(Number(value.toPrecision(3)));
}

/** @param {number} value */
const count = (value) => Math.round(value).toLocaleString('en');

/** @param {number} share of a core */
const percent = (share) => `${shown(share * 100)} %`;

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** @param {string[]} heading @param {string[][]} rows */
function table(heading, rows) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const align = heading.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(heading), line(align), ...rows.map(line)].join('\n');
}
