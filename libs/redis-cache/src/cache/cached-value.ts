import { decodeValue, decompressValue, deepFreeze, sizeOf, type Codec, type EncodedValue } from './value.js';

export interface ValueOptions {
  codec: Codec | undefined;
  maxValueBytes: number;
  /** Give every caller a copy of its own, even of what could be shared. */
  copies: boolean;
}

/** A stored value as callers get it. */
export interface CachedValue {
  /** Size of the encoded value before compression. */
  readonly bytes: number;
  /** The value is `null` or `undefined`. */
  readonly isNegative: boolean;
  /** `asCopy`: a value of the caller's own even where the others share one. */
  take(asCopy?: boolean): unknown;
}

/**
 * One deep-frozen value for all callers, or, where freezing cannot protect it (`Map`, `Set`, `Date`, bytes) or copies are
 * wanted, a fresh decoding for each.
 *
 * @throws CorruptValueError when the bytes cannot be decoded.
 */
export function cachedValue(encoded: EncodedValue, options: ValueOptions): CachedValue {
  const readable = decompressValue(encoded, options.maxValueBytes);
  const value = decoded(readable, options);
  if (readable.mutable || options.copies) return new OwnValue(readable, options, value);
  return new SharedValue(sizeOf(readable), deepFreeze(value));
}

// There is one for each entry in memory: it holds no more than it must.
class SharedValue implements CachedValue {
  constructor(
    readonly bytes: number,
    private readonly value: unknown,
  ) {}

  get isNegative(): boolean {
    return isNothing(this.value);
  }

  take(asCopy = false): unknown {
    return asCopy ? structuredClone(this.value) : this.value;
  }
}

class OwnValue implements CachedValue {
  readonly isNegative: boolean;
  /** The decoding that proved the bytes readable; the first caller gets it. */
  #first: { value: unknown } | undefined;

  constructor(
    private readonly encoded: EncodedValue,
    private readonly options: ValueOptions,
    first: unknown,
  ) {
    this.isNegative = isNothing(first);
    this.#first = { value: first };
  }

  get bytes(): number {
    return sizeOf(this.encoded);
  }

  take(): unknown {
    const first = this.#first;
    this.#first = undefined;
    return first === undefined ? decoded(this.encoded, this.options) : first.value;
  }
}

function decoded(encoded: EncodedValue, { codec, maxValueBytes }: ValueOptions): unknown {
  return decodeValue(encoded, { codec, maxBytes: maxValueBytes });
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined;
}
