import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

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
  /** Callers who got the result of a load another caller had begun. */
  coalesced = 0;
  loads = 0;
  loadErrors = 0;
  /** Reads of Redis, the misses among them, and those it did not answer. */
  readsL2 = 0;
  missesL2 = 0;
  errorsL2 = 0;
  writes = 0;
  invalidations = 0;
  unstored = 0;
  corrupt = 0;
  evictions = 0;
  /** Durations of loads and of reads of Redis, in microseconds. */
  readonly loadMicros: RecordableHistogram = createHistogram();
  readonly readMicros: RecordableHistogram = createHistogram();

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
