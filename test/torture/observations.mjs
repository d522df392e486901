// @ts-check
import { nowMs } from './clock.mjs';

/** How a read was made; its place is its code in `reads`. */
export const READ_WAYS = /** @type {const} */ ([
  'getOrSet',
  'resolve',
  'strong',
  'copy',
  'withoutMemory',
  'get',
  'lookup',
  'getMany',
  'getOrSetMany',
]);
/** @typedef {(typeof READ_WAYS)[number]} ReadWay */

/** Stands for a version: nothing was stored, or the source failed as it was told to. */
export const NOTHING = 0;

/** Numbers per read in `reads`: record, version, began, ended, way. */
export const READ_FIELDS = 5;
/** Numbers per line in `loads`: number of the load, record, began, ended or NaN while it runs. */
export const LOAD_FIELDS = 4;

/**
 * An invalidation whose call has returned. `beganMs`: whatever was true then is not to be read in an older version.
 * @typedef {{ how: string, target: import('./records.mjs').Target, beganMs: number, endedMs: number,
 *   isApplied: boolean }} Invalidation
 *
 * What a process saw since its last report. All that ended until `untilMs` is in it or was in an earlier one.
 * @typedef {object} Report
 * @property {number} untilMs
 * @property {Float64Array} reads
 * @property {Float64Array} loads
 * @property {Invalidation[]} invalidations
 * @property {string[]} problems what must not happen: an error that reached a caller, a wrong value, a warning
 * @property {boolean} isDrained whether no invalidation waits for Redis
 * @property {boolean} isWell whether, besides, Redis is used and memory answers
 * @property {string} state of the connection, for people
 * @property {number} heapBytes
 */

/** Collects what a process sees, cheaply. */
export class Observations {
  /** @type {number[]} */
  #reads = [];
  /** @type {number[]} */
  #loads = [];
  /** @type {Invalidation[]} */
  #invalidations = [];
  /** @type {string[]} */
  #problems = [];
  #lastLoad = 0;

  /** @param {number} record @param {number} version @param {number} beganMs @param {ReadWay} way */
  read(record, version, beganMs, way) {
    this.#reads.push(record, version, beganMs, nowMs(), READ_WAYS.indexOf(way));
  }

  /** @param {number} record @returns {() => void} to be called when the loader ended */
  load(record) {
    const number = ++this.#lastLoad;
    const beganMs = nowMs();
    this.#loads.push(number, record, beganMs, NaN);
    return () => {
      this.#loads.push(number, record, beganMs, nowMs());
    };
  }

  /** @param {Omit<Invalidation, 'endedMs'>} invalidation */
  invalidated(invalidation) {
    this.#invalidations.push({ ...invalidation, endedMs: nowMs() });
  }

  /** @param {string} what @param {unknown} [error] */
  problem(what, error) {
    const { name, message, stack } =
      error instanceof Error ? error : { name: '', message: String(error ?? ''), stack: '' };
    this.#problems.push([what, name, message, stack].filter(Boolean).join(' | '));
  }

  /** @param {Pick<Report, 'isDrained' | 'isWell' | 'state'>} state as it is now @returns {Report} */
  report(state) {
    const report = {
      ...state,
      untilMs: nowMs(),
      reads: Float64Array.from(this.#reads),
      loads: Float64Array.from(this.#loads),
      invalidations: this.#invalidations,
      problems: this.#problems,
      heapBytes: process.memoryUsage().heapUsed,
    };
    this.#reads = [];
    this.#loads = [];
    this.#invalidations = [];
    this.#problems = [];
    return report;
  }
}
