import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { InvalidArgumentError, MissingContextError } from '../errors.js';
import { encodeContext, encodeKey, encodeTag, type Key, type KeyPart } from './key.js';

// Few letters and all the separators, so that accidents that need two similar keys do happen.
const awkwardText = fc.string({ unit: fc.constantFrom(...Array.from('ab1:/~@|%,"\\[]{}n*? é😀\0')), maxLength: 6 });
const text = fc.oneof({ weight: 3, arbitrary: awkwardText }, fc.string({ unit: 'binary', maxLength: 300 }));
const { part } = fc.letrec<{ part: KeyPart }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.constantFrom(
      0,
      -0,
      1,
      NaN,
      Infinity,
      1e21,
      0n,
      1n,
      true,
      false,
      null,
      undefined,
      '',
      '1',
      'null',
      'true',
      '~n1',
    ),
    fc.double(),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('part'), { maxLength: 3 }),
    fc.dictionary(awkwardText, tie('part'), { maxKeys: 3, noNullPrototype: true }),
    fc.array(tie('part'), { maxLength: 3 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie('part'), tie('part')), { maxLength: 2 }).map((entries) => new Map(entries)),
  ),
}));
const key: fc.Arbitrary<Key> = fc.oneof(
  text.filter((each) => each !== ''),
  fc.array(part, { minLength: 1, maxLength: 4 }),
);

const SAFE = /^[A-Za-z0-9_.:=,+%/~@|-]+$/;

describe('encodeKey', () => {
  it('gives different keys different text and equal keys the same, in characters that mean nothing to Redis', () => {
    fc.assert(
      fc.property(fc.array(key, { minLength: 2, maxLength: 20 }), (keys) => {
        const encoded = keys.map((each) => encodeKey(each));
        for (const [i, one] of encoded.entries()) {
          expect(one).toMatch(SAFE);
          expect(one.length).toBeLessThanOrEqual(200);
          for (let j = 0; j < i; j++) {
            if ((one === encoded[j]) !== isDeepStrictEqual(keys[i], keys[j])) {
              throw new Error(`${one} and ${encoded[j]} are ${one === encoded[j] ? 'one' : 'two'} text(s)`);
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('can be read back when it is text, whatever its characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 16 }), (original) => {
        expect(decodeURIComponent(encodeKey(original))).toBe(original);
      }),
    );
  });

  // These texts are stored in Redis: a change orphans every entry of every user.
  it.each<[Key, string]>([
    ['user:42', 'user:42'],
    ['a.b_c-d=e,f+g', 'a.b_c-d=e,f+g'],
    ['Zoë {1}', 'Zo%C3%AB%20%7B1%7D'],
    ["100%/~@|*?[]\\'!()", '100%25%2F%7E%40%7C%2A%3F%5B%5D%5C%27%21%28%29'],
    ['😀', '%F0%9F%98%80'],
    ['\0\n', '%00%0A'],
    [['a'], '/a'],
    [[''], '/'],
    [['a:b', 'c'], '/a:b/c'],
    [['a', 'b:c'], '/a/b:c'],
    [['a/b'], '/a%2Fb'],
    [['user', 42], '/user/~n42'],
    [['user', '42'], '/user/42'],
    [['user', '~n42'], '/user/%7En42'],
    [[1e21, -1.5, 0, -0, NaN, Infinity], '/~n1e+21/~n-1.5/~n0/~n-0/~nNaN/~nInfinity'],
    [[42n, true, false, null, undefined], '/~i42/~true/~false/~null/~undefined'],
    [[new Date(0)], '/~d1970-01-01T00:00:00.000Z'],
    [[['a', 1]], '/~j%5B%22a%22,1%5D'],
    [
      [{ b: 1, a: [2n, undefined, new Date(0)] }],
      '/~j%7B%22a%22:%5B2n,undefined,d%221970-01-01T00:00:00.000Z%22%5D,%22b%22:1%7D',
    ],
    [[['\\"']], '/~j%5B%22%5C%5C%5C%22%22%5D'],
    [[new Set(['b', 'a'])], '/~js%5B%22a%22,%22b%22%5D'],
    [[new Map([['k', -0]])], '/~jm%5B%5B%22k%22,-0%5D%5D'],
    ['a'.repeat(200), 'a'.repeat(200)],
    ['a'.repeat(201), `~hqS79ghCTc-WPmiBW3uAegH4hbOYHX3BRIHwKn31mblA~${'a'.repeat(80)}`],
  ])('spells %p as %p for ever', (original, encoded) => {
    expect(encodeKey(original)).toBe(encoded);
  });

  it('does not care for the order of fields, of the items of a set or of the entries of a map', () => {
    expect(encodeKey([{ a: 1, b: 2 }])).toBe(encodeKey([{ b: 2, a: 1 }]));
    expect(encodeKey([new Set([1, 2])])).toBe(encodeKey([new Set([2, 1])]));
    expect(encodeKey([[1, 2]])).not.toBe(encodeKey([[2, 1]]));
    expect(encodeKey([{ a: undefined }])).not.toBe(encodeKey([{}]));
    // eslint-disable-next-line no-sparse-arrays
    expect(encodeKey(['a', ,] as never)).toBe(encodeKey(['a', undefined]));
  });

  it('tells long keys apart that differ only at their end', () => {
    const long = 'x'.repeat(5000);
    expect(encodeKey(`${long}1`)).not.toBe(encodeKey(`${long}2`));
    expect(encodeKey([long])).not.toBe(encodeKey(long));
  });

  class Money {
    amount = 5;
  }
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;

  it.each<[string, unknown, string | RegExp]>([
    ['empty text', '', 'not empty'],
    ['an empty list', [], 'at least one part'],
    ['a number', 42, 'string or a list'],
    ['nothing', undefined, 'string or a list'],
    ['half a surrogate pair', 'a\ud800', 'surrogate'],
    ['half a surrogate pair in a part', ['\udfff'], 'surrogate'],
    ['half a surrogate pair in an object', [{ a: ['\ud83d'] }], 'surrogate'],
    ['half a surrogate pair in a long key', `${'a'.repeat(999)}\ud800`, 'surrogate'],
    ['an invalid date', [new Date(NaN)], 'part 0 is an invalid date'],
    ['an operator, which is a symbol', [{ age: { [Symbol('gt')]: 5 } }], 'part 0[age] has a field named by a symbol'],
    ['a nested invalid date', ['x', { at: new Date(NaN) }], 'part 1[at] is an invalid date'],
    ['a function', ['x', () => 1], 'part 1 is a function'],
    ['a symbol', [[Symbol('x')]], 'part 0[0] is a symbol'],
    ['an instance of a class', [{ price: new Money() }], 'part 0[price] is an instance of Money'],
    ['bytes', [Buffer.from('x')], 'an instance of Buffer'],
    ['a cycle', [cycle], /cycle or is nested deeper than 32/],
  ])('refuses %s', (_, bad, message) => {
    expect(() => encodeKey(bad as Key)).toThrow(InvalidArgumentError);
    expect(() => encodeKey(bad as Key)).toThrow(message);
  });
});

describe('encodeContext', () => {
  it('gives each context and key a text of its own', () => {
    const segments = fc.array(
      awkwardText.filter((each) => each !== ''),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(segments, key), { minLength: 2, maxLength: 12 }), (all) => {
        const encoded = all.map(([context, each]) => encodeContext(context, encodeKey(each)));
        for (const [i, one] of encoded.entries()) {
          expect(one).toMatch(SAFE);
          expect(one).not.toBe(encodeKey(all[i]![1]));
          for (let j = 0; j < i; j++) expect(one === encoded[j]).toBe(isDeepStrictEqual(all[i], all[j]));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('spells segments in front of the key', () => {
    expect(encodeContext(['acme', 'de'], 'user:42')).toBe('@acme@de|user:42');
    expect(encodeContext(['a@b|c'], '/~n1')).toBe('@a%40b%7Cc|/~n1');
    expect(encodeContext(['a'.repeat(150)], 'b'.repeat(150))).toMatch(/^~h[\w-]{43}~@a{79}$/);
  });

  it.each([[[]], [['']], [['acme', '']]])('refuses the context %p, which everybody would share', (segments) => {
    expect(() => encodeContext(segments, 'user:42')).toThrow(MissingContextError);
  });

  it('refuses a segment that is not text', () => {
    expect(() => encodeContext([42 as never], 'user:42')).toThrow('context segment is text');
  });
});

describe('encodeTag', () => {
  it('follows the rule of string keys', () => {
    fc.assert(
      fc.property(text, (tag) => {
        if (tag === '') expect(() => encodeTag(tag)).toThrow(InvalidArgumentError);
        else expect(encodeTag(tag)).toBe(encodeKey(tag));
      }),
    );
    expect(() => encodeTag(5 as never)).toThrow('A tag is text');
  });
});
