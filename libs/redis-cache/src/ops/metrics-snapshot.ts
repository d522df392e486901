import type { RecordableHistogram } from 'node:perf_hooks';
import type { CacheEngine } from '../cache/engine.js';
import type { ConnectionStatus } from '../cache/backend-host.js';
import type { CacheService } from '../cache/cache.service.js';

/** Durations in milliseconds; all 0 while nothing was measured. */
export interface LatencySnapshot {
  count: number;
  meanMs: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** Counts of one cache since the start of this process. */
export interface CacheSnapshot {
  name: string;
  /** Calls that were answered, but for bypassed ones: `hits.l1 + hits.l2 + misses`. */
  requests: number;
  /** Answers by tier, stale ones included. */
  hits: { l1: number; l2: number };
  staleHits: number;
  misses: number;
  bypassed: number;
  /** Hits divided by requests, 0 to 1; `undefined` before the first request. */
  hitRatio: number | undefined;
  /** Callers who shared the load of another. */
  coalesced: number;
  /** Loaders that answered; those that failed are in `errors`. */
  loads: number;
  errors: { load: number; redis: number; corrupt: number };
  writes: number;
  unstored: number;
  invalidations: number;
  evictions: number;
  memory: { entries: number; bytes: number };
  /** Of loaders, and of reads of Redis. Hits in memory are not timed: measuring would cost more than they do. */
  latency: { load: LatencySnapshot; l2: LatencySnapshot };
}

export interface MetricsSnapshot {
  isEnabled: boolean;
  caches: CacheSnapshot[];
  connections: ConnectionStatus[];
}

export function snapshotOf(engine: CacheEngine): MetricsSnapshot {
  return {
    isEnabled: engine.isEnabled,
    caches: engine.caches().map(cacheSnapshot),
    connections: engine.connectionStates(),
  };
}

/** Hits divided by requests over all caches, or `undefined` before the first request. */
export function hitRatioOf(caches: readonly CacheSnapshot[]): number | undefined {
  const requests = sum(caches.map((cache) => cache.requests));
  return requests === 0 ? undefined : sum(caches.map(({ hits }) => hits.l1 + hits.l2)) / requests;
}

function cacheSnapshot({ name, stats, memory }: CacheService): CacheSnapshot {
  const hits = { l1: stats.hitsL1, l2: stats.hitsL2 };
  const requests = hits.l1 + hits.l2 + stats.misses;
  return {
    name,
    requests,
    hits,
    staleHits: stats.staleHits,
    misses: stats.misses,
    bypassed: stats.bypassed,
    hitRatio: requests === 0 ? undefined : (hits.l1 + hits.l2) / requests,
    coalesced: stats.coalesced,
    loads: stats.loads,
    errors: { load: stats.loadErrors, redis: stats.errorsL2, corrupt: stats.corrupt },
    writes: stats.writes,
    unstored: stats.unstored,
    invalidations: stats.invalidations,
    evictions: stats.evictions,
    memory,
    latency: { load: latencySnapshot(stats.loadMicros), l2: latencySnapshot(stats.readMicros) },
  };
}

function latencySnapshot(micros: RecordableHistogram): LatencySnapshot {
  const { count } = micros;
  // An empty histogram answers NaN and the largest number it can hold.
  const ms = (value: number): number => (count === 0 ? 0 : value / 1000);
  return {
    count,
    meanMs: ms(micros.mean),
    p50Ms: ms(micros.percentile(50)),
    p95Ms: ms(micros.percentile(95)),
    p99Ms: ms(micros.percentile(99)),
    maxMs: ms(micros.max),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
