import type { ConnectionStatus } from '../cache/backend-host.js';
import type { CacheService } from '../cache/cache.service.js';
import type { CacheEngine } from '../cache/engine.js';

/** One value. Samples with the same labels are added up. */
export type Sample = readonly [labels: Record<string, string>, value: number];

/** A metric whose values are read when Prometheus asks. */
export interface CollectedMetric {
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  labelNames: readonly string[];
  samplesOf(engines: readonly CacheEngine[], labelOf: (cache: string) => string): readonly Sample[];
}

const PREFIX = 'rcache_';

/** The label values Prometheus knows, by ours: a hyphen reads badly there. */
const BREAKER_LABELS: Record<ConnectionStatus['breaker'], string> = {
  closed: 'closed',
  open: 'open',
  'half-open': 'half_open',
};

export const COLLECTED_METRICS: readonly CollectedMetric[] = [
  perCache('counter', 'requests_total', 'Calls answered, by how.', ['result'], ({ stats }) => [
    [{ result: 'hit' }, stats.hitsL1 + stats.hitsL2 - stats.staleHits],
    [{ result: 'stale' }, stats.staleHits],
    [{ result: 'miss' }, stats.misses],
    [{ result: 'bypass' }, stats.bypassed],
  ]),
  // Of l1 per caller, of l2 per read of Redis, which callers of one key share.
  perCache('counter', 'tier_lookups_total', 'Lookups by tier and outcome.', ['tier', 'result'], ({ stats }) => [
    [{ tier: 'l1', result: 'hit' }, stats.hitsL1],
    [{ tier: 'l1', result: 'miss' }, stats.missesL1],
    [{ tier: 'l2', result: 'hit' }, stats.readsL2 - stats.missesL2 - stats.errorsL2],
    [{ tier: 'l2', result: 'miss' }, stats.missesL2],
    [{ tier: 'l2', result: 'error' }, stats.errorsL2],
  ]),
  perCache('counter', 'coalesced_total', 'Callers who shared the load of another.', [], ({ stats }) => [
    [{}, stats.coalesced],
  ]),
  perCache('counter', 'writes_total', 'Values written by set.', [], ({ stats }) => [[{}, stats.writes]]),
  perCache('counter', 'unstored_total', 'Values that were not stored.', [], ({ stats }) => [[{}, stats.unstored]]),
  perCache('counter', 'corrupt_total', 'Stored values that could not be read.', [], ({ stats }) => [
    [{}, stats.corrupt],
  ]),
  perCache('counter', 'evictions_total', 'Entries the memory tier dropped for room.', [], ({ stats }) => [
    [{}, stats.evictions],
  ]),
  perCache('gauge', 'entries', 'Entries in the memory tier.', [], ({ memory }) => [[{}, memory.entries]]),
  perCache('gauge', 'entry_bytes', 'Estimated bytes in the memory tier.', [], ({ memory }) => [[{}, memory.bytes]]),
  perConnection('redis_up', 'Connections in use; 0 means answering without Redis.', [], ({ isUp }) => [
    [{}, Number(isUp)],
  ]),
  perConnection('breaker_state', 'Breakers by state, 1 for the current one.', ['state'], ({ breaker }) =>
    Object.entries(BREAKER_LABELS).map(([state, label]) => [{ state: label }, Number(state === breaker)]),
  ),
  perConnection('journaled_invalidations', 'Invalidations waiting for Redis.', [], ({ journaled }) => [
    [{}, journaled],
  ]),
];

export const EVENT_METRICS = {
  loadDuration: { name: `${PREFIX}load_duration_seconds`, help: 'Time loaders took.', labelNames: ['cache', 'result'] },
  staleServed: { name: `${PREFIX}stale_served_total`, help: 'Stale answers, by why.', labelNames: ['cache', 'reason'] },
  invalidations: {
    name: `${PREFIX}invalidations_total`,
    help: 'Invalidations, by what they name and whether Redis has them.',
    labelNames: ['cache', 'kind', 'status'],
  },
  errors: {
    name: `${PREFIX}errors_total`,
    help: 'Operations that Redis refused or did not answer.',
    labelNames: ['connection', 'operation', 'error_type'],
  },
};

function perCache(
  type: CollectedMetric['type'],
  name: string,
  help: string,
  labelNames: readonly string[],
  samplesOf: (cache: CacheService) => readonly Sample[],
): CollectedMetric {
  return {
    name: `${PREFIX}${name}`,
    help,
    type,
    labelNames: ['cache', ...labelNames],
    samplesOf: (engines, labelOf) =>
      engines
        .flatMap((engine) => engine.caches())
        .flatMap((cache) =>
          samplesOf(cache).map(([labels, value]): Sample => [{ cache: labelOf(cache.name), ...labels }, value]),
        ),
  };
}

function perConnection(
  name: string,
  help: string,
  labelNames: readonly string[],
  samplesOf: (status: ConnectionStatus) => readonly Sample[],
): CollectedMetric {
  return {
    name: `${PREFIX}${name}`,
    help,
    type: 'gauge',
    labelNames: ['connection', ...labelNames],
    samplesOf: (engines) =>
      engines
        .flatMap((engine) => engine.connectionStates())
        .flatMap((status) =>
          samplesOf(status).map(([labels, value]): Sample => [{ connection: status.name, ...labels }, value]),
        ),
  };
}
