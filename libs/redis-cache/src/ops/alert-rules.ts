import type { AlertSeverity } from '../events.js';
import { type AlertWindow, type CacheCounts, type ConnectionCounts, quantileBetween } from './alert-window.js';
import type { Labels } from './tally.js';

/** Something that is beyond the limit of a rule now. */
export interface Finding {
  readonly labels: Labels;
  readonly value: number;
}

/** A condition that is an alert when it lasts. The same as those for Prometheus, which a test compares. */
export interface AlertRule {
  readonly name: string;
  readonly severity: AlertSeverity;
  /** How long it must last. */
  readonly forMs: number;
  /** What the value is compared with. */
  readonly limit: number;
  /** A sentence about the value. */
  readonly summary: (finding: Finding) => string;
  find(window: AlertWindow, limit: number): Finding[];
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const RATE_MS = 5 * MINUTE_MS;
const CODEC_ERRORS_MS = 10 * MINUTE_MS;
/** Below it a ratio says little. */
const LEAST_REQUESTS_PER_SECOND = 1;
/** What has changed of late is not what used to be. */
const RATIO_OFFSET_MS = 30 * MINUTE_MS;

/** How far back rules look. */
export const WINDOW_MS = CODEC_ERRORS_MS;
export const RATIOS_MS = 6 * 60 * MINUTE_MS + RATIO_OFFSET_MS;

const percent = (value: number): string => `${Math.round(value * 1000) / 10}%`;
const milliseconds = (seconds: number): string => `${Math.round(seconds * 10_000) / 10} ms`;
const cacheOf = ({ labels }: Finding): string => `Cache "${labels.cache}"`;
const connectionOf = ({ labels }: Finding): string => `Connection "${labels.connection}"`;

export const ALERT_RULES: readonly AlertRule[] = [
  {
    name: 'RcacheRedisDown',
    severity: 'critical',
    forMs: MINUTE_MS,
    limit: 0,
    summary: (finding) => `${connectionOf(finding)} has answered without Redis for a minute.`,
    find: ofConnections(({ isUp }) => (isUp ? undefined : 0)),
  },
  {
    name: 'RcacheBreakerOpen',
    severity: 'warning',
    forMs: 15 * SECOND_MS,
    limit: 1,
    summary: (finding) => `${connectionOf(finding)} does not use Redis now.`,
    find: ofConnections(({ isBreakerOpen }) => (isBreakerOpen ? 1 : undefined)),
  },
  {
    name: 'RcacheLinkUntrusted',
    severity: 'warning',
    forMs: 2 * MINUTE_MS,
    limit: 1,
    summary: (finding) => `${connectionOf(finding)}: memory does not answer, because the link is not trusted.`,
    find: ofConnections(({ isUp, isLinkTrusted }) => (isUp && !isLinkTrusted ? 1 : undefined)),
  },
  {
    name: 'RcacheLinkLag',
    severity: 'warning',
    forMs: RATE_MS,
    limit: 0.25,
    summary: (finding) => `${connectionOf(finding)}: announcements may take ${milliseconds(finding.value)}.`,
    find: ofConnections(({ linkDelays }, before) => quantileBetween(0.99, before?.linkDelays, linkDelays), above),
  },
  {
    name: 'RcacheInvalidationsQueued',
    severity: 'warning',
    forMs: MINUTE_MS,
    limit: 0,
    summary: (finding) => `${connectionOf(finding)} owes Redis ${finding.value} invalidations.`,
    find: ofConnections(({ journaled }) => journaled, above),
  },
  {
    name: 'RcacheHitRatioLow',
    severity: 'warning',
    forMs: 15 * MINUTE_MS,
    limit: 0.6,
    summary: (finding) => `${cacheOf(finding)} answers ${percent(finding.value)} of its requests.`,
    find: ofCaches(busyHitRatio, (value, limit) => value < limit),
  },
  {
    name: 'RcacheHitRatioDropped',
    severity: 'warning',
    forMs: 10 * MINUTE_MS,
    limit: 0.7,
    summary: (finding) => `${cacheOf(finding)} answers ${percent(finding.value)}, far less than it used to.`,
    find: (window, limit) =>
      ofCaches(busyHitRatio, () => true)(window, limit).filter(({ labels, value }) => {
        const usual = window.meanRatioBefore(labels.cache ?? '', RATIO_OFFSET_MS);
        return usual !== undefined && value < limit * usual;
      }),
  },
  ...[
    { limit: 0.01, severity: 'warning' as const },
    { limit: 0.05, severity: 'critical' as const },
  ].map(({ limit, severity }): AlertRule => ({
    name: 'RcacheErrorRatioHigh',
    severity,
    forMs: RATE_MS,
    limit,
    summary: (finding) => `${percent(finding.value)} of the reads of ${cacheOf(finding)} fail.`,
    find: ofCaches((now, before) => share(now.readErrors - before.readErrors, now.reads - before.reads), above),
  })),
  {
    name: 'RcacheSlow',
    severity: 'warning',
    forMs: 10 * MINUTE_MS,
    limit: 0.01,
    summary: (finding) => `One in a hundred reads of ${cacheOf(finding)} takes ${milliseconds(finding.value)} or more.`,
    find: ofCaches((now, before) => quantileBetween(0.99, before.readTimes, now.readTimes), above),
  },
  {
    name: 'RcacheLoaderFailing',
    severity: 'warning',
    forMs: RATE_MS,
    limit: 0.05,
    summary: (finding) => `${percent(finding.value)} of the loads of ${cacheOf(finding)} fail.`,
    find: ofCaches((now, before) => share(now.loadErrors - before.loadErrors, now.loads - before.loads), above),
  },
  {
    name: 'RcacheServingStaleOnError',
    severity: 'warning',
    forMs: RATE_MS,
    limit: 0,
    summary: (finding) => `${cacheOf(finding)} answers with stale values because its loader fails.`,
    find: ofCaches((now, before) => now.staleOnError - before.staleOnError, above),
  },
  {
    name: 'RcacheRedisMemoryHigh',
    severity: 'warning',
    forMs: 10 * MINUTE_MS,
    limit: 0.9,
    summary: (finding) => `${connectionOf(finding)}: Redis uses ${percent(finding.value)} of its memory.`,
    find: ofConnections(({ server }) => share(server?.usedMemoryBytes ?? 0, server?.maxMemoryBytes ?? 0), above),
  },
  {
    name: 'RcacheEvictionPressure',
    severity: 'warning',
    forMs: 15 * MINUTE_MS,
    limit: 0.1,
    summary: ({ value }) => `For every value stored Redis evicts ${value.toFixed(2)} keys.`,
    find: (window, limit) => {
      const [now, before] = [window.now, window.ago(RATE_MS)];
      const evicted = [...now.connections].reduce((sum, [name, { server }]) => {
        const earlier = before.connections.get(name)?.server?.evictedKeys;
        // A server that restarted counts from 0 again.
        return sum + Math.max(0, (server?.evictedKeys ?? 0) - (earlier ?? server?.evictedKeys ?? 0));
      }, 0);
      const value = share(evicted, now.stored - before.stored);
      return value !== undefined && value > limit ? [{ labels: {}, value }] : [];
    },
  },
  {
    name: 'RcacheCodecErrors',
    severity: 'warning',
    forMs: 10 * MINUTE_MS,
    limit: 0,
    summary: (finding) => `Values of ${cacheOf(finding)} cannot be encoded or decoded.`,
    find: ofCaches((now, before) => now.codecErrors - before.codecErrors, above, CODEC_ERRORS_MS),
  },
  {
    name: 'RcacheReconnecting',
    severity: 'warning',
    forMs: 0,
    limit: 10,
    summary: (finding) => `${connectionOf(finding)} was lost ${finding.value} times within five minutes.`,
    find: ofConnections(({ reconnects }, before) => reconnects - (before?.reconnects ?? 0), above),
  },
  {
    name: 'RcacheWarmupFailing',
    severity: 'warning',
    forMs: 0,
    limit: 0,
    summary: ({ labels, value }) => `The last warm-up "${labels.warmup}" could not load ${value} entries.`,
    find: ({ now }, limit) =>
      Array.from(now.failedWarmUps, ([warmup, value]) => ({ labels: { warmup }, value })).filter(
        ({ value }) => value > limit,
      ),
  },
  {
    name: 'RcacheLabelOverflow',
    severity: 'info',
    forMs: RATE_MS,
    limit: 0,
    summary: ({ value }) => `Metrics lump ${value} values of labels together as other.`,
    find: ({ now }, limit) => (now.foldedLabels > limit ? [{ labels: {}, value: now.foldedLabels }] : []),
  },
];

/** The hit ratio of the last five minutes of a cache with traffic. */
export function busyHitRatio(now: CacheCounts, before: CacheCounts, elapsedMs: number): number | undefined {
  const requests = now.requests - before.requests;
  if (requests <= (LEAST_REQUESTS_PER_SECOND * elapsedMs) / SECOND_MS) return undefined;
  return share(now.hits - before.hits, requests);
}

/** What the caches of two samples give, by name. */
export function eachCache<T>(
  window: AlertWindow,
  valueOf: (now: CacheCounts, before: CacheCounts, elapsedMs: number) => T | undefined,
  windowMs = RATE_MS,
): [cache: string, value: T][] {
  const [now, before] = [window.now, window.ago(windowMs)];
  return [...now.caches].flatMap(([cache, counts]): [string, T][] => {
    const earlier = before.caches.get(cache);
    if (earlier === undefined || earlier === counts) return [];
    const value = valueOf(counts, earlier, now.atMs - before.atMs);
    return value === undefined ? [] : [[cache, value]];
  });
}

function ofCaches(
  valueOf: (now: CacheCounts, before: CacheCounts, elapsedMs: number) => number | undefined,
  isBeyond: (value: number, limit: number) => boolean,
  windowMs = RATE_MS,
): AlertRule['find'] {
  return (window, limit) =>
    eachCache(window, valueOf, windowMs)
      .filter(([, value]) => isBeyond(value, limit))
      .map(([cache, value]) => ({ labels: { cache }, value }));
}

function ofConnections(
  valueOf: (now: ConnectionCounts, before: ConnectionCounts | undefined) => number | undefined,
  isBeyond: (value: number, limit: number) => boolean = () => true,
): AlertRule['find'] {
  return (window, limit) => {
    const before = window.ago(RATE_MS).connections;
    return [...window.now.connections].flatMap(([connection, counts]) => {
      const value = valueOf(counts, before.get(connection));
      return value !== undefined && isBeyond(value, limit) ? [{ labels: { connection }, value }] : [];
    });
  };
}

function above(value: number, limit: number): boolean {
  return value > limit;
}

function share(part: number, whole: number): number | undefined {
  return whole > 0 ? part / whole : undefined;
}
