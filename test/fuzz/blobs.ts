import { serialize } from 'node:v8';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';

const json = Buffer.from(JSON.stringify({ id: 1, name: 'somebody else', roles: ['a', 'b'], nested: { a: [1, 2, 3] } }));

/** How other libraries and languages begin what they store. */
const BEGINNINGS: readonly Buffer[] = [
  ...['', 'RC', 'RC0', 'RC1', 'RC2', 'RC3', 'RC9', 'rc1', '{"', '[', 'a:1:{s:1:"a";', 'O:8:"stdClass":0:{}', 'Obj\x01'],
  ...['\x80\x02}q\x00', '\x80\x04\x95', '\x80\x05\x95', '(dp0\n', '\xac\xed\x00\x05sr', '\xac\xed\x00\x05t'],
  ...[
    '\x1f\x8b\x08',
    '\x78\x01',
    '\x78\x9c',
    '\x28\xb5\x2f\xfd',
    '\x04\x22\x4d\x18',
    '\xff\x0f',
    '\x04\x08',
    '\x83\xa2id',
  ],
  ...['\xa1bid', '\x00\x01\x00\x00\x00\xff\xff\xff\xff', '<?xml', 'bplist00', '\x00\x00\x00\x00', '\xff\xff\xff\xff'],
].map((beginning) => Buffer.from(beginning, 'latin1'));

const WHOLE: readonly Buffer[] = [
  json,
  gzipSync(json),
  deflateSync(json),
  brotliCompressSync(json),
  serialize({ id: 1, at: new Date(0) }),
  // pickle.dumps({'id': 1, 'name': 'x'}) of protocols 0 and 4
  Buffer.from('(dp0\nVid\np1\nI1\nsVname\np2\nVx\np3\ns.'),
  Buffer.from('80049515000000000000007d94288c026964944b018c046e616d65948c01789475 2e'.replace(/ /g, ''), 'hex'),
  // A pickle that runs a command where it is loaded.
  Buffer.from("cos\nsystem\n(S'exit 1'\ntR."),
  // ObjectOutputStream.writeObject("x")
  Buffer.from('aced000574000178', 'hex'),
  Buffer.from('{"value":1,"expires":null}'),
  Buffer.from('pass'),
  Buffer.from('abcdefghijkl'),
];

/** What stands in Redis that none of our versions wrote. */
export const foreignBlob: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.constantFrom(...BEGINNINGS), fc.uint8Array({ maxLength: 200 }))
    .map(([beginning, rest]) => Buffer.concat([beginning, rest])),
  fc
    .tuple(fc.constantFrom(...WHOLE), fc.nat({ max: 100 }))
    .map(([whole, cut]) => (cut < 50 ? whole : whole.subarray(0, (whole.length * (100 - cut)) / 100))),
);

/** A change that Redis, a network or an operator may make to stored bytes. */
export type Damage = (entry: Buffer, other: Buffer) => Buffer;

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const byte = fc.integer({ min: 0, max: 255 });

export const damage: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .array(fc.tuple(place, fc.nat({ max: 7 })), { minLength: 1, maxLength: 4 })
      .map((bits): Damage => (entry) => {
        const damaged = Buffer.from(entry);
        for (const [at, bit] of bits) damaged[Math.floor(at * entry.length)]! ^= 1 << bit;
        return damaged;
      }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, byte, fc.nat({ max: 300 })).map(([at, value, count]): Damage => (entry) => {
      const from = Math.floor(at * entry.length);
      return Buffer.from(entry).fill(value, from, Math.min(from + count, entry.length));
    }),
  },
  {
    weight: 2,
    arbitrary: place.map(
      (at): Damage =>
        (entry) =>
          entry.subarray(0, Math.floor(at * entry.length)),
    ),
  },
  {
    weight: 1,
    arbitrary: place.map(
      (at): Damage =>
        (entry) =>
          entry.subarray(Math.floor(at * entry.length)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 20 }).map(
      (more): Damage =>
        (entry) =>
          Buffer.concat([entry, more]),
    ),
  },
  {
    weight: 2,
    arbitrary: place.map((at): Damage => (entry, other) => {
      const length = Math.floor(at * entry.length);
      return Buffer.concat([entry.subarray(0, length), other.subarray(length)]);
    }),
  },
);
