import { decodeValue, decompressValue, deepFreeze, sizeOf, type Codec, type EncodedValue } from './value.js';

export interface ValueOptions {
  codec: Codec | undefined;
  maxValueBytes: number;
  /** Give every caller a copy of its own, even of what could be shared. */
  copies: boolean;
}

/** A value that can be stored, as an entry holds it. */
export interface CachedValue {
  /** Size of the encoded value before compression. */
  readonly bytes: number;
  /** The value is `null` or `undefined`. */
  readonly isNegative: boolean;
  /** What all callers share, or an `OwnValue`. */
  readonly held: unknown;
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
  const isOwn = readable.mutable || options.copies;
  const held = isOwn ? new OwnValue(readable, options, value) : deepFreeze(value);
  return { bytes: sizeOf(readable), isNegative: isNothing(value), held };
}

/** A value that each caller gets for itself. */
export class OwnValue {
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

  take(): unknown {
    const first = this.#first;
    this.#first = undefined;
    return first === undefined ? decoded(this.encoded, this.options) : first.value;
  }
}

function decoded(encoded: EncodedValue, { codec, maxValueBytes }: ValueOptions): unknown {
  return decodeValue(encoded, { codec, maxBytes: maxValueBytes });
}

export function isNothing(value: unknown): boolean {
  return value === null || value === undefined;
}
