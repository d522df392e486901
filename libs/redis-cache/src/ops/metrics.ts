import { createRequire } from 'node:module';
import { CACHE_METRICS } from './cache-metrics.js';
import { CONNECTION_METRICS } from './connection-metrics.js';
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

function versionIn(manifest: string): string {
  try {
    return (createRequire(import.meta.url)(manifest) as { version: string }).version;
  } catch {
    // A bundle has none.
    return 'unknown';
  }
}
