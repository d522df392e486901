import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

// Below this size the time costs more than the bytes it saves; see docs/decisions/codec.md.
export const DEFAULT_COMPRESS_ABOVE_BYTES = 4096;

// A compressed value must be worth its decompression on every read.
const WORTHWHILE_RATIO = 0.9;

/** The compressed bytes, or undefined when that would save less than a tenth. */
export function compress(bytes: Buffer): Buffer | undefined {
  const compressed = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  return compressed.length <= bytes.length * WORTHWHILE_RATIO ? compressed : undefined;
}

/** The original bytes; throws when they are damaged or would be more than `maxBytes` (a few bytes can claim gigabytes). */
export function decompress(bytes: Buffer, maxBytes: number): Buffer {
  return brotliDecompressSync(bytes, { maxOutputLength: maxBytes });
}
