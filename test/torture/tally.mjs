// @ts-check
import { createHistogram } from 'node:perf_hooks';

/** @typedef {ReturnType<typeof newTally>} Tally */

/** What a run counts. Histograms hold microseconds. */
export function newTally() {
  return {
    reads: 0,
    loads: 0,
    /** Loads that began while another of the same record was under way that would have done, in healthy times. */
    needlessLoads: 0,
    mostLoadsAtOnce: { healthy: 0, fault: 0, split: 0 },
    writes: 0,
    invalidations: 0,
    invalidationMs: createHistogram(),
    /** How old answers were that somebody had invalidated. */
    staleMs: perPhase(),
    /** How long reads took beyond the loaders they waited for. */
    overheadMs: perPhase(),
  };
}

function perPhase() {
  return { healthy: createHistogram(), fault: createHistogram(), split: createHistogram() };
}
