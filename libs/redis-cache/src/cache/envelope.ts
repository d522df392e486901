/**
 * What an entry is in Redis: wire version 2. Numbers are big-endian; instants are milliseconds since the epoch on
 * the clock of the server that holds the entry; ids are 12 base64url characters (72 random bits).
 *
 *   0   2  'RC'
 *   2   1  '2', the version
 *   3   1  flags: bits 0-2 encoding (0 json, 1 typed-json, 2 bytes, 3 buffer, 4 custom), bit 3 compressed (zlib),
 *          bit 4 soft-expired, bit 5 negative (null or undefined), bit 6 mutable, bit 7 always 0
 *   4  12  id of the entry: another one with every write
 *  16   8  createdAtMs, double
 *  24   8  freshUntilMs, double
 *  32   8  servableUntilMs, double
 *  40   4  loadMs, unsigned
 *  44  12  id of the namespace when the load began
 *  56  12  id of the cache when the load began
 *  68   1  number of tags
 *  69   1  length of the codec's name, 0 unless the encoding is custom
 *  70   2  length of the tag section
 *  72      the codec's name, ASCII
 *          the tag section, for each tag: length of the name in bytes (2), name (UTF-8), id of the tag (12)
 *          the payload, up to the checksum
 *          4 bytes: CRC-32 of everything from byte 4 on, begun with the flags without bit 4, which is set in place
 *
 * A change that an older reader would misread takes a new version byte, which older readers take for a miss. Version 1
 * had no checksum: of entries with one bit flipped, one in seven was read as another value.
 */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type Recorded, RecordedIds, type TagId } from './recorded.js';
import { type EncodedValue, type Encoding, sizeOf } from './value.js';

export interface Envelope {
  id: string;
  createdAtMs: number;
  /** Until then it is answered without a second thought. */
  freshUntilMs: number;
  /** Until then it may be answered as stale; then Redis drops it. */
  servableUntilMs: number;
  /** How long the load took, whole milliseconds. */
  loadMs: number;
  /** One object for all entries that were read with the same. */
  recorded: Recorded;
  /** Expired by hand: still servable, no longer fresh. */
  softExpired: boolean;
  /** The value is null or undefined. */
  negative: boolean;
  /** '' unless the encoding is custom. */
  codecName: string;
  value: EncodedValue;
}

/** What is read: few want to know the id, which `entryIdOf` tells. */
export type StoredEnvelope = Omit<Envelope, 'id'>;

export const FLAGS_OFFSET = 3;
export const ENTRY_ID_OFFSET = 4;
export const ENTRY_ID_BYTES = 12;
export const SOFT_EXPIRED_FLAG = 16;

const MAGIC = 0x524332; // 'RC2'
const RECORDED_OFFSET = 44;
const HEADER_BYTES = 72;
const CHECKSUM_BYTES = 4;
const ENCODING_MASK = 7;
const COMPRESSED_FLAG = 8;
const NEGATIVE_FLAG = 32;
const MUTABLE_FLAG = 64;
const RESERVED_FLAG = 128;
const ENCODINGS: readonly Encoding[] = ['json', 'typed-json', 'bytes', 'buffer', 'custom'];
const MAX_U32 = 2 ** 32 - 1;

/** The bytes of an entry. Throws a RangeError for ids of another length or tags beyond 64 KB: the caller's mistake. */
export function encodeEnvelope(envelope: Envelope): Buffer {
  const { codecName, value } = envelope;
  const { namespaceId, cacheId, tags } = envelope.recorded;
  const tagBytes = tags.reduce((sum, { tag }) => sum + 2 + Buffer.byteLength(tag) + ENTRY_ID_BYTES, 0);
  const payloadOffset = HEADER_BYTES + codecName.length + tagBytes;
  const raw = Buffer.allocUnsafe(payloadOffset + sizeOf(value) + CHECKSUM_BYTES);
  raw.writeUIntBE(MAGIC, 0, 3);
  raw[FLAGS_OFFSET] = flagsOf(envelope);
  writeId(raw, envelope.id, ENTRY_ID_OFFSET);
  raw.writeDoubleBE(envelope.createdAtMs, 16);
  raw.writeDoubleBE(envelope.freshUntilMs, 24);
  raw.writeDoubleBE(envelope.servableUntilMs, 32);
  raw.writeUInt32BE(Math.min(Math.max(Math.round(envelope.loadMs), 0), MAX_U32), 40);
  writeId(raw, namespaceId, 44);
  writeId(raw, cacheId, 56);
  raw.writeUInt8(tags.length, 68);
  raw.writeUInt8(codecName.length, 69);
  raw.writeUInt16BE(tagBytes, 70);
  raw.write(codecName, HEADER_BYTES, 'latin1');
  let offset = HEADER_BYTES + codecName.length;
  for (const { tag, id } of tags) {
    const nameBytes = raw.write(tag, offset + 2);
    raw.writeUInt16BE(nameBytes, offset);
    writeId(raw, id, offset + 2 + nameBytes);
    offset += 2 + nameBytes + ENTRY_ID_BYTES;
  }
  if (value.text === undefined) value.bytes.copy(raw, payloadOffset);
  else raw.write(value.text, payloadOffset);
  raw.writeUInt32BE(checksumOf(raw), raw.length - CHECKSUM_BYTES);
  return raw;
}

function flagsOf({ value, softExpired, negative }: Envelope): number {
  return (
    ENCODINGS.indexOf(value.encoding) |
    (value.compressed ? COMPRESSED_FLAG : 0) |
    (softExpired ? SOFT_EXPIRED_FLAG : 0) |
    (negative ? NEGATIVE_FLAG : 0) |
    (value.mutable ? MUTABLE_FLAG : 0)
  );
}

function checksumOf(raw: Buffer): number {
  // A Buffer would take longer to make than a small one to check.
  const length = raw.length - ENTRY_ID_OFFSET - CHECKSUM_BYTES;
  return crc32(
    new Uint8Array(raw.buffer, raw.byteOffset + ENTRY_ID_OFFSET, length),
    raw[FLAGS_OFFSET]! & ~SOFT_EXPIRED_FLAG,
  );
}

function writeId(raw: Buffer, id: string, offset: number): void {
  if (id.length !== ENTRY_ID_BYTES)
    throw new RangeError(`An id has ${ENTRY_ID_BYTES} characters; this one is "${id}".`);
  raw.write(id, offset, 'latin1');
}

/**
 * The entry in `raw`, whose payload it shares; undefined for anything foreign, damaged, truncated or of another version.
 * Never throws. What the payload means is the business of `decodeValue`.
 */
export function decodeEnvelope(raw: Buffer): StoredEnvelope | undefined {
  const end = raw.length - CHECKSUM_BYTES;
  if (end < HEADER_BYTES || raw.readUIntBE(0, 3) !== MAGIC || raw.readUInt32BE(end) !== checksumOf(raw))
    return undefined;
  const flags = raw[FLAGS_OFFSET]!;
  const encoding = ENCODINGS[flags & ENCODING_MASK];
  if (encoding === undefined || (flags & RESERVED_FLAG) !== 0) return undefined;

  const createdAtMs = raw.readDoubleBE(16);
  const freshUntilMs = raw.readDoubleBE(24);
  const servableUntilMs = raw.readDoubleBE(32);
  if (!Number.isFinite(createdAtMs + freshUntilMs + servableUntilMs)) return undefined;

  const codecNameBytes = raw[69]!;
  if (codecNameBytes > 0 !== (encoding === 'custom')) return undefined;
  const tagsOffset = HEADER_BYTES + codecNameBytes;
  const payloadOffset = tagsOffset + raw.readUInt16BE(70);
  if (payloadOffset > end) return undefined;
  const recorded = recordedIds.get(raw, RECORDED_OFFSET, payloadOffset, decodeRecorded);
  if (recorded === undefined) return undefined;

  return {
    createdAtMs,
    freshUntilMs,
    servableUntilMs,
    loadMs: raw.readUInt32BE(40),
    recorded,
    softExpired: (flags & SOFT_EXPIRED_FLAG) !== 0,
    negative: (flags & NEGATIVE_FLAG) !== 0,
    codecName: codecNameBytes === 0 ? '' : raw.toString('latin1', HEADER_BYTES, tagsOffset),
    value: {
      bytes: raw.subarray(payloadOffset, end),
      encoding,
      compressed: (flags & COMPRESSED_FLAG) !== 0,
      mutable: (flags & MUTABLE_FLAG) !== 0,
    },
  };
}

const recordedIds = new RecordedIds();

/** Of a header whose lengths are within the entry. */
function decodeRecorded(raw: Buffer): Recorded | undefined {
  const count = raw[68]!;
  let offset = HEADER_BYTES + raw[69]!;
  const end = offset + raw.readUInt16BE(70);
  const tags: TagId[] = [];
  for (let index = 0; index < count; index++) {
    if (offset + 2 > end) return undefined;
    const idOffset = offset + 2 + raw.readUInt16BE(offset);
    tags.push({
      tag: raw.toString('utf8', offset + 2, idOffset),
      id: raw.toString('latin1', idOffset, idOffset + ENTRY_ID_BYTES),
    });
    offset = idOffset + ENTRY_ID_BYTES;
  }
  if (offset !== end) return undefined;
  return { namespaceId: raw.toString('latin1', 44, 56), cacheId: raw.toString('latin1', 56, 68), tags };
}

const ID_RANDOM_BYTES = 9;
const POOLED_IDS = 256;
let pool = '';
let poolOffset = 0;

/** What stands where an entry has its id, whatever it is. */
export function entryIdOf(raw: Buffer): string {
  return raw.toString('latin1', ENTRY_ID_OFFSET, ENTRY_ID_OFFSET + ENTRY_ID_BYTES);
}

/** 72 random bits as 12 base64url characters. Asking the system for many at once makes one cost next to nothing. */
export function randomId(): string {
  if (poolOffset >= pool.length) {
    pool = randomBytes(ID_RANDOM_BYTES * POOLED_IDS).toString('base64url');
    poolOffset = 0;
  }
  return pool.slice(poolOffset, (poolOffset += ENTRY_ID_BYTES));
}
