/**
 * How many inputs each property gets, and from which seed: few and others each time in a test run, a million of a given
 * seed with `npm run fuzz`. What fails prints the seed that brings it back.
 */
import * as fc from 'fast-check';

export const RUNS = Number(process.env.FUZZ_RUNS ?? 3000);
export const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);

/** Longer than any property takes on a slow machine. */
export const TIMEOUT_MS = 15_000 + RUNS * 2;

const CHUNK = 1000;

/** `RUNS` values of an arbitrary, in lists of up to a thousand; the seed of a list depends on its number only. */
export function* chunksOf<T>(arbitrary: fc.Arbitrary<T>, runs = RUNS): Generator<T[]> {
  for (let done = 0; done < runs; done += CHUNK) {
    yield fc.sample(arbitrary, { seed: SEED + done, numRuns: Math.min(CHUNK, runs - done) });
  }
}

/** Calls `check` with each value; what it throws is thrown on with the value and the seed. */
export function forEach<T>(arbitrary: fc.Arbitrary<T>, check: (value: T) => void): void {
  for (const values of chunksOf(arbitrary)) {
    for (const value of values) {
      try {
        check(value);
      } catch (cause) {
        throw new Error(`FUZZ_SEED=${SEED}: ${fc.stringify(value).slice(0, 2000)}: ${String(cause)}`, { cause });
      }
    }
  }
}

/** A line for whoever wants to run it again; `npm run fuzz` makes its table of them. */
export function report(what: string, outcome: Record<string, number>): void {
  const counts = Object.entries({ inputs: RUNS, ...outcome }).map(([name, count]) => `${name} ${count}`);
  process.stderr.write(`fuzz | ${what} | ${counts.join(', ')} | seed ${SEED}\n`);
}
