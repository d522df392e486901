import { constants as bufferConstants } from 'node:buffer';
import { constants, deflateSync, inflateSync } from 'node:zlib';

// Below this size the time costs more than the bytes it saves; see docs/decisions/codec.md.
export const DEFAULT_COMPRESS_ABOVE_BYTES = 8192;

// A compressed value must be worth its decompression on every read.
const WORTHWHILE_RATIO = 0.9;

/** The bytes in zlib format, or undefined when that would save less than a tenth. */
export function compress(bytes: Buffer): Buffer | undefined {
  const compressed = deflateSync(bytes, { level: constants.Z_BEST_SPEED });
  return compressed.length <= bytes.length * WORTHWHILE_RATIO ? compressed : undefined;
}

/** The original bytes; throws when they are damaged or would be more than `maxBytes` (a few bytes can claim gigabytes). */
export function decompress(bytes: Buffer, maxBytes: number): Buffer {
  return inflateSync(bytes, { maxOutputLength: Math.min(maxBytes, bufferConstants.MAX_LENGTH) });
}
