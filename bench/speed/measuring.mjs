// @ts-check
// Takes a measure of every system that has it, in fresh processes, round by round.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { median, spread } from './statistics.mjs';
import { OURS } from './systems.mjs';

/** @typedef {{ number: string, values: Record<string, { value: number, spread: number }> }} MeasureRow values by system */

const LIMIT_MS = 180_000;
const DEFAULT_ROUNDS = 3;
const DIGITS = 4;
const worker = fileURLToPath(new URL('measure-worker.mjs', import.meta.url));

/**
 * @param {import('./measures/index.mjs').Measure} measure
 * @param {readonly string[]} systems
 * @param {'full' | 'quick' | 'tiny'} scale only a full run has several rounds
 * @returns {Promise<MeasureRow[]>} a row for each number
 */
export async function take(measure, systems, scale) {
  const { rounds = DEFAULT_ROUNDS, peerRounds = rounds } = measure;
  /** @type {Map<string, Map<string, number[]>>} */
  const samples = new Map();
  for (let round = 0; round < (scale === 'full' ? rounds : 1); round += 1) {
    for (const system of measure.systems.filter((name) => systems.includes(name))) {
      if (round >= (system === OURS ? rounds : peerRounds)) continue;
      for (const [number, value] of Object.entries(await measuredOnce(measure, system, scale))) {
        const bySystem = samples.get(number) ?? new Map();
        bySystem.set(system, [...(bySystem.get(system) ?? []), value]);
        samples.set(number, bySystem);
      }
    }
  }
  return [...samples].map(([number, bySystem]) => ({
    number,
    values: Object.fromEntries(
      [...bySystem].map(([system, values]) => [
        system,
        { value: rounded(median(values)), spread: rounded(spread(values)) },
      ]),
    ),
  }));
}

/**
 * @param {import('./measures/index.mjs').Measure} measure
 * @param {string} system
 * @param {string} scale
 * @returns {Promise<Record<string, number>>}
 */
async function measuredOnce({ name, flags = [] }, system, scale) {
  const child = fork(worker, [system, name, scale], {
    execArgv: [...flags],
    serialization: 'advanced',
    timeout: LIMIT_MS,
  });
  /** @type {Record<string, number> | undefined} */
  let numbers;
  child.on('message', (message) => (numbers = /** @type {Record<string, number>} */ (message)));
  await once(child, 'exit');
  if (!numbers) throw new Error(`${system} ended before "${name}" was measured.`);
  return numbers;
}

/** @param {number} value */
const rounded = (value) => Number(value.toPrecision(DIGITS));
