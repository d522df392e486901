import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { Histogram } from './histogram.js';

/** From a look into memory to a Redis that hardly answers. */
export const OPERATION_BOUNDS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
];

/** Counts of one cache since its start. Plain numbers, because they stand on the hot path; read them, never write. */
export class CacheStats {
  hitsL1 = 0;
  hitsL2 = 0;
  /** Stale answers; also counted in the hits of their tier. */
  staleHits = 0;
  /** Callers who found nothing they could use, whether or not a load then brought something. */
  misses = 0;
  /** Looks into memory that found nothing usable there. */
  missesL1 = 0;
  bypassed = 0;
  /** Callers who got the result of a load another caller of this process had begun. */
  coalesced = 0;
  /** Loads that waited for one of another process instead of running. */
  coalescedInFleet = 0;
  loads = 0;
  loadErrors = 0;
  /** Reads of Redis, the misses among them, and those it did not answer. */
  readsL2 = 0;
  missesL2 = 0;
  errorsL2 = 0;
  writes = 0;
  invalidations = 0;
  unstored = 0;
  /** Stored values that could not be decoded, and values that could not be encoded. */
  corrupt = 0;
  unencodable = 0;
  evictions = 0;
  /** Durations of loads and of reads of Redis, in microseconds. */
  readonly loadMicros: RecordableHistogram = createHistogram();
  readonly readMicros: RecordableHistogram = createHistogram();

  /** Durations of reads in seconds, without their loads, but for those answered by `hot`: those are `untimedReads`. */
  readonly reads = new Histogram(OPERATION_BOUNDS_SECONDS);
  #timedHitsL1 = 0;

  /** Hits in memory on the hot path, where asking for the time would cost more than they do. */
  get untimedReads(): number {
    return this.hitsL1 - this.#timedHitsL1;
  }

  recordAnswer(durationMs: number, isHitL1: boolean): void {
    this.reads.observe(durationMs / 1000);
    if (isHitL1) this.#timedHitsL1 += 1;
  }

  recordLoad(durationMs: number): void {
    this.loadMicros.record(microseconds(durationMs));
  }

  recordRead(durationMs: number): void {
    this.readMicros.record(microseconds(durationMs));
  }
}

/** Histograms of Node take whole numbers from 1 on. */
function microseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1000));
}
