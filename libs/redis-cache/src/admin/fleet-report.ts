import { isOptions } from '../arguments.js';
import type { CacheEngine } from '../cache/engine.js';
import type { Histogram } from '../cache/histogram.js';
import type { HeldBreaker } from './breaker-holds.js';
import type { EventCounts } from '../ops/event-counts.js';

/** Observations by bucket, as they travel; the bounds are those of the code. */
export interface Times {
  counts: number[];
  /** Of all observations, in seconds. */
  sum: number;
}

/** Counts of one cache since the start of a process. */
export interface CacheReport {
  requests: number;
  hitsL1: number;
  hitsL2: number;
  staleHits: number;
  misses: number;
  loads: number;
  loadErrors: number;
  writes: number;
  invalidations: number;
  evictions: number;
  entries: number;
  bytes: number;
  reads: Times;
  loadTimes: Times;
}

export interface ConnectionReport {
  name: string;
  mode: string;
  isUp: boolean;
  breaker: string;
  link: string;
  journaled: number;
}

/** What a process tells the others about itself; counts since its start. */
export interface FleetReport {
  id: string;
  host: string;
  pid: number;
  uptimeMs: number;
  caches: Record<string, CacheReport>;
  connections: ConnectionReport[];
  /** Breakers somebody holds. */
  holds: readonly HeldBreaker[];
  /** Operations on sessions by `<operation> <result>`. */
  sessions: Record<string, number>;
}

/** Names of figures that only grow while a process lives. */
export const COUNTERS = [
  'requests',
  'hitsL1',
  'hitsL2',
  'staleHits',
  'misses',
  'loads',
  'loadErrors',
  'writes',
  'invalidations',
  'evictions',
] as const satisfies readonly (keyof CacheReport)[];
/** Names of figures that go up and down. */
export const GAUGES = ['entries', 'bytes'] as const satisfies readonly (keyof CacheReport)[];

/** More would make reports long. */
const MAX_CACHES = 200;

export function reportOf(
  engine: CacheEngine,
  counts: EventCounts,
  process: Pick<FleetReport, 'id' | 'host' | 'pid' | 'uptimeMs' | 'holds'>,
): FleetReport {
  const loads = new Map<string, Histogram>();
  for (const { labels, value } of counts.loads.entries()) {
    if (labels.result === 'success') loads.set(labels.cache ?? '', value);
  }
  const caches = engine.caches().slice(0, MAX_CACHES);
  return {
    ...process,
    caches: Object.fromEntries(
      caches.map(({ name, stats, memory }): [string, CacheReport] => {
        const reads = timesOf(stats.reads);
        reads.counts[0] = (reads.counts[0] ?? 0) + stats.untimedReads;
        return [
          name,
          {
            requests: stats.hitsL1 + stats.hitsL2 + stats.misses,
            hitsL1: stats.hitsL1,
            hitsL2: stats.hitsL2,
            staleHits: stats.staleHits,
            misses: stats.misses,
            loads: stats.loads,
            loadErrors: stats.loadErrors,
            writes: stats.writes,
            invalidations: stats.invalidations,
            evictions: stats.evictions,
            ...memory,
            reads,
            loadTimes: timesOf(loads.get(name)),
          },
        ];
      }),
    ),
    connections: engine
      .connectionStates()
      .map(({ name, mode, isUp, breaker, link, journaled }) => ({ name, mode, isUp, breaker, link, journaled })),
    sessions: Object.fromEntries(
      Array.from(counts.sessionOperations.entries(), ({ labels, value }) => [
        `${labels.operation ?? ''} ${labels.result ?? ''}`,
        value,
      ]),
    ),
  };
}

/** Reads what another process told; `undefined` for what is none of ours, say of another version. */
export function parseReport(text: string): FleetReport | undefined {
  let report: Partial<FleetReport> | null;
  try {
    report = JSON.parse(text) as Partial<FleetReport> | null;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const isOurs =
    typeof report?.id === 'string' &&
    isOptions(report.caches) &&
    Object.values(report.caches).every(isCacheReport) &&
    Array.isArray(report.connections) &&
    report.connections.every(isOptions) &&
    Array.isArray(report.holds) &&
    report.holds.every((hold) => isOptions(hold) && 'remainingMs' in hold && Number.isFinite(hold.remainingMs)) &&
    isOptions(report.sessions) &&
    Object.values(report.sessions).every(Number.isFinite);
  return isOurs ? (report as FleetReport) : undefined;
}

function isCacheReport(value: Partial<CacheReport> | null): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return (
    [...COUNTERS, ...GAUGES].every((name) => Number.isFinite(value[name])) &&
    [value.reads, value.loadTimes].every((times) => Array.isArray(times?.counts) && Number.isFinite(times.sum))
  );
}

function timesOf(histogram: Histogram | undefined): Times {
  return histogram === undefined ? { counts: [], sum: 0 } : { counts: [...histogram.counts], sum: histogram.sum };
}
