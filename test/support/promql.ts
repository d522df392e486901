import { METRICS } from '../../libs/redis-cache/src/ops/metrics.js';

/** What Prometheus may be asked for: the metrics, and the parts of histograms. */
export function knownMetricNames(): string[] {
  return METRICS.flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
}

/** The metrics of ours that an expression asks for, recorded ones among them. */
export function metricNamesIn(expression: string): string[] {
  return expression.match(/\b(?:cache:)?rcache_\w+(?::\w+)?/g) ?? [];
}
