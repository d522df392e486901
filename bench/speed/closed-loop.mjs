// @ts-check
import { median } from './statistics.mjs';

// Reading the clock costs about as much as the fastest operation.
const OPERATIONS_PER_CLOCK_READ = 64;

/**
 * Readers, each of which waits for its answer before it asks again. An operation that rejects is counted apart: on a machine that
 * is too busy a cache may answer without Redis.
 *
 * @param {() => Promise<unknown>} operation
 * @param {{ concurrency: number, windowMs: number, leadInMs?: number }} options what begins in the lead-in, which comes before
 *   the window, does not count
 * @returns {Promise<{ operations: number, failed: number, ms: number }>}
 */
export async function closedLoop(operation, { concurrency, windowMs, leadInMs = 0 }) {
  let operations = 0;
  let failed = 0;
  const startedAtMs = performance.now() + leadInMs;
  const endAtMs = startedAtMs + windowMs;
  const batch = concurrency === 1 ? OPERATIONS_PER_CLOCK_READ : 1;
  const reader = async () => {
    for (let nowMs = performance.now(); nowMs < endAtMs; nowMs = performance.now()) {
      for (let turn = 0; turn < batch; turn += 1) {
        try {
          await operation();
          if (nowMs >= startedAtMs) operations += 1;
        } catch {
          failed += 1;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, reader));
  return { operations, failed, ms: performance.now() - startedAtMs };
}

/**
 * Measures operations of one process in windows that take turns, so that a slow moment hits all alike.
 *
 * @template {string} Name
 * @param {Record<Name, (operation: number) => Promise<unknown>>} operations the number is never the same twice
 * @param {{ concurrency: number, windowMs: number, rounds: number }} options
 * @returns {Promise<{ micros: (name: Name) => number, speed: (name: Name, reference: Name) => number }>}
 *   the time per operation, and its speed as a share of that of the reference in the same round
 */
export async function takeTurns(operations, { concurrency, windowMs, rounds }) {
  const names = /** @type {Name[]} */ (Object.keys(operations));
  /** @type {Map<Name, number[]>} */
  const micros = new Map(names.map((name) => [name, []]));
  let operation = 0;
  // The first round is for warming up.
  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = /** @type {Name} */ (names[(turn + round) % names.length]);
      const loop = await closedLoop(() => operations[name]((operation += 1)), { concurrency, windowMs });
      if (round > 0) micros.get(name)?.push((loop.ms / loop.operations) * 1000);
    }
  }
  const of = (/** @type {Name} */ name) => micros.get(name) ?? [];
  return {
    micros: (name) => median(of(name)),
    speed: (name, reference) => median(of(name).map((value, round) => (of(reference)[round] ?? NaN) / value)),
  };
}
