import { Histogram } from '../cache/histogram.js';

export type Labels = Readonly<Record<string, string>>;

/** What was counted under some labels. */
interface Counted<T> {
  readonly labels: Labels;
  value: T;
}

/** Numbers by labels, each kept from its first count on. */
export class Tally<Name extends string> {
  readonly #counted = new Map<string, Counted<number>>();

  add(labels: Readonly<Record<Name, string>>, by = 1): void {
    const id = idOf(labels);
    const counted = this.#counted.get(id);
    if (counted === undefined) this.#counted.set(id, { labels, value: by });
    else counted.value += by;
  }

  entries(): Iterable<Readonly<Counted<number>>> {
    return this.#counted.values();
  }
}

/** Histograms by labels. */
export class HistogramTally<Name extends string> {
  readonly #counted = new Map<string, Counted<Histogram>>();

  constructor(private readonly bounds: readonly number[]) {}

  observe(labels: Readonly<Record<Name, string>>, value: number): void {
    const id = idOf(labels);
    let counted = this.#counted.get(id);
    if (counted === undefined) this.#counted.set(id, (counted = { labels, value: new Histogram(this.bounds) }));
    counted.value.observe(value);
  }

  entries(): Iterable<Readonly<Counted<Histogram>>> {
    return this.#counted.values();
  }
}

function idOf(labels: Labels): string {
  let id = '';
  for (const name in labels) id += `${labels[name]}\n`;
  return id;
}
