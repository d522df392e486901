// @ts-check
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { format, resolveConfig } from 'prettier';
import { command } from '../../scripts/command.mjs';
import { findProgram } from '../../scripts/find-program.mjs';
import { GROUPS } from './scenarios/index.mjs';
import { cellOf } from './verdict.mjs';

/** @typedef {import('./adapter.mjs').Adapter} Adapter */
/** @typedef {import('./compare.mjs').Cell} Cell */

const page = new URL('../../docs/comparison.md', import.meta.url);
const GENERATED = /(<!-- comparison -->)[^]*(<!-- \/comparison -->)/;
const require = createRequire(import.meta.url);

/**
 * Puts the results between the markers of docs/comparison.md.
 * @param {Cell[]} cells
 * @param {Map<string, Adapter>} adapters by system, in the order of the columns
 */
export async function writeComparison(cells, adapters) {
  const parts = [await headOf(adapters, cells), ...GROUPS.flatMap((group) => tablesOf(group, cells, adapters))];
  const text = await readFile(page, 'utf8');
  if (!GENERATED.test(text)) throw new Error('docs/comparison.md has lost its markers.');
  const filled = text.replace(GENERATED, (_, begin, end) => [begin, ...parts, end].join('\n\n'));
  const style = await resolveConfig(page);
  await writeFile(page, await format(filled, { ...style, parser: 'markdown' }));
}

/** @param {Map<string, Adapter>} adapters @param {Cell[]} cells */
async function headOf(adapters, cells) {
  const rows = [...adapters].map(([system, { name, packages, configuration, docs, tuning = '—' }]) => {
    const asked = cells.filter((cell) => cell.system === system && !cell.isTuned && cell.verdict?.kind !== 'absent');
    const good = asked.filter(({ verdict }) => verdict?.kind === 'ok');
    return [name, versionsOf(packages), `${good.length} of ${asked.length}`, `[${configuration}](${docs})`, tuning];
  });
  return [
    `Node ${process.versions.node}, Redis ${await redisVersion()}.`,
    tableOf(['system', 'version', 'ok', 'configuration', 'tuned client'], rows),
  ].join('\n\n');
}

/** @param {import('./scenarios/index.mjs').Group} group @param {Cell[]} cells @param {Map<string, Adapter>} adapters */
function tablesOf({ title, scenarios, isTunedToo }, cells, adapters) {
  const rowsFor = (/** @type {[string, Adapter][]} */ systems, /** @type {boolean} */ isTuned) =>
    scenarios.map(({ name }) => {
      const verdictOf = (/** @type {string} */ system) =>
        cells.find((cell) => cell.scenario === name && cell.system === system && cell.isTuned === isTuned)?.verdict;
      return [name, ...systems.map(([system]) => cellOf(verdictOf(system)))];
    });
  const namesOf = (/** @type {[string, Adapter][]} */ systems) => ['', ...systems.map(([, { name }]) => name)];
  const all = [...adapters];
  const tunable = all.filter(([, { tuning }]) => tuning);
  return [
    `## ${title}`,
    tableOf(namesOf(all), rowsFor(all, false)),
    ...(isTunedToo ? ['With clients tuned by hand:', tableOf(namesOf(tunable), rowsFor(tunable, true))] : []),
    scenarios.map(({ name, means }) => `- **${name}**: ${means}`).join('\n'),
  ];
}

/** @param {string[]} heading @param {string[][]} rows */
function tableOf(heading, rows) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

/** @param {readonly string[]} packages */
function versionsOf(packages) {
  return packages.map((name) => (name === packages[0] ? '' : `${name} `) + versionOf(name)).join(', ');
}

/** @param {string} name */
function versionOf(name) {
  // Not every package exports its package.json.
  const folder = require.resolve.paths(name)?.map((path) => `${path}/${name}/package.json`) ?? [];
  for (const path of folder) {
    try {
      return require(path).version;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`${name} is not installed.`);
}

async function redisVersion() {
  const program = findProgram(['redis-server', 'valkey-server']);
  if (!program) return 'of Docker';
  return /v=(\S+)/.exec(await command(program, ['--version']))?.[1] ?? 'unknown';
}
