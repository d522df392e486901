import type { Registry } from 'prom-client';
import type { CacheEngine } from '../cache/engine.js';
import { COLLECTED_METRICS, type CollectedMetric, EVENT_METRICS, type Sample } from './prometheus-metrics.js';

type PromClient = typeof import('prom-client');

/** Each name is a set of series for the life of the process, so caches made without end must not reach Prometheus. */
const MAX_CACHE_LABELS = 50;
/** From a quick query to the default `hardTimeout`. */
const LOAD_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const bridges = new WeakMap<Registry, PrometheusBridge>();

/**
 * The bridge of a registry. Modules of one process that share a registry share its bridge, because a name can be
 * registered only once: their counts are added up.
 */
export function bridgeTo(registry: Registry, client: PromClient): PrometheusBridge {
  let bridge = bridges.get(registry);
  if (bridge === undefined) bridges.set(registry, (bridge = new PrometheusBridge(registry, client)));
  return bridge;
}

/**
 * Shows what engines count as metrics of prom-client. The hot path knows nothing of it: counters are read when
 * Prometheus asks, and only what is rare or costs milliseconds anyway is observed event by event.
 */
export class PrometheusBridge {
  readonly #engines = new Set<CacheEngine>();
  readonly #cacheLabels = new Set<string>();
  #listenTo = (_engine: CacheEngine): void => {};

  constructor(
    private readonly registry: Registry,
    private readonly client: PromClient,
  ) {}

  attach(engine: CacheEngine): void {
    if (this.#engines.size === 0) this.#register();
    this.#engines.add(engine);
    this.#listenTo(engine);
  }

  /** With the last engine its metrics go, and nothing else of the registry. */
  detach(engine: CacheEngine): void {
    this.#engines.delete(engine);
    if (this.#engines.size === 0) this.#removeMetrics();
  }

  #register(): void {
    const { Counter, Histogram } = this.client;
    const { loadDuration, staleServed, invalidations, errors } = EVENT_METRICS;
    // Left over when this file was loaded anew (hot reloading) while the registry stayed.
    this.#removeMetrics();
    for (const metric of COLLECTED_METRICS) this.#collect(metric);

    const registers = [this.registry];
    const loads = new Histogram({ ...loadDuration, registers, buckets: LOAD_BUCKETS_SECONDS });
    const stale = new Counter({ ...staleServed, registers });
    const invalidated = new Counter({ ...invalidations, registers });
    const failed = new Counter({ ...errors, registers });
    this.#listenTo = ({ events }) => {
      events.on('load', ({ cache, durationMs, error }) => {
        loads.observe(
          { cache: this.#labelOf(cache), result: error === undefined ? 'success' : 'error' },
          durationMs / 1000,
        );
      });
      events.on('stale', ({ cache, reason }) => {
        stale.inc({ cache: this.#labelOf(cache), reason });
      });
      events.on('invalidation', ({ cache, kind, status }) => {
        invalidated.inc({ cache: this.#labelOf(cache), kind, status });
      });
      events.on('redis-error', ({ connection, command, error }) => {
        failed.inc({ connection, operation: command, error_type: error });
      });
    };
  }

  #removeMetrics(): void {
    for (const { name } of [...COLLECTED_METRICS, ...Object.values(EVENT_METRICS)]) {
      this.registry.removeSingleMetric(name);
    }
  }

  #collect(metric: CollectedMetric): void {
    const { type, name, help, labelNames } = metric;
    const sample = (): readonly Sample[] => metric.samplesOf([...this.#engines], (cache) => this.#labelOf(cache));
    const { Counter, Gauge } = this.client;
    new (type === 'counter' ? Counter : Gauge)({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [labels, value] of sample()) this.inc(labels, value);
      },
    });
  }

  #labelOf(cache: string): string {
    if (this.#cacheLabels.size < MAX_CACHE_LABELS) this.#cacheLabels.add(cache);
    return this.#cacheLabels.has(cache) ? cache : 'other';
  }
}
