import { Histogram } from '../cache/histogram.js';
import { LabelLimit } from './label-limit.js';
import type { Metric, MetricSource, Sample } from './metric.js';
import { METRICS } from './metrics.js';
import type { Labels } from './tally.js';

/** What a registry of prom-client needs to be told, beside what users must know of it. */
export interface MetricRegistry {
  registerMetric(metric: never): void;
  removeSingleMetric(name: string): void;
}

/** What prom-client makes lines of. */
interface Line {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Each name is a set of series for the life of the process, so caches made without end must not reach Prometheus. */
const MAX_CACHES = 50;

const bridges = new WeakMap<MetricRegistry, PrometheusBridge>();

/**
 * The bridge of a registry. Modules of one process that share a registry share its bridge, because a name can be
 * registered only once: their counts are added up.
 */
export function bridgeTo(registry: MetricRegistry): PrometheusBridge {
  let bridge = bridges.get(registry);
  if (bridge === undefined) bridges.set(registry, (bridge = new PrometheusBridge(registry)));
  return bridge;
}

/**
 * Shows what engines count as metrics of a registry. Nothing is copied until somebody asks; then the registry gets finished
 * samples, because the classes of prom-client cost more with each observation than a hit in memory does.
 */
export class PrometheusBridge {
  readonly #sources = new Set<MetricSource>();
  readonly #cacheLimit = new LabelLimit(MAX_CACHES);

  constructor(private readonly registry: MetricRegistry) {}

  attach(source: MetricSource): void {
    if (this.#sources.size === 0) this.#register();
    this.#sources.add(source);
  }

  /** With the last source its metrics go, and nothing else of the registry. */
  detach(source: MetricSource): void {
    this.#sources.delete(source);
    if (this.#sources.size === 0) this.#unregister();
  }

  #register(): void {
    // Left over when this file was loaded anew (hot reloading) while the registry stayed.
    this.#unregister();
    for (const metric of METRICS) {
      const { name, help, type } = metric;
      const registered = {
        name,
        help,
        type,
        aggregator: 'sum',
        get: async function (this: { name: string }) {
          // Of the object: for OpenMetrics a registry changes the name of a counter.
          return { name: this.name, help, type, aggregator: 'sum', values: await lines(metric) };
        },
        reset: () => {
          // Counters belong to the caches.
        },
      };
      this.registry.registerMetric(registered as never);
    }
    const lines = async (metric: Metric): Promise<Line[]> => {
      const samples = await metric.collect([...this.#sources], this.#cacheLimit);
      return addedUp(samples).flatMap(({ labels, value }) => linesOf(metric.name, labels, value));
    };
  }

  #unregister(): void {
    for (const { name } of METRICS) this.registry.removeSingleMetric(name);
  }
}

function addedUp(samples: readonly Sample[]): Sample[] {
  const sums = new Map<string, { labels: Labels; value: number | Histogram }>();
  for (const { labels, value } of samples) {
    const id = Object.values(labels).join('\n');
    const known = sums.get(id);
    if (known === undefined) sums.set(id, { labels, value });
    else known.value = plus(known.value, value);
  }
  return [...sums.values()];
}

function plus(a: number | Histogram, b: number | Histogram): number | Histogram {
  if (!(a instanceof Histogram) || !(b instanceof Histogram)) return Number(a) + Number(b);
  const total = new Histogram(a.bounds);
  for (const [index, count] of a.counts.entries()) total.counts[index] = count + (b.counts[index] ?? 0);
  total.sum = a.sum + b.sum;
  return total;
}

function linesOf(name: string, labels: Labels, value: number | Histogram): Line[] {
  // No name: that of the metric, as the registry spells it.
  if (!(value instanceof Histogram)) return [{ labels, value } as Line];
  let count = 0;
  const buckets = value.counts.map((each, index): Line => {
    count += each;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: value.bounds[index] ?? '+Inf' }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: value.sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
