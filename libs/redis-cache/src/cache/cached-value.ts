import { decodeValue, decompressValue, deepFreeze, type Codec, type EncodedValue } from './value.js';

export interface ValueOptions {
  codec: Codec | undefined;
  maxValueBytes: number;
  /** Give every caller a copy of its own, even of what could be shared. */
  copies: boolean;
}

/**
 * A stored value as callers get it: one deep-frozen value for all, or, where freezing cannot protect it (`Map`, `Set`,
 * `Date`, bytes) or copies are wanted, a fresh decoding for each.
 *
 * @throws CorruptValueError from the constructor when the bytes cannot be decoded.
 */
export class CachedValue {
  /** Size of the encoded value before compression. */
  readonly bytes: number;
  /** The value is `null` or `undefined`. */
  readonly isNegative: boolean;
  readonly #shared: unknown;
  readonly #encoded: EncodedValue | undefined;
  /** The decoding that proved the bytes readable; the first caller gets it. */
  #first: { value: unknown } | undefined;

  constructor(
    encoded: EncodedValue,
    private readonly options: ValueOptions,
  ) {
    const readable = decompressValue(encoded, options.maxValueBytes);
    this.bytes = readable.bytes.length;
    const value = decodeValue(readable, { codec: options.codec, maxBytes: options.maxValueBytes });
    this.isNegative = value === null || value === undefined;
    if (readable.mutable || options.copies) {
      this.#encoded = readable;
      this.#first = { value };
    } else {
      this.#shared = deepFreeze(value);
    }
  }

  /** `asCopy`: a value of the caller's own even where the others share one. */
  take(asCopy = false): unknown {
    if (this.#encoded === undefined) return asCopy ? structuredClone(this.#shared) : this.#shared;
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first.value;
    return decodeValue(this.#encoded, { codec: this.options.codec, maxBytes: this.options.maxValueBytes });
  }
}
