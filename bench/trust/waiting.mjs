// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;
/** On a busy machine time passes in which nobody could do anything. */
const LEAST_POLLS = 20;

/** @typedef {{ state: 'answered' | 'failed' | 'pending', value?: any, error?: any, ms: number }} Outcome */

/**
 * How a call ended, or that it did not within its time.
 *
 * @param {Promise<any> | undefined} promise
 * @param {number} limitMs
 * @returns {Promise<Outcome>}
 */
export async function outcomeOf(promise, limitMs) {
  const startedAtMs = performance.now();
  const isOver = new AbortController();
  const ms = () => performance.now() - startedAtMs;
  /** @type {Promise<Outcome>} */
  const ended = Promise.resolve(promise).then(
    (value) => ({ state: 'answered', value, ms: ms() }),
    (error) => ({ state: 'failed', error, ms: ms() }),
  );
  /** @type {Promise<Outcome>} */
  const late = sleep(limitMs, undefined, { signal: isOver.signal }).then(
    () => ({ state: 'pending', ms: ms() }),
    () => ended,
  );
  const outcome = await Promise.race([ended, late]);
  isOver.abort();
  return outcome;
}

/**
 * A loader that ends when it is told to, and counts its runs.
 * @param {unknown} value
 */
export function gatedLoader(value) {
  let runs = 0;
  let open = () => {};
  const gate = new Promise((resolve) => (open = () => resolve(undefined)));
  const load = async () => {
    runs += 1;
    await gate;
    return value;
  };
  return { load, open, runs: () => runs };
}

/**
 * Asks until the answer is the wanted one.
 *
 * @param {() => Promise<unknown>} ask
 * @param {unknown} wanted
 * @param {number} limitMs
 * @returns {Promise<boolean>} whether it came in time
 */
export async function comesTrue(ask, wanted, limitMs) {
  const deadlineMs = performance.now() + limitMs;
  for (let polls = 1; ; polls += 1) {
    if ((await ask()) === wanted) return true;
    if (performance.now() > deadlineMs && polls >= LEAST_POLLS) return false;
    await sleep(POLL_MS);
  }
}
