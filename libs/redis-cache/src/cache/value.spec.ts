import { inspect, isDeepStrictEqual } from 'node:util';
import { deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { UncacheableValueError } from '../errors.js';
import { cachedValue } from './cached-value.js';
import {
  CorruptValueError,
  decodeValue,
  decompressValue,
  deepFreeze,
  encodeValue,
  type Codec,
  type EncodedValue,
  type Encoding,
} from './value.js';

const MAX = { maxBytes: 1_000_000 };
const stored = (bytes: string | Buffer, encoding: Encoding = 'json', compressed = false): EncodedValue => ({
  bytes: Buffer.from(bytes as string),
  encoding,
  compressed,
  mutable: false,
});
/** An encoded value as a reader gets it: of nothing but its bytes. */
const asRead = ({ encoding, bytes, compressed, mutable }: EncodedValue) => ({ encoding, bytes, compressed, mutable });
const roundTrip = (value: unknown) => decodeValue(asRead(encodeValue(value)), MAX);

/** Strict: prototypes count, NaN equals itself, 0 is not -0, an undefined field is a field. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) throw new Error(`${inspect(expected)} became ${inspect(actual)}`);
}

// Names that look like our tags, and names that are troublesome in objects.
const fieldName = fc
  .oneof(
    fc.constantFrom('$date', '$$date', '$map', '$undefined', '$', '$x', 'toString', 'constructor', 'length', '0', ''),
    fc.string({ maxLength: 4 }),
  )
  .filter((name) => name !== '__proto__');
const jsonLeaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udfff', '$', '\\', '"', '\u2028') }),
  fc.integer(),
  fc.double({ noDefaultInfinity: true, noNaN: true }).filter((each) => !Object.is(each, -0)),
  fc.boolean(),
  fc.constant(null),
);
const typedLeaf = fc.oneof(
  fc.constantFrom(undefined, NaN, Infinity, -Infinity, -0),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);
const { json, typed } = fc.letrec<{ json: unknown; typed: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    jsonLeaf,
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(fieldName, tie('json'), { maxKeys: 4, noNullPrototype: true }),
  ),
  typed: fc.oneof(
    { depthSize: 'small' },
    typedLeaf,
    jsonLeaf,
    fc.array(tie('typed'), { maxLength: 4 }),
    fc.dictionary(fieldName, tie('typed'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(tie('typed'), { maxLength: 4 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie('typed'), tie('typed')), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
}));

describe('encodeValue and decodeValue', () => {
  it('give back an equal value with the same types, in the same order', () => {
    fc.assert(
      fc.property(typed, (value) => {
        const before = encodeValue(value);
        const result = decodeValue(asRead(before), MAX);
        expectSame(result, value);
        expectSame(decodeValue(before, MAX), value);
        expect(encodeValue(result).bytes.equals(before.bytes)).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  it('store plain JSON as it is, so that reading it is one parse', () => {
    fc.assert(
      fc.property(json, (value) => {
        const { encoding, bytes, mutable } = encodeValue(value);
        expect(mutable).toBe(false);
        if (encoding === 'json') expect(bytes.toString()).toBe(JSON.stringify(value));
        expectSame(roundTrip(value), value);
      }),
    );
    expect(encodeValue({ a: [1, 'x', null, true] })).toMatchObject({ encoding: 'json', mutable: false });
  });

  // These texts are stored in Redis: a change makes every entry that holds such a value unreadable.
  it.each<[unknown, string, boolean]>([
    [new Date(0), '{"$date":"1970-01-01T00:00:00.000Z"}', true],
    [new Map([['a', new Set([1n])]]), '{"$map":[["a",{"$set":[{"$bigint":"1"}]}]]}', true],
    [{ at: Buffer.from('hi') }, '{"at":{"$buffer":"aGk="}}', true],
    [{ at: Uint8Array.of(104, 105) }, '{"at":{"$bytes":"aGk="}}', true],
    [undefined, '{"$undefined":true}', false],
    [{ a: undefined, b: [undefined] }, '{"a":{"$undefined":true},"b":[{"$undefined":true}]}', false],
    [
      [NaN, Infinity, -Infinity, -0],
      '[{"$number":"NaN"},{"$number":"Infinity"},{"$number":"-Infinity"},{"$number":"-0"}]',
      false,
    ],
    [{ $date: 'tomorrow' }, '{"$$date":"tomorrow"}', false],
    [{ $$a: { $b: 1 } }, '{"$$$a":{"$$b":1}}', false],
  ])('spell %p as %s', (value, text, mutable) => {
    expect(asRead(encodeValue(value))).toEqual({
      bytes: Buffer.from(text),
      encoding: 'typed-json',
      compressed: false,
      mutable,
    });
    expectSame(decodeValue(stored(text, 'typed-json'), MAX), value);
  });

  it('leave an object with several fields alone, whatever their names', () => {
    expect(encodeValue({ $date: 1, $map: 2 }).bytes.toString()).toBe('{"$date":1,"$map":2}');
    expect(roundTrip([new Date(0), { $date: 'x', b: 1 }])).toStrictEqual([new Date(0), { $date: 'x', b: 1 }]);
  });

  it('keep bytes raw, tell a Buffer from a Uint8Array, and share them with nobody', () => {
    for (const original of [Buffer.from('abc'), Uint8Array.of(1, 2, 3)]) {
      const encoded = encodeValue(original);
      const expected = Uint8Array.from(original);
      expect(encoded).toMatchObject({ encoding: Buffer.isBuffer(original) ? 'buffer' : 'bytes', mutable: true });
      original[0] = 99;
      const first = decodeValue(encoded, MAX) as Uint8Array;
      first[1] = 99;
      expect(decodeValue(encoded, MAX)).toStrictEqual(Buffer.isBuffer(original) ? Buffer.from('abc') : expected);
    }
  });

  it('turn class instances into plain data, through toJSON where they have it', () => {
    class Money {
      constructor(
        readonly amount: number,
        readonly due: Date,
      ) {}
      get isLarge() {
        return this.amount > 100;
      }
    }
    class Decimal {
      toJSON() {
        return { text: '1.50', at: new Date(0) };
      }
    }
    const error = Object.assign(new TypeError('no'), { status: 404 });
    expect(
      roundTrip({
        money: new Money(5, new Date(0)),
        decimal: new Decimal(),
        own: { secret: 1, toJSON: () => 'hidden' },
        url: new URL('http://a.example/b'),
        error,
        pattern: /a+/g,
        boxed: [new Number(5), new String('x'), new Boolean(false), Object(5n)],
        floats: Float64Array.of(0.5, NaN),
        bare: Object.assign(Object.create(null), { a: 1 }),
        [Symbol('hidden')]: 1,
      }),
    ).toStrictEqual({
      money: { amount: 5, due: new Date(0) },
      decimal: { text: '1.50', at: new Date(0) },
      own: 'hidden',
      url: 'http://a.example/b',
      error: { name: 'TypeError', message: 'no', status: 404 },
      pattern: '/a+/g',
      boxed: [5, 'x', false, 5n],
      floats: [0.5, NaN],
      bare: { a: 1 },
    });
  });

  it('accept the same object in two places', () => {
    const shared = { at: new Date(0) };
    expect(roundTrip({ a: shared, b: [shared, shared] })).toStrictEqual({ a: shared, b: [shared, shared] });
  });

  it('keep an invalid date an invalid date', () => {
    const result = roundTrip({ at: new Date(NaN) }) as { at: Date };
    expect(result.at).toBeInstanceOf(Date);
    expect(result.at.getTime()).toBeNaN();
  });

  it('keep holes of an array as undefined', () => {
    // eslint-disable-next-line no-sparse-arrays
    expect(roundTrip([1, , 3])).toStrictEqual([1, undefined, 3]);
  });

  it('do not change the value they are given', () => {
    fc.assert(
      fc.property(typed, (value) => {
        const copy = structuredClone(value);
        encodeValue(value);
        expect(isDeepStrictEqual(structuredClone(value), copy)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('encodeValue refuses', () => {
  const cycle: Record<string, unknown> = { list: [{}] };
  (cycle.list as unknown[])[0] = { back: cycle };
  let deep: unknown = 'core';
  for (let level = 0; level < 20_000; level++) deep = [deep];

  it.each<[string, unknown, string, string]>([
    ['a function', { user: { roles: [1, 2, 3, () => 1] } }, '$.user.roles[3]', 'a function'],
    ['a symbol', Symbol('x'), '$', 'a symbol'],
    ['a method of its own', { 'first name': { f() {} } }, '$["first name"].f', 'a function'],
    ['a cycle', cycle, '$.list[0].back', 'part of a cycle'],
    ['a function in a Map', { m: new Map([['a', [() => 1]]]) }, '$.m[0][1][0]', 'a function'],
    ['a function in a Set', [new Set([1, () => 1])], '$[0][1]', 'a function'],
    ['a function that toJSON answers', { a: { toJSON: () => ({ b: () => 1 }) } }, '$.a.b', 'a function'],
    ['a promise', { late: Promise.resolve(1) }, '$.late', 'an instance of Promise'],
    ['an ArrayBuffer', [new ArrayBuffer(1)], '$[0]', 'an instance of ArrayBuffer'],
    ['a WeakMap', [new WeakMap()], '$[0]', 'an instance of WeakMap'],
    ['nesting without end', deep, `$${'[0]'.repeat(1000)}`, 'nested deeper than 1000 levels'],
  ])('%s and says where it is', (_, value, path, what) => {
    const attempt = () => encodeValue(value);
    expect(attempt).toThrow(UncacheableValueError);
    expect(attempt).toThrow(expect.objectContaining({ path, message: expect.stringContaining(`${path} is ${what}`) }));
  });
});

describe('decodeValue', () => {
  it('never yields an own __proto__, however it is spelt', () => {
    for (const field of ['__proto__', '\\u005f_proto__', '__pr\\u006fto__']) {
      for (const encoding of ['json', 'typed-json'] as const) {
        const text = `{"a":{"${field}":{"isAdmin":true},"b":[{"${field}":1}]}}`;
        const { a } = decodeValue(stored(text, encoding), MAX) as { a: { b: object[] } };
        expect(Object.keys(a)).toEqual(['b']);
        expect(Object.keys(a.b[0]!)).toEqual([]);
        expect('isAdmin' in a).toBe(false);
      }
    }
    const hostile = JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":1},"at":1}');
    expect(encodeValue(hostile).bytes.toString()).toBe('{"constructor":{"prototype":1},"at":1}');
    expect(Object.keys(roundTrip({ ...hostile, at: new Date(0) }) as object)).toEqual(['constructor', 'at']);
  });

  it.each<[string, EncodedValue]>([
    ['nothing', stored('')],
    ['half of a JSON text', stored('{"a":')],
    ['an unknown tag', stored('{"$later":1}', 'typed-json')],
    ['a date that is not text', stored('{"$date":{}}', 'typed-json')],
    ['a map that is not a list', stored('{"$map":"x"}', 'typed-json')],
    ['a map of other things than pairs', stored('{"$map":[1]}', 'typed-json')],
    ['a bigint that is none', stored('{"$bigint":"x"}', 'typed-json')],
    ['nesting without end', stored('[{"a":'.repeat(50_000) + '1' + '}]'.repeat(50_000), 'typed-json')],
    ['damaged compression', stored('abc', 'json', true)],
  ])('refuses %s with one kind of error', (_, encoded) => {
    expect(() => decodeValue(encoded, MAX)).toThrow(CorruptValueError);
  });

  it('decodes damaged bytes or refuses them, and does nothing else', () => {
    const samples = [
      { a: [1, 'x', { b: null }] },
      new Map([[{ a: 1n }, new Date(0)]]),
      { $date: [NaN, Buffer.from('x')] },
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (value, at, mask, squeeze) => {
          const encoded = encodeValue(value);
          const bytes = squeeze ? deflateSync(encoded.bytes) : Buffer.from(encoded.bytes);
          bytes[at % bytes.length]! ^= mask;
          try {
            decodeValue({ ...encoded, bytes, compressed: squeeze }, MAX);
          } catch (error) {
            expect(error).toBeInstanceOf(CorruptValueError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('compression', () => {
  const large = Array.from({ length: 500 }, (_, id) => ({ id, name: `user ${id % 7}`, isActive: true }));

  it('happens above the threshold only, and is undone by reading', () => {
    const encoded = encodeValue(large);
    expect(encoded.compressed).toBe(true);
    expect(encoded.bytes.length).toBeLessThan(JSON.stringify(large).length / 2);
    expect(decodeValue(encoded, MAX)).toEqual(large);
    expect(encodeValue(large, { compressAboveBytes: Infinity }).compressed).toBe(false);
    expect(encodeValue('a'.repeat(98), { compressAboveBytes: 100 }).compressed).toBe(false);
    expect(encodeValue('a'.repeat(99), { compressAboveBytes: 100 }).compressed).toBe(true);
  });

  it('is left out where it would save less than a tenth', () => {
    const noise = Buffer.from(Array.from({ length: 20_000 }, (_, index) => (Math.sin(index) * 1e6) & 255));
    expect(encodeValue(noise).compressed).toBe(false);
  });

  it('cannot be used to blow up memory', () => {
    const bomb = stored(deflateSync(Buffer.alloc(50_000_000)), 'bytes', true);
    expect(bomb.bytes.length).toBeLessThan(100_000);
    const attempt = () => decodeValue(bomb, MAX);
    expect(attempt).toThrow(CorruptValueError);
    expect(attempt).toThrow('1000000 bytes');
  });

  it('can be undone once for whoever decodes often', () => {
    const encoded = encodeValue(large);
    const readable = decompressValue(encoded, MAX.maxBytes);
    expect(readable).toEqual({ ...encoded, compressed: false, bytes: Buffer.from(JSON.stringify(large)) });
    expect(decompressValue(readable, 1)).toBe(readable);
  });
});

describe('a custom codec', () => {
  const reversed: Codec = {
    name: 'reversed',
    encode: (value) => Buffer.from(String(value)).reverse(),
    decode: (bytes) => bytes.reverse(),
  };
  const toObject = (bytes: Uint8Array) => ({ text: Buffer.from(bytes).toString() });

  it('gets the value and, for each read, bytes of its own', () => {
    const encoded = encodeValue('abc', { codec: reversed });
    expect(encoded).toEqual({ bytes: Buffer.from('cba'), encoding: 'custom', compressed: false, mutable: true });
    for (let read = 0; read < 2; read++) {
      expect(decodeValue(encoded, { ...MAX, codec: reversed })).toEqual(Buffer.from('abc'));
    }
  });

  it('is asked once for all who may share what it gives', () => {
    const shared: Codec = {
      name: 'shared',
      isShared: true,
      encode: (value) => Buffer.from(String(value)),
      decode: toObject,
    };
    const encoded = encodeValue('abc', { codec: shared });
    expect(encoded.mutable).toBe(false);
    const value = cachedValue(encoded, { codec: shared, maxValueBytes: 10, copies: false });
    expect(value.held).toEqual({ text: 'abc' });
    expect(Object.isFrozen(value.held)).toBe(true);
  });

  it('is compressed like everything else, and never used for what the default codec wrote', () => {
    const encoded = encodeValue('a'.repeat(10_000), { codec: reversed });
    expect(encoded.compressed).toBe(true);
    expect(decodeValue(encoded, { ...MAX, codec: reversed })).toHaveLength(10_000);
    expect(decodeValue(encodeValue([1]), { ...MAX, codec: reversed })).toEqual([1]);
  });

  it('makes a value uncacheable when it throws while writing, and a miss while reading', () => {
    const broken: Codec = {
      name: 'broken',
      encode: () => {
        throw new Error('no schema');
      },
      decode: () => {
        throw new Error('no schema');
      },
    };
    expect(() => encodeValue(1, { codec: broken })).toThrow(UncacheableValueError);
    expect(() => encodeValue(1, { codec: broken })).toThrow('codec "broken"');
    expect(() => decodeValue(stored('x', 'custom'), { ...MAX, codec: broken })).toThrow(CorruptValueError);
    expect(() => decodeValue(stored('x', 'custom'), MAX)).toThrow('needs a codec');
  });
});

describe('deepFreeze', () => {
  it('makes every change of a decoded value an error', () => {
    fc.assert(
      fc.property(json, (value) => {
        const frozen = deepFreeze(roundTrip(value));
        const visit = (each: unknown): void => {
          expect(Object.isFrozen(each)).toBe(true);
          if (typeof each === 'object' && each !== null) Object.values(each).forEach(visit);
        };
        visit(frozen);
        expect(frozen).toEqual(value);
      }),
      { numRuns: 200 },
    );
  });

  it('knows no depth at which it fails, and survives cycles', () => {
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
    expect(deepFreeze(deep)).toBe(deep);
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(Object.isFrozen(deepFreeze(cycle))).toBe(true);
  });

  it('leaves alone what freezing cannot protect', () => {
    const value = { at: new Date(0), all: new Map([[1, {}]]), bytes: Buffer.from('x') };
    expect(() => deepFreeze(value)).not.toThrow();
    expect(Object.isFrozen(value)).toBe(true);
    expect(Object.isFrozen(value.at)).toBe(false);
    expect(deepFreeze(5)).toBe(5);
  });
});
