import type { Registry } from 'prom-client';

export interface Series {
  /** As it is scraped, with `_bucket`, `_sum` or `_count` of a histogram. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What Prometheus would read of ours. */
export async function scrape(registry: Pick<Registry, 'metrics'>): Promise<Series[]> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('rcache_'));
  return lines.map((line) => {
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label, text] as const);
    return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
  });
}

/** The sum of the series of that name that have these labels. */
export function total(series: readonly Series[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return series
    .filter(
      (each) => each.name === name && Object.entries(labels).every(([label, text]) => each.labels[label] === text),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
