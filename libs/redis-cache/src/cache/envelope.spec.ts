import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import {
  decodeEnvelope,
  encodeEnvelope,
  ENTRY_ID_BYTES,
  ENTRY_ID_OFFSET,
  entryIdOf,
  FLAGS_OFFSET,
  randomId,
  SOFT_EXPIRED_FLAG,
  type Envelope,
  type StoredEnvelope,
} from './envelope.js';
import type { Recorded } from './recorded.js';
import { encodeValue, type Encoding } from './value.js';

const sampleIds = (changes: Partial<Recorded> = {}): Recorded => ({
  namespaceId: 'namespace-id',
  cacheId: 'cache-id-456',
  tags: [],
  ...changes,
});

const sample = (changes: Partial<Envelope> = {}): Envelope => ({
  id: 'entry-id-123',
  createdAtMs: 1_700_000_000_000.25,
  freshUntilMs: 1_700_000_060_000,
  servableUntilMs: 1_700_000_120_000,
  loadMs: 35,
  recorded: sampleIds(),
  softExpired: false,
  negative: false,
  codecName: '',
  value: encodeValue({ name: 'Zoë' }),
  ...changes,
});

/** What is read of it. */
const readOf = ({ id: _, ...rest }: Envelope): StoredEnvelope => rest;

const id = fc.string({ unit: fc.constantFrom(...Array.from('azAZ09-_')), minLength: 12, maxLength: 12 });
const instant = fc.double({ min: 0, max: 1e15, noNaN: true });
const envelope: fc.Arbitrary<Envelope> = fc
  .record({
    id,
    createdAtMs: instant,
    freshUntilMs: instant,
    servableUntilMs: instant,
    loadMs: fc.nat({ max: 2 ** 32 - 1 }),
    recorded: fc.record({
      namespaceId: id,
      cacheId: id,
      tags: fc.array(fc.record({ tag: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), id }), {
        maxLength: 64,
      }),
    }),
    softExpired: fc.boolean(),
    negative: fc.boolean(),
    value: fc.record({
      bytes: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      encoding: fc.constantFrom<Encoding[]>('json', 'typed-json', 'bytes', 'buffer', 'custom'),
      compressed: fc.boolean(),
      mutable: fc.boolean(),
    }),
  })
  .map((fields) => ({ ...fields, codecName: fields.value.encoding === 'custom' ? 'msgpack-2' : '' }));

/** Makes the checksum fit again, as a writer with intent would. */
function sealed(raw: Buffer): Buffer {
  raw.writeUInt32BE(crc32(raw.subarray(4, -4), raw[FLAGS_OFFSET]! & ~SOFT_EXPIRED_FLAG), raw.length - 4);
  return raw;
}

describe('the envelope', () => {
  it('carries every field through', () => {
    fc.assert(
      fc.property(envelope, (original) => {
        const raw = encodeEnvelope(original);
        expect(decodeEnvelope(raw)).toEqual(readOf(original));
        expect(entryIdOf(raw)).toBe(original.id);
      }),
      { numRuns: 300 },
    );
  });

  it('has each field where the description says', () => {
    const tags = [{ tag: 'é', id: 'tag-id-12345' }];
    const value = { bytes: Buffer.from('"x"'), encoding: 'custom' as const, compressed: true, mutable: true };
    const raw = encodeEnvelope(
      sample({ recorded: sampleIds({ tags }), value, codecName: 'cbor', softExpired: true, negative: true }),
    );
    expect(raw.toString('latin1', 0, 3)).toBe('RC2');
    expect(raw[FLAGS_OFFSET]).toBe(4 | 8 | SOFT_EXPIRED_FLAG | 32 | 64);
    expect(raw.toString('latin1', ENTRY_ID_OFFSET, ENTRY_ID_OFFSET + ENTRY_ID_BYTES)).toBe('entry-id-123');
    expect([raw.readDoubleBE(16), raw.readDoubleBE(24), raw.readDoubleBE(32)]).toEqual([
      1_700_000_000_000.25, 1_700_000_060_000, 1_700_000_120_000,
    ]);
    expect(raw.readUInt32BE(40)).toBe(35);
    expect(raw.toString('latin1', 44, 68)).toBe('namespace-idcache-id-456');
    expect([raw[68], raw[69], raw.readUInt16BE(70)]).toEqual([1, 4, 16]);
    expect(raw.toString('utf8', 72, raw.length - 4)).toBe('cbor\0\x02étag-id-12345"x"');
    expect(sealed(Buffer.from(raw))).toEqual(raw);
  });

  it('shares the payload with the bytes it was read from', () => {
    const raw = encodeEnvelope(sample());
    expect(decodeEnvelope(raw)!.value.bytes.buffer).toBe(raw.buffer);
  });

  it('can be made soft-expired in place, by setting one bit', () => {
    const raw = encodeEnvelope(sample());
    raw[FLAGS_OFFSET]! |= SOFT_EXPIRED_FLAG;
    const value = {
      bytes: Buffer.from('{"name":"Zoë"}'),
      encoding: 'json',
      compressed: false,
      mutable: false,
    } as const;
    expect(decodeEnvelope(raw)).toEqual({ ...readOf(sample({ softExpired: true })), value });
  });

  it.each([
    [-5, 0],
    [0.6, 1],
    [1e12, 2 ** 32 - 1],
  ])('stores a load of %p ms as %p', (loadMs, kept) => {
    expect(decodeEnvelope(encodeEnvelope(sample({ loadMs })))!.loadMs).toBe(kept);
  });

  it.each<[string, Partial<Envelope>]>([
    ['an id that is too short', { id: 'short' }],
    ['a namespace id that is too long', { recorded: sampleIds({ namespaceId: 'x'.repeat(13) }) }],
    ['no cache id', { recorded: sampleIds({ cacheId: '' }) }],
    ['a tag without a proper id', { recorded: sampleIds({ tags: [{ tag: 'a', id: 'b' }] }) }],
    [
      '256 tags',
      { recorded: sampleIds({ tags: Array.from({ length: 256 }, () => ({ tag: 'a', id: 'tag-id-12345' })) }) },
    ],
    ['more than 64 KB of tags', { recorded: sampleIds({ tags: [{ tag: 'a'.repeat(65_530), id: 'tag-id-12345' }] }) }],
  ])('refuses to be written with %s', (_, changes) => {
    expect(() => encodeEnvelope(sample(changes))).toThrow(expect.objectContaining({ name: 'RangeError' }));
  });
});

describe('decodeEnvelope', () => {
  const withTags = encodeEnvelope(
    sample({
      recorded: sampleIds({
        tags: [
          { tag: 'user', id: 'tag-id-00001' },
          { tag: 'rôle', id: 'tag-id-00002' },
        ],
      }),
    }),
  );

  it('takes what others wrote, and other versions, for nothing', () => {
    const nextVersion = Buffer.from(withTags);
    nextVersion[2] = '3'.charCodeAt(0);
    for (const raw of [
      Buffer.alloc(0),
      Buffer.from('{"a":1}'),
      Buffer.alloc(200),
      Buffer.alloc(200, 255),
      sealed(nextVersion),
    ]) {
      expect(decodeEnvelope(raw)).toBeUndefined();
    }
  });

  it('takes everything cut off or added to for nothing', () => {
    for (let length = 0; length < withTags.length; length++) {
      expect(decodeEnvelope(withTags.subarray(0, length))).toBeUndefined();
    }
    expect(decodeEnvelope(Buffer.concat([withTags, Buffer.alloc(1)]))).toBeUndefined();
  });

  it('takes whatever has one bit changed for nothing, but for the bit that expires it', () => {
    const softExpiredBit = FLAGS_OFFSET * 8 + Math.log2(SOFT_EXPIRED_FLAG);
    for (let bit = 0; bit < withTags.length * 8; bit++) {
      const raw = Buffer.from(withTags);
      raw[bit >> 3]! ^= 1 << (bit & 7);
      if (bit === softExpiredBit)
        expect(decodeEnvelope(raw)).toEqual({ ...decodeEnvelope(withTags), softExpired: true });
      else expect(decodeEnvelope(raw)).toBeUndefined();
    }
  });

  it('takes a time that is none, an unknown encoding and a reserved flag for nothing, even if the checksum fits', () => {
    const damage: ((raw: Buffer) => void)[] = [
      (raw) => raw.writeDoubleBE(NaN, 16),
      (raw) => raw.writeDoubleBE(Infinity, 24),
      (raw) => raw.writeDoubleBE(-Infinity, 32),
      (raw) => (raw[FLAGS_OFFSET] = 5),
      (raw) => (raw[FLAGS_OFFSET] = 128),
      // A codec's name without the custom encoding, and the other way round.
      (raw) => (raw[69] = 1),
      (raw) => (raw[FLAGS_OFFSET] = 4),
      // Fewer and more tags than the section holds.
      (raw) => (raw[68] = 1),
      (raw) => (raw[68] = 3),
      (raw) => (raw[68] = 0),
      // The name of a tag reaches into the payload, or beyond it.
      (raw) => raw.writeUInt16BE(8, 72),
      (raw) => raw.writeUInt16BE(65_535, 72),
    ];
    for (const inflict of damage) {
      const raw = Buffer.from(withTags);
      inflict(raw);
      expect(decodeEnvelope(sealed(raw))).toBeUndefined();
    }
    const nothingBehind = Buffer.from(withTags.subarray(0, -decodeEnvelope(withTags)!.value.bytes.length));
    nothingBehind[68] = 3;
    expect(decodeEnvelope(sealed(nothingBehind))).toBeUndefined();
  });

  it('never throws and never makes up a payload, whichever bytes are changed by whoever knows the checksum', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(envelope, changes, fc.option(fc.nat()), (original, flips, cutAt) => {
        const whole = encodeEnvelope(original);
        for (const [at, mask] of flips) whole[at % whole.length]! ^= mask;
        const raw = sealed(cutAt === null ? whole : whole.subarray(0, 8 + (cutAt % (whole.length - 8))));
        const decoded = decodeEnvelope(raw);
        if (decoded === undefined) return;
        expect(decoded.value.bytes.buffer).toBe(raw.buffer);
        expect(decoded.value.bytes.length).toBeLessThanOrEqual(raw.length);
        expect(decoded.recorded.tags.length).toBeLessThan(256);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws for bytes at random behind a proper beginning', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        decodeEnvelope(sealed(Buffer.concat([Buffer.from('RC2'), noise, Buffer.alloc(5)])));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('randomId', () => {
  it('gives 12 characters that Redis takes literally, different every time', () => {
    const ids = Array.from({ length: 2000 }, randomId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const each of ids) expect(each).toMatch(/^[\w-]{12}$/);
  });
});
