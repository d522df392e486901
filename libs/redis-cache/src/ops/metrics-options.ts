import type { Duration } from '../time.js';

/** What we need of a registry of prom-client, spelled here because that package need not be installed. */
export interface PrometheusRegistry {
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
  metrics(): Promise<string>;
}

export interface MetricsOptions {
  /**
   * Where Prometheus metrics go: a registry of prom-client; `true`, its global one (which `@willsoto/nestjs-prometheus`
   * serves), an error at start when prom-client is not installed; `false`, nowhere. Default: the global one when
   * prom-client is installed.
   */
  prometheus?: boolean | PrometheusRegistry;
  /**
   * How old memory and evictions of the Redis server may be that a scrape shows; they come from INFO. `false`: not asked
   * for, say because an exporter tells them. Default `'15s'`.
   */
  server?: Duration | false;
}
