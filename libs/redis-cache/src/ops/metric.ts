import type { Histogram } from '../cache/histogram.js';
import type { CacheEngine } from '../cache/engine.js';
import type { CacheService } from '../cache/cache.service.js';
import type { EventCounts } from './event-counts.js';
import type { LabelLimit } from './label-limit.js';
import type { ServerInfo } from './server-info.js';
import type { HistogramTally, Labels, Tally } from './tally.js';

/** An engine, and what is known of it besides. */
export interface MetricSource {
  readonly engine: CacheEngine;
  readonly counts: EventCounts;
  readonly server: ServerInfo | undefined;
}

export interface Sample {
  readonly labels: Labels;
  readonly value: number | Histogram;
}

/** A metric as it is documented, and how its values are found when somebody asks. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** A sentence. */
  readonly help: string;
  /** The values of each label: all there are, or in words what they are. */
  readonly labels: LabelValues;
  /** Samples with the same labels are to be added up. `cacheLimit` keeps the values of the label `cache` few. */
  readonly collect: (...args: Parameters<Collect>) => Sample[] | Promise<Sample[]>;
}

type Collect = (sources: readonly MetricSource[], cacheLimit: LabelLimit) => Sample[];

export type LabelValues = Readonly<Record<string, readonly string[] | string>>;
type Head = Pick<Metric, 'name' | 'type' | 'help' | 'labels'>;

const CACHE = { cache: 'name of the cache' };
export const CONNECTION = { connection: 'name of the connection' };

/** Read from each cache. */
export function ofCaches(
  head: Head,
  samplesOf: (cache: CacheService) => readonly Sample[],
): Omit<Metric, 'collect'> & { collect: Collect } {
  return {
    ...head,
    labels: { ...CACHE, ...head.labels },
    collect: (sources, cacheLimit) =>
      sources.flatMap(({ engine }) =>
        engine
          .caches()
          .flatMap((cache) =>
            samplesOf(cache).map(({ labels, value }) => sample({ cache: cacheLimit.of(cache.name), ...labels }, value)),
          ),
      ),
  };
}

/** Counted from events of each cache; what has not happened yet is 0, so that the first time is seen as a change. */
export function tallyOfCaches(head: Omit<Head, 'type'>, tallyOf: (counts: EventCounts) => Tally<string>): Metric {
  return {
    ...head,
    type: 'counter',
    labels: { ...CACHE, ...head.labels },
    collect: (sources, cacheLimit) =>
      sources.flatMap(({ engine, counts }) => [
        ...engine
          .caches()
          .flatMap(({ name }) =>
            combinations(head.labels).map((labels) => sample({ cache: cacheLimit.of(name), ...labels }, 0)),
          ),
        ...folded(tallyOf(counts).entries(), cacheLimit),
      ]),
  };
}

/** @param samplesOf what the caches count themselves */
export function histogramOfCaches(
  head: Omit<Head, 'type'>,
  tallyOf: (counts: EventCounts) => HistogramTally<string>,
  samplesOf: (cache: CacheService) => readonly Sample[] = () => [],
): Metric {
  const { collect, ...metric } = ofCaches({ ...head, type: 'histogram' }, samplesOf);
  return {
    ...metric,
    collect: (sources, cacheLimit) => [
      ...collect(sources, cacheLimit),
      ...sources.flatMap(({ counts }) => folded(tallyOf(counts).entries(), cacheLimit)),
    ],
  };
}

/** Counted from events, and only what has happened. */
export function counted(head: Head, tallyOf: (counts: EventCounts) => { entries(): Iterable<Sample> }): Metric {
  return { ...head, collect: (sources) => sources.flatMap(({ counts }) => [...tallyOf(counts).entries()]) };
}

export function sample(labels: Labels, value: Sample['value']): Sample {
  return { labels, value };
}

function folded(counted: Iterable<Sample>, cacheLimit: LabelLimit): Sample[] {
  return Array.from(counted, ({ labels, value }) =>
    sample({ ...labels, cache: cacheLimit.of(labels.cache as string) }, value),
  );
}

/** Every combination of values of labels whose values are listed. */
export function combinations(labels: LabelValues): Labels[] {
  return Object.entries(labels).reduce<Labels[]>(
    (known, [name, values]) =>
      known.flatMap((each) => (typeof values === 'string' ? [] : values.map((value) => ({ ...each, [name]: value })))),
    [{}],
  );
}
