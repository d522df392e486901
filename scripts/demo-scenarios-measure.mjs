// @ts-check
/**
 * @typedef {object} Scenario
 * @property {string} title
 * @property {() => Promise<Outcome>} run
 */
/**
 * @typedef {object} Outcome
 * @property {string} figure what was seen, in a line
 * @property {boolean} isKept whether that is what is promised
 * @property {Record<string, number>} values the figures, for `--json`
 */
/** @typedef {Outcome & { title: string }} Told */

/**
 * Runs scenarios one after the other. One that throws has broken its promise.
 * @param {Scenario[]} scenarios
 * @param {(told: Told) => void} tell
 * @returns {Promise<Told[]>}
 */
export async function runScenarios(scenarios, tell) {
  const all = [];
  for (const { title, run } of scenarios) {
    const outcome = await run().catch((error) => ({ figure: `failed: ${error}`, isKept: false, values: {} }));
    const told = { title, ...outcome };
    tell(told);
    all.push(told);
  }
  return all;
}

/** @param {number[]} times @param {number} share */
export function percentile(times, share) {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** @param {number[]} times */
export function spread(times) {
  return { p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99), slowestMs: Math.max(...times) };
}

/** @param {() => Promise<unknown>} work */
export async function timeOf(work) {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
