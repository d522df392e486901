// @ts-check
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/**
 * @typedef {object} Results
 * @property {'full' | 'quick' | 'tiny'} scale
 * @property {number} cores
 * @property {Record<string, string>} versions
 * @property {RaceResult[]} races
 * @property {MeasureResult[]} measures
 */

/** @typedef {{ name: string, reference: string, load: number, rows: import('./race.mjs').RaceRow[] }} RaceResult `load` of the machine when it began */
/** @typedef {{ name: string, load: number, rows: import('./measuring.mjs').MeasureRow[] }} MeasureResult */

/** The results that are committed. */
export const COMMITTED = new URL('../results.json', import.meta.url);

/** @param {URL | string} file @returns {Results | undefined} */
export function readResults(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** @param {URL | string} file @param {Results} results */
export function writeResults(file, results) {
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}

/**
 * The results with those of a run of a part in their place.
 * @param {Results | undefined} all
 * @param {Results} part
 * @param {readonly string[]} order names of everything there is
 * @returns {Results}
 */
export function merged(all, part, order) {
  if (!all || all.scale !== part.scale) return part;
  /** @template {{ name: string }} R @param {R[]} before @param {R[]} now @returns {R[]} */
  const merge = (before, now) =>
    order.flatMap((name) => [...now, ...before].find((result) => result.name === name) ?? []);
  return { ...part, races: merge(all.races, part.races), measures: merge(all.measures, part.measures) };
}

/** How fast a system was, as a share of the reference. @param {Results} results @param {string} race @param {string} system */
export function ratioOf(results, race, system) {
  return results.races.find(({ name }) => name === race)?.rows.find(({ name }) => name === system)?.ratio;
}

/** @param {Results} results @param {string} measure @param {string} number @param {string} system */
export function numberOf(results, measure, number, system) {
  const rows = results.measures.find(({ name }) => name === measure)?.rows;
  return rows?.find((row) => row.number === number)?.values[system]?.value;
}
