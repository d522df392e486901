/**
 * Values as bytes and back. What a reader gets is what the loader returned, from every tier and process: plain JSON
 * when the value holds nothing else (reading it is one JSON.parse), typed JSON otherwise, bytes as they are, or a
 * custom codec.
 */
import { types } from 'node:util';
import { parse } from 'secure-json-parse';
import { UncacheableValueError } from '../errors.js';
import { compress, decompress, DEFAULT_COMPRESS_ABOVE_BYTES } from './compression.js';
import { fromTyped, toPlainJson } from './typed-json.js';

/** Turns values into bytes instead of the default codec. Both methods are synchronous and may throw. */
export interface Codec {
  /** 1 to 32 of `a-z`, `0-9` and `-`. Stored with each entry: change it when the bytes change their meaning. */
  readonly name: string;
  encode(value: unknown): Uint8Array;
  /** Called for every hit, with bytes of its own. Whatever it throws makes the read a miss. */
  decode(bytes: Uint8Array): unknown;
  /** Whether all readers may share what `decode` gives, because nobody changes it: then it is called once for each copy in
   * memory, with bytes that are not its own. Default `false`. */
  readonly isShared?: boolean;
}

/** How a value became bytes: `bytes` is a Uint8Array, `buffer` a Buffer, both as they were. */
export type Encoding = 'json' | 'typed-json' | 'bytes' | 'buffer' | 'custom';

export interface EncodedValue {
  readonly bytes: Buffer;
  /** Of JSON that was just made: the same, which nobody need decode. */
  readonly text?: string | undefined;
  readonly encoding: Encoding;
  readonly compressed: boolean;
  /** Freezing cannot protect it (Map, Set, Date, bytes, custom codec), so each hit must decode it afresh. */
  readonly mutable: boolean;
}

export interface EncodeOptions {
  /** Instead of the default codec. */
  codec?: Codec | undefined;
  /** Compress what is larger, if that saves a tenth or more; default 8192, `Infinity` never. */
  compressAboveBytes?: number | undefined;
}

export interface DecodeOptions {
  /** The codec for values with the encoding `custom`. */
  codec?: Codec | undefined;
  /** A compressed value that would become larger is refused. */
  maxBytes: number;
}

/** Stored bytes that are not what they claim to be: damaged, or written by something else. Treat it as a miss. */
export class CorruptValueError extends Error {
  override readonly name = 'CorruptValueError';
}

export const CODEC_NAME = /^[a-z0-9-]{1,32}$/;

/** @throws UncacheableValueError for a value that cannot be stored without changing it; `path` says where. */
export function encodeValue(value: unknown, options: EncodeOptions = {}): EncodedValue {
  const encoded = options.codec === undefined ? encodeDefault(value) : encodeCustom(value, options.codec);
  return compressValue(encoded, options.compressAboveBytes ?? DEFAULT_COMPRESS_ABOVE_BYTES);
}

/** The same value, compressed if it is larger than `aboveBytes` and that saves a tenth or more. */
export function compressValue(encoded: EncodedValue, aboveBytes: number): EncodedValue {
  if (encoded.compressed || sizeOf(encoded) <= aboveBytes) return encoded;
  const { encoding, mutable } = encoded;
  const bytes = compress(encoded.bytes);
  return bytes === undefined ? encoded : { bytes, encoding, compressed: true, mutable };
}

/** In bytes. */
export function sizeOf(encoded: EncodedValue): number {
  return encoded instanceof EncodedJson ? encoded.size : encoded.bytes.length;
}

/** JSON on its way into the store: most of it is written where it belongs, and bytes of its own are never made. */
class EncodedJson implements EncodedValue {
  readonly compressed = false;
  readonly #text: string;
  #size: number | undefined;

  constructor(
    text: string,
    readonly encoding: Encoding,
    readonly mutable: boolean,
  ) {
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  get bytes(): Buffer {
    return Buffer.from(this.#text);
  }

  /** Counting takes as long as writing. */
  get size(): number {
    return (this.#size ??= Buffer.byteLength(this.#text));
  }
}

function encodeDefault(value: unknown): EncodedValue {
  if (types.isUint8Array(value)) {
    // A copy: the caller may go on writing into its own.
    const encoding = Buffer.isBuffer(value) ? 'buffer' : 'bytes';
    return { bytes: Buffer.from(value), encoding, compressed: false, mutable: true };
  }
  const { json, tagged, mutable } = toPlainJson(value);
  return new EncodedJson(JSON.stringify(json), tagged ? 'typed-json' : 'json', mutable);
}

function encodeCustom(value: unknown, codec: Codec): EncodedValue {
  try {
    const bytes = Buffer.from(codec.encode(value));
    return { bytes, encoding: 'custom', compressed: false, mutable: codec.isShared !== true };
  } catch (cause) {
    throw new UncacheableValueError('$', `refused by the codec "${codec.name}"`, { cause });
  }
}

/**
 * A value of its own: nobody else holds any part of it.
 *
 * @throws CorruptValueError for whatever cannot be decoded.
 */
export function decodeValue(encoded: EncodedValue, options: DecodeOptions): unknown {
  try {
    return decodeBytes(decompressValue(encoded, options.maxBytes), options.codec);
  } catch (cause) {
    if (cause instanceof CorruptValueError) throw cause;
    throw new CorruptValueError(`The stored value (${encoded.encoding}) cannot be decoded.`, { cause });
  }
}

/**
 * The same value uncompressed, for whoever decodes it more than once.
 *
 * @throws CorruptValueError when it is damaged or larger than `maxBytes`.
 */
export function decompressValue(encoded: EncodedValue, maxBytes: number): EncodedValue {
  if (!encoded.compressed) return encoded;
  try {
    return { ...encoded, bytes: decompress(encoded.bytes, maxBytes), compressed: false };
  } catch (cause) {
    throw new CorruptValueError(`The stored value cannot be decompressed to at most ${maxBytes} bytes.`, { cause });
  }
}

function decodeBytes(encoded: EncodedValue, codec: Codec | undefined): unknown {
  switch (encoded.encoding) {
    case 'json':
      return parsed(encoded);
    case 'typed-json':
      return fromTyped(parsed(encoded));
    case 'bytes':
      return new Uint8Array(encoded.bytes);
    case 'buffer':
      return Buffer.from(encoded.bytes);
    case 'custom':
      if (codec === undefined) throw new CorruptValueError('The stored value needs a codec, and none was given.');
      // A copy, since many codecs answer with views into what they were given.
      return codec.decode(codec.isShared === true ? encoded.bytes : Buffer.from(encoded.bytes));
  }
}

/** What `encodeDefault` made holds no own __proto__ field. */
function parsed(encoded: EncodedValue): unknown {
  return encoded.text === undefined ? parseJson(encoded.bytes) : JSON.parse(encoded.text);
}

/** An own __proto__ field would turn against whoever merges the value into another object. */
function parseJson(bytes: Buffer): unknown {
  const text = bytes.toString();
  // Nothing else spells that name in JSON; looking for it costs a tenth of what looking closely does.
  if (!text.includes('__proto__') && !text.includes('\\u')) return JSON.parse(text);
  return parse(text, { protoAction: 'remove', constructorAction: 'ignore' });
}

/**
 * Freezes plain objects and arrays, all the way down, and gives the value back. A loop, not recursion: what was read
 * from Redis may be nested deeper than the stack.
 */
export function deepFreeze<T>(value: T): T {
  if (!isOpen(value)) return value;
  const pending: object[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    Object.freeze(next);
    if (Array.isArray(next)) {
      for (let index = 0; index < next.length; index++) if (isOpen(next[index])) pending.push(next[index] as object);
    } else {
      for (const name in next) {
        const field = (next as Record<string, unknown>)[name];
        if (isOpen(field)) pending.push(field);
      }
    }
  }
  return value;
}

function isOpen(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
