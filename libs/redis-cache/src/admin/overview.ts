import type { HeldBreaker } from './breaker-holds.js';
import { Histogram } from '../cache/histogram.js';
import { OPERATION_BOUNDS_SECONDS } from '../cache/stats.js';
import { quantileBetween } from '../ops/alert-window.js';
import { LOAD_BOUNDS_SECONDS } from '../ops/event-counts.js';
import {
  type CacheReport,
  type ConnectionReport,
  COUNTERS,
  type FleetReport,
  GAUGES,
  type Times,
} from './fleet-report.js';
import { addInto, type History, meanLoadSeconds } from './history.js';

export interface Quantiles {
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
}

/** One cache, all processes added up, since each of them started. */
export interface CacheOverview extends Omit<CacheReport, 'reads' | 'loadTimes'> {
  name: string;
  hitRatio: number | null;
  /** Time the source would have taken for the hits, going by its mean. */
  savedSeconds: number;
  read: Quantiles;
  load: Quantiles;
  /** Hit ratio of the last steps of 5 s. */
  ratios: (number | null)[];
}

export interface InstanceOverview extends Pick<FleetReport, 'id' | 'host' | 'pid' | 'uptimeMs'> {
  isThis: boolean;
  connections: ConnectionReport[];
  holds: readonly HeldBreaker[];
}

const RATIOS = 24;

/** The caches of all processes, the one that answers worst first. */
export function cachesOf(reports: readonly FleetReport[], history: History): CacheOverview[] {
  const sums = new Map<string, CacheReport>();
  for (const { caches } of reports) {
    for (const [name, report] of Object.entries(caches)) {
      const sum = sums.get(name);
      if (sum === undefined) sums.set(name, structuredClone(report));
      else addReport(sum, report);
    }
  }
  return Array.from(sums, ([name, report]): CacheOverview => {
    const { reads, loadTimes, ...figures } = report;
    const hits = report.hitsL1 + report.hitsL2;
    return {
      name,
      ...figures,
      hitRatio: report.requests === 0 ? null : hits / report.requests,
      savedSeconds: hits * meanLoadSeconds(report),
      read: readQuantiles(reads.counts),
      load: loadQuantiles(loadTimes.counts),
      ratios: history.ratios(name, RATIOS),
    };
  }).sort((a, b) => (a.hitRatio ?? 2) - (b.hitRatio ?? 2) || b.requests - a.requests);
}

export function instancesOf(reports: readonly FleetReport[], ownId: string): InstanceOverview[] {
  return reports.map(({ id, host, pid, uptimeMs, connections, holds }) => {
    return { id, host, pid, uptimeMs, connections, holds, isThis: id === ownId };
  });
}

export function sessionsOf(reports: readonly FleetReport[]): { operation: string; result: string; count: number }[] {
  const sums = new Map<string, number>();
  for (const { sessions } of reports) {
    for (const [name, count] of Object.entries(sessions)) sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return Array.from(sums, ([name, count]) => {
    const [operation = '', result = ''] = name.split(' ');
    return { operation, result, count };
  });
}

export function readQuantiles(counts: readonly number[]): Quantiles {
  return quantiles(OPERATION_BOUNDS_SECONDS, counts);
}

export function loadQuantiles(counts: readonly number[]): Quantiles {
  return quantiles(LOAD_BOUNDS_SECONDS, counts);
}

function quantiles(bounds: readonly number[], counts: readonly number[]): Quantiles {
  const histogram = new Histogram(bounds);
  addInto(histogram.counts, counts.slice(0, histogram.counts.length));
  const ms = (share: number): number | null => {
    const seconds = quantileBetween(share, undefined, histogram);
    return seconds === undefined ? null : seconds * 1000;
  };
  return { p50Ms: ms(0.5), p95Ms: ms(0.95), p99Ms: ms(0.99) };
}

function addReport(sum: CacheReport, report: CacheReport): void {
  for (const name of [...COUNTERS, ...GAUGES]) sum[name] += report[name];
  addTimes(sum.reads, report.reads);
  addTimes(sum.loadTimes, report.loadTimes);
}

function addTimes(sum: Times, times: Times): void {
  addInto(sum.counts, times.counts);
  sum.sum += times.sum;
}
