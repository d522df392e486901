import type { CacheReport, FleetReport } from './fleet-report.js';

/** Figures of one cache in one step. */
const FIGURES = ['requests', 'hits', 'loads', 'loadErrors', 'savedSeconds'] as const;
type Figure = (typeof FIGURES)[number];
type Figures = Record<Figure, number>;

/** What happened in one step, by all processes. */
export interface HistoryStep {
  /** When it began, in milliseconds since the epoch. */
  readonly atMs: number;
  /** By cache. */
  readonly caches: Map<string, Figures>;
  /** Buckets of reads, and of loads, of all caches. */
  readonly reads: number[];
  readonly loads: number[];
}

/** Of a series, for the page: one number for each step. */
export interface Series {
  readonly stepMs: number;
  readonly atMs: number[];
  readonly total: Record<Figure, number[]>;
  readonly reads: number[][];
  readonly loads: number[][];
}

/** Steps of one length, the oldest of which are forgotten. */
class Ring {
  readonly steps: HistoryStep[] = [];

  constructor(
    readonly stepMs: number,
    readonly kept: number,
  ) {}

  add(atMs: number, gained: Omit<HistoryStep, 'atMs'>): void {
    const beganAtMs = Math.floor(atMs / this.stepMs) * this.stepMs;
    let step = this.steps.at(-1);
    if (step?.atMs !== beganAtMs) {
      step = { atMs: beganAtMs, caches: new Map(), reads: [], loads: [] };
      this.steps.push(step);
      while ((this.steps[0]?.atMs ?? Infinity) <= beganAtMs - this.stepMs * this.kept) this.steps.shift();
    }
    for (const [cache, figures] of gained.caches) {
      const known = step.caches.get(cache);
      if (known === undefined) step.caches.set(cache, { ...figures });
      else for (const name of FIGURES) known[name] += figures[name];
    }
    addInto(step.reads, gained.reads);
    addInto(step.loads, gained.loads);
  }
}

const SPANS = {
  /** The last ten minutes. */
  fine: [5_000, 120],
  /** The last day. */
  coarse: [60_000, 1_440],
} as const;

export type Span = keyof typeof SPANS;

/**
 * What the processes did in the last day, from the time this one began to look. Counts of processes are compared with what
 * each told before, so that one that comes or goes makes no step up or down.
 */
export class History {
  readonly #rings = {
    fine: new Ring(...SPANS.fine),
    coarse: new Ring(...SPANS.coarse),
  };
  #previous: ReadonlyMap<string, FleetReport> = new Map();
  #notedAtMs: number | undefined;

  /** @param atMs milliseconds since the epoch */
  note(reports: readonly FleetReport[], atMs: number): void {
    const gained: Omit<HistoryStep, 'atMs'> = { caches: new Map(), reads: [], loads: [] };
    for (const report of reports) {
      const before = this.#previous.get(report.id);
      // What a process did before it was first heard of belongs to no step, unless it has only just begun.
      const isNew = before === undefined && report.uptimeMs <= atMs - (this.#notedAtMs ?? atMs);
      if (before === undefined && !isNew) continue;
      for (const [cache, now] of Object.entries(report.caches)) {
        gain(gained, cache, before?.caches[cache], now);
      }
    }
    for (const ring of Object.values(this.#rings)) ring.add(atMs, gained);
    // One that could not be asked now is compared with what it told last.
    const kept = [...this.#previous.values()]
      .filter(({ id }) => !reports.some((report) => report.id === id))
      .slice(-64);
    this.#previous = new Map([...kept, ...reports].map((report) => [report.id, report]));
    this.#notedAtMs = atMs;
  }

  /** @param cache of one cache only; buckets are of all caches in any case */
  series(span: Span, cache?: string): Series {
    const { stepMs, steps } = this.#rings[span];
    const sums = steps.map(({ caches }) => sumOf(cache === undefined ? [...caches.values()] : [caches.get(cache)]));
    return {
      stepMs,
      atMs: steps.map(({ atMs }) => atMs),
      total: Object.fromEntries(FIGURES.map((name) => [name, sums.map((each) => each[name])])) as Series['total'],
      reads: steps.map(({ reads }) => [...reads]),
      loads: steps.map(({ loads }) => [...loads]),
    };
  }

  /** The hit ratio of a cache in its last steps; `null` where nobody asked it. */
  ratios(cache: string, count: number): (number | null)[] {
    return this.#rings.fine.steps.slice(-count).map(({ caches }) => {
      const { requests = 0, hits = 0 } = caches.get(cache) ?? {};
      return requests === 0 ? null : hits / requests;
    });
  }
}

function gain(into: Omit<HistoryStep, 'atMs'>, cache: string, before: CacheReport | undefined, now: CacheReport): void {
  const since = (of: (report: CacheReport) => number): number =>
    Math.max(0, of(now) - (before === undefined ? 0 : of(before)));
  const hits = since(({ hitsL1, hitsL2 }) => hitsL1 + hitsL2);
  const known = into.caches.get(cache) ?? { requests: 0, hits: 0, loads: 0, loadErrors: 0, savedSeconds: 0 };
  known.requests += since(({ requests }) => requests);
  known.hits += hits;
  known.loads += since(({ loads }) => loads);
  known.loadErrors += since(({ loadErrors }) => loadErrors);
  known.savedSeconds += hits * meanLoadSeconds(now);
  into.caches.set(cache, known);
  addInto(into.reads, differences(before?.reads.counts, now.reads.counts));
  addInto(into.loads, differences(before?.loadTimes.counts, now.loadTimes.counts));
}

/** How long the source takes for one value; 0 as long as nobody asked it. */
export function meanLoadSeconds({ loadTimes }: Pick<CacheReport, 'loadTimes'>): number {
  const count = loadTimes.counts.reduce((sum, each) => sum + each, 0);
  return count === 0 ? 0 : loadTimes.sum / count;
}

export function addInto(into: number[], counts: readonly number[]): void {
  for (const [index, count] of counts.entries()) into[index] = (into[index] ?? 0) + count;
}

function differences(before: readonly number[] | undefined, now: readonly number[]): number[] {
  return now.map((count, index) => Math.max(0, count - (before?.[index] ?? 0)));
}

function sumOf(all: readonly (Figures | undefined)[]): Figures {
  const sum: Figures = { requests: 0, hits: 0, loads: 0, loadErrors: 0, savedSeconds: 0 };
  for (const figures of all) if (figures !== undefined) for (const name of FIGURES) sum[name] += figures[name];
  return sum;
}
