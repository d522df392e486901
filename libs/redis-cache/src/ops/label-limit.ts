/** Beyond this many further values are not told apart any more. */
const MAX_NOTED = 1000;

/**
 * Keeps the values of a label few: each is a set of series for the life of the process. The first ones stay themselves,
 * whatever comes after the limit becomes `other` and is noted.
 */
export class LabelLimit {
  readonly #known = new Set<string>();
  readonly #folded = new Set<string>();

  constructor(private readonly limit: number) {}

  /** How many values became `other`. */
  get folded(): number {
    return this.#folded.size;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size < this.limit) {
      this.#known.add(value);
      return value;
    }
    if (this.#folded.size < MAX_NOTED) this.#folded.add(value);
    return 'other';
  }
}
