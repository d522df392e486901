import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { decodeEnvelope, entryIdOf } from '../../libs/redis-cache/src/cache/envelope.js';
import { decodeValue } from '../../libs/redis-cache/src/cache/value.js';

// What was once written to somebody's Redis must decode for ever, or be a clean miss. Never regenerate these files:
// a new wire version gets a folder of its own.
const folder = (version: number) => join(import.meta.dirname, `v${version}`);

const large = Array.from({ length: 300 }, (_, id) => ({ id, name: `user ${id % 7}`, isActive: id % 2 === 0 }));
const codec = {
  name: 'upper-1',
  encode: () => Buffer.alloc(0),
  decode: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
};

const values: Record<string, unknown> = {
  'json.bin': { id: 42, name: 'Zoë', roles: ['admin', null], score: 1.5, isActive: true },
  'typed-json.bin': {
    at: new Date('2026-01-31T12:00:00.000Z'),
    all: new Map<unknown, unknown>([
      ['a', new Set([1n, -0])],
      [{ key: 1 }, undefined],
    ]),
    none: undefined,
    odd: [NaN, Infinity, -Infinity, undefined],
    buffer: Buffer.from('hi'),
    bytes: Uint8Array.of(0, 255),
    ours: { $date: 'tomorrow' },
  },
  'bytes.bin': Uint8Array.of(0, 1, 254, 255),
  'buffer.bin': Buffer.from('raw'),
  'custom.bin': 'SHOUTED',
  'compressed.bin': large,
  'undefined.bin': undefined,
  'null.bin': null,
};

describe('entries stored by wire version 1, which has no checksum', () => {
  it.each(Object.keys(values))('are a clean miss: %s', (name) => {
    expect(decodeEnvelope(readFileSync(join(folder(1), name)))).toBeUndefined();
  });
});

describe('entries stored by wire version 2', () => {
  it('are all listed here', () => {
    expect(readdirSync(folder(2)).sort()).toEqual(Object.keys(values).sort());
  });

  it.each(Object.entries(values))('still decode: %s', (name, value) => {
    const raw = readFileSync(join(folder(2), name));
    const envelope = decodeEnvelope(raw)!;
    expect(entryIdOf(raw)).toBe('entry-id-123');
    expect(isDeepStrictEqual(decodeValue(envelope.value, { codec, maxBytes: 1_000_000 }), value)).toBe(true);
    expect(envelope).toMatchObject({
      createdAtMs: 1_769_860_800_000.5,
      freshUntilMs: 1_769_860_860_000,
      servableUntilMs: 1_769_864_400_000,
      loadMs: 35,
      recorded: {
        namespaceId: 'namespace-id',
        cacheId: 'cache-id-456',
        tags: [
          { tag: 'user:42', id: 'tag-id-00001' },
          { tag: 'rôle', id: 'tag-id-00002' },
        ],
      },
      softExpired: name === 'json.bin',
      negative: value === null || value === undefined,
      codecName: name === 'custom.bin' ? 'upper-1' : '',
    });
  });
});
