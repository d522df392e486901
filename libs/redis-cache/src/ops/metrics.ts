import { createRequire } from 'node:module';
import { CACHE_METRICS } from './cache-metrics.js';
import { CONNECTION_METRICS } from './connection-metrics.js';
import type { LastWarmUp } from './event-counts.js';
import { counted, type Metric, sample } from './metric.js';

const PREFIX = 'rcache_';

const OTHER_METRICS: readonly Metric[] = [
  counted(
    {
      name: 'http_responses_total',
      type: 'counter',
      help: 'Responses of routes that are cached.',
      labels: { cache: 'name of the cache', outcome: ['hit', 'stale', 'miss', 'revalidated', 'bypass'] },
    },
    ({ httpResponses }) => httpResponses,
  ),
  counted(
    {
      name: 'session_operations_total',
      type: 'counter',
      help: 'What was done with sessions, and how it ended.',
      labels: {
        operation: ['cookie', 'create', 'read', 'save', 'rotate', 'touch', 'destroy', 'list', 'revoke', 'count'],
        result: [
          'ok',
          'absent',
          'conflict',
          'tampered',
          'unknown-key',
          'invalid',
          'malformed',
          'oversized',
          'duplicate',
          'unavailable',
          'refused',
        ],
      },
    },
    ({ sessionOperations }) => sessionOperations,
  ),
  counted(
    {
      name: 'warmup_entries_total',
      type: 'counter',
      help: 'Entries that warm-ups of this process went through.',
      labels: { warmup: 'name of the warmer', result: ['loaded', 'present', 'failed'] },
    },
    ({ warmedEntries }) => warmedEntries,
  ),
  ofWarmUps(
    'warmup_last_duration_seconds',
    'How long the last complete warm-up took.',
    ({ durationMs }) => durationMs / 1000,
  ),
  ofWarmUps(
    'warmup_last_success_timestamp_seconds',
    'When the last complete warm-up of this process ended.',
    ({ endedAt }) => endedAt.getTime() / 1000,
  ),
  ofWarmUps('warmup_last_failed_entries', 'Entries the last complete warm-up could not load.', ({ failed }) => failed),
  {
    name: 'label_overflow_total',
    type: 'counter',
    help: 'Values of a label that became other, because there were too many.',
    labels: { label: ['cache', 'command', 'error_type'] },
    collect: (sources, cacheLimit) => [
      sample({ label: 'cache' }, cacheLimit.folded),
      ...sources.flatMap(({ counts }) => [
        sample({ label: 'command' }, counts.commandLimit.folded),
        sample({ label: 'error_type' }, counts.errorTypeLimit.folded),
      ]),
    ],
  },
  {
    name: 'build_info',
    type: 'gauge',
    help: 'Always 1: what is running.',
    labels: { version: 'of this library', nest: 'of @nestjs/core', node: 'of Node', ioredis: 'of ioredis' },
    collect: () => [sample(BUILD, 1)],
  },
];

/** Every metric there is. The page docs/metrics.md is written from it. */
export const METRICS: readonly Metric[] = [...CACHE_METRICS, ...CONNECTION_METRICS, ...OTHER_METRICS].map((metric) => ({
  ...metric,
  name: `${PREFIX}${metric.name}`,
}));

const BUILD = {
  version: versionIn('../../package.json'),
  nest: versionIn('@nestjs/core/package.json'),
  node: process.versions.node,
  ioredis: versionIn('ioredis/package.json'),
};

function ofWarmUps(name: string, help: string, valueOf: (last: LastWarmUp) => number): Metric {
  return {
    name,
    type: 'gauge',
    help,
    labels: { warmup: 'name of the warmer' },
    collect: (sources) => {
      // The last one, where several modules of a process have a warmer of that name.
      const lasts = new Map(
        sources
          .flatMap(({ counts }) => [...counts.warmUps])
          .sort(([, a], [, b]) => a.endedAt.getTime() - b.endedAt.getTime()),
      );
      return Array.from(lasts, ([warmup, last]) => sample({ warmup }, valueOf(last)));
    },
  };
}

function versionIn(manifest: string): string {
  try {
    return (createRequire(import.meta.url)(manifest) as { version: string }).version;
  } catch {
    // A bundle has none.
    return 'unknown';
  }
}
