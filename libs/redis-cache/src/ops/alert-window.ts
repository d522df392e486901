import { Histogram } from '../cache/histogram.js';
import type { MetricSource } from './metric.js';
import type { ServerFigures } from './server-info.js';
import type { Labels, Tally } from './tally.js';

/** Counters of one cache at an instant. */
export interface CacheCounts {
  readonly requests: number;
  readonly hits: number;
  readonly reads: number;
  readonly readErrors: number;
  /** Of each bucket, by the time a read took. */
  readonly readTimes: Histogram;
  readonly loads: number;
  readonly loadErrors: number;
  readonly staleOnError: number;
  readonly codecErrors: number;
}

/** One connection at an instant. */
export interface ConnectionCounts {
  readonly isUp: boolean;
  readonly isBreakerOpen: boolean;
  readonly isLinkTrusted: boolean;
  readonly journaled: number;
  readonly reconnects: number;
  readonly linkDelays: Histogram;
  /** Missing where Redis does not tell. */
  readonly server: ServerFigures | undefined;
}

export interface AlertSample {
  readonly atMs: number;
  readonly caches: ReadonlyMap<string, CacheCounts>;
  readonly connections: ReadonlyMap<string, ConnectionCounts>;
  /** Values stored, by all caches. */
  readonly stored: number;
  readonly foldedLabels: number;
  /** Entries the last run of each warmer could not load. */
  readonly failedWarmUps: ReadonlyMap<string, number>;
}

const NO_TIMES = new Histogram([]);

/** What is counted now. */
export async function sampleOf({ engine, counts, server }: MetricSource, atMs: number): Promise<AlertSample> {
  const figures = await server?.figures();
  return {
    atMs,
    caches: new Map(
      engine.caches().map(({ name, stats }): [string, CacheCounts] => {
        const readTimes = copyOf(stats.reads);
        readTimes.counts[0] = (readTimes.counts[0] ?? 0) + stats.untimedReads;
        return [
          name,
          {
            requests: stats.hitsL1 + stats.hitsL2 + stats.misses,
            hits: stats.hitsL1 + stats.hitsL2,
            reads: stats.readsL2,
            readErrors: stats.errorsL2,
            readTimes,
            loads: stats.loads + stats.loadErrors,
            loadErrors: stats.loadErrors,
            staleOnError: sumOf(counts.staleAnswers, { cache: name, reason: 'error' }),
            codecErrors: stats.corrupt + stats.unencodable,
          },
        ];
      }),
    ),
    connections: new Map(
      engine.connectionStates().map(({ name, isUp, breaker, link, journaled }): [string, ConnectionCounts] => [
        name,
        {
          isUp,
          isBreakerOpen: breaker === 'open',
          isLinkTrusted: link === 'trusted',
          journaled,
          reconnects: sumOf(counts.reconnects, { connection: name }),
          linkDelays: copyOf(
            [...counts.linkDelays.entries()].find(({ labels }) => labels.connection === name)?.value ?? NO_TIMES,
          ),
          server: figures?.get(name),
        },
      ]),
    ),
    stored: [...counts.valueBytes.entries()].reduce((sum, { value }) => sum + countOf(value), 0),
    foldedLabels: counts.commandLimit.folded + counts.errorTypeLimit.folded,
    failedWarmUps: new Map(Array.from(counts.warmUps, ([warmup, { failed }]) => [warmup, failed])),
  };
}

/**
 * The samples of the last minutes, and what hit ratios used to be: what rules are about. Without a sample as old as asked for
 * the oldest one stands in, as it does for a process Prometheus has just begun to scrape.
 */
export class AlertWindow {
  readonly #samples: AlertSample[] = [];
  readonly #ratios = new Map<string, { atMs: number; ratio: number }[]>();

  constructor(
    private readonly keptMs: number,
    private readonly ratiosKeptMs: number,
  ) {}

  get now(): AlertSample {
    return this.#samples.at(-1) as AlertSample;
  }

  add(sample: AlertSample): void {
    this.#samples.push(sample);
    while ((this.#samples[1]?.atMs ?? Infinity) <= sample.atMs - this.keptMs) this.#samples.shift();
  }

  /** The newest sample that is at least so old. */
  ago(ms: number): AlertSample {
    const atMs = this.now.atMs - ms;
    return this.#samples.findLast((sample) => sample.atMs <= atMs) ?? (this.#samples[0] as AlertSample);
  }

  noteRatio(cache: string, ratio: number): void {
    const ratios = this.#ratios.get(cache) ?? [];
    ratios.push({ atMs: this.now.atMs, ratio });
    while ((ratios[0]?.atMs ?? Infinity) < this.now.atMs - this.ratiosKeptMs) ratios.shift();
    this.#ratios.set(cache, ratios);
  }

  /** The mean of the ratios noted, but for those of the last `ms`; `undefined` when there are none. */
  meanRatioBefore(cache: string, ms: number): number | undefined {
    const old = (this.#ratios.get(cache) ?? []).filter(({ atMs }) => atMs <= this.now.atMs - ms);
    return old.length === 0 ? undefined : old.reduce((sum, { ratio }) => sum + ratio, 0) / old.length;
  }
}

/** The value below which that share of what was observed between two instants lies, or `undefined` when nothing was. */
export function quantileBetween(share: number, before: Histogram | undefined, after: Histogram): number | undefined {
  const counts = after.counts.map((count, index) => count - (before?.counts[index] ?? 0));
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (below + count >= share * total) {
      const upper = after.bounds[index] ?? after.bounds.at(-1) ?? 0;
      const lower = index === 0 ? 0 : (after.bounds[index - 1] ?? 0);
      // Spread evenly within the bucket, as histogram_quantile does.
      return count === 0 || index >= after.bounds.length
        ? upper
        : lower + ((upper - lower) * (share * total - below)) / count;
    }
    below += count;
  }
  return undefined;
}

function copyOf({ bounds, counts, sum }: Histogram): Histogram {
  const copy = new Histogram(bounds);
  for (const [index, count] of counts.entries()) copy.counts[index] = count;
  copy.sum = sum;
  return copy;
}

function sumOf(tally: Tally<string>, labels: Labels): number {
  const isMeant = (own: Labels): boolean => Object.entries(labels).every(([name, value]) => own[name] === value);
  return [...tally.entries()].reduce((sum, each) => (isMeant(each.labels) ? sum + each.value : sum), 0);
}

function countOf({ counts }: Histogram): number {
  return counts.reduce((total, count) => total + count, 0);
}
