import { inspect, types } from 'node:util';
import * as fc from 'fast-check';
import type { Key, KeyPart } from '../../libs/redis-cache/src/cache/key.js';

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', '0', '', '$date'];
const SPELLINGS = [
  '1',
  '-0',
  'NaN',
  'null',
  'undefined',
  'true',
  '1n',
  '~n1',
  '~null',
  '/a',
  '@a|b',
  '%41',
  '~h',
  '[]',
];

/** Few letters and all the separators, so that accidents that need two similar keys do happen. */
const similarText = fc.string({ unit: fc.constantFrom(...Array.from('ab1:/~@|%,"\\[]{}n*? é😀\0')), maxLength: 6 });
const longText = fc
  .tuple(similarText, fc.integer({ min: 150, max: 100_000 }))
  .map(([unit, length]) => (unit || 'x').repeat(Math.ceil(length / (unit.length || 1))));

/** Text without lone surrogates. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 200, arbitrary: similarText },
  { weight: 100, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 50, arbitrary: fc.constantFrom(...NAMES, ...SPELLINGS) },
  { weight: 20, arbitrary: fc.string({ unit: 'grapheme', maxLength: 250 }) },
  { weight: 1, arbitrary: longText },
);

const number = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, NaN, Infinity, -Infinity, 1e21, 5e-324),
  fc.integer(),
  fc.double(),
);
const leaf: fc.Arbitrary<KeyPart> = fc.oneof(
  { weight: 4, arbitrary: similarText },
  { weight: 2, arbitrary: fc.constantFrom(...NAMES, ...SPELLINGS) },
  number,
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.constantFrom<KeyPart>(true, false, null, undefined, 0n, 1n),
  fc.date({ noInvalidDate: true }),
);
const fieldName = fc.oneof(similarText, fc.constantFrom(...NAMES));
const { part } = fc.letrec<{ part: KeyPart }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 4, arbitrary: leaf },
    fc.array(tie('part'), { maxLength: 3 }),
    fc.array(fc.tuple(fieldName, tie('part')), { maxLength: 3 }).map((fields) => objectOf(fields)),
    fc.array(tie('part'), { maxLength: 3 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie('part'), tie('part')), { maxLength: 2 }).map((entries) => new Map(entries)),
  ),
}));
const deepPart = fc.tuple(fc.integer({ min: 2, max: 30 }), leaf).map(([levels, inner]) => {
  let nested: KeyPart = inner;
  for (let level = 0; level < levels; level++) nested = [nested];
  return nested;
});

export const key: fc.Arbitrary<Key> = fc.oneof(
  { weight: 4, arbitrary: text.filter((each) => each !== '') },
  {
    weight: 8,
    arbitrary: fc.array(fc.oneof({ weight: 8, arbitrary: part }, { weight: 1, arbitrary: deepPart }), {
      minLength: 1,
      maxLength: 4,
    }),
  },
  { weight: 1, arbitrary: fc.array(text, { minLength: 1, maxLength: 3 }) },
);

/** A key, and another one that is easily taken for it. */
export const keyAndLookalike: fc.Arbitrary<[Key, Key]> = fc.tuple(key, fc.nat()).map(([each, at]) => {
  if (typeof each === 'string') return [each, [each]];
  return [each, replaced(each, at % each.length, (part) => lookalikeOf(part, at >> 2))];
});

export const context = fc.array(
  text.filter((each) => each !== ''),
  { minLength: 1, maxLength: 3 },
);

/** Whatever a caller without types may pass, functions, symbols, cycles and half surrogates among it. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
    withBoxedValues: true,
    withObjectString: true,
    maxDepth: 3,
  }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udfff', 'a', '😀', '/'), maxLength: 6 }),
  fc.array(
    fc.oneof(
      fc.constantFrom<unknown>(Symbol('s'), () => 1, new Date(NaN), /a/, new Error('e'), class {}),
      part,
    ),
    {
      maxLength: 3,
    },
  ),
  fc.constant(0).map(() => {
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    return cycle;
  }),
);

function lookalikeOf(part: KeyPart, at: number): KeyPart {
  if (typeof part === 'string') return [[part], `"${part}"`, `${part}"`, part === '' ? null : Number(part)][at % 4];
  if (typeof part === 'number') return part === 0 ? (Object.is(part, 0) ? -0 : 0) : String(part);
  if (typeof part !== 'object' || part === null) return part === null ? undefined : String(part);
  if (types.isDate(part)) return part.toISOString();
  if (types.isSet(part) || types.isMap(part)) return [...(part as ReadonlySet<KeyPart>)];
  if (!Array.isArray(part)) return new Map(Object.entries(part));
  const items = part as readonly KeyPart[];
  if (items.length > 0 && at % 2 === 0) return replaced(items, at % items.length, (item) => lookalikeOf(item, at >> 2));
  // What a join of its items without escaping would make of it.
  return [
    items
      .map((item) => (typeof item === 'string' ? item : inspect(item)))
      .join(typeof items[0] === 'string' ? '","' : ','),
  ];
}

function replaced(items: readonly KeyPart[], at: number, change: (item: KeyPart) => KeyPart): readonly KeyPart[] {
  return items.map((item, index) => (index === at ? change(item) : item));
}

/** An own field each, `__proto__` too. */
function objectOf(fields: readonly (readonly [string, KeyPart])[]): { readonly [field: string]: KeyPart } {
  return Object.fromEntries(fields);
}
