/**
 * Counts of observations by upper bound, with their sum: what a Prometheus histogram is made of. Plain numbers, because an
 * observation must cost next to nothing; read them, never write.
 */
export class Histogram {
  /** Of each bucket, not cumulative; the last one holds what is beyond all bounds. */
  readonly counts: number[];
  sum = 0;

  /** @param bounds ascending; a value belongs to the first bound that is not below it */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += value;
  }
}
