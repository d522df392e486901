/** One value of every kind that JavaScript has, by name. None of them is a wrong value everywhere. */
export const VALUES: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  true: true,
  false: false,
  '0': 0,
  '1': 1,
  '-1': -1,
  '1.5': 1.5,
  NaN,
  Infinity,
  '-Infinity': -Infinity,
  '2 ** 53': 2 ** 53,
  '1n': 1n,
  'no text': '',
  blank: ' ',
  text: 'text',
  'half a surrogate pair': 'a\ud800',
  'a number as text': '1',
  'a negative number as text': '-1',
  'a duration': '5s',
  'a long duration': '30d',
  'the name __proto__': '__proto__',
  symbol: Symbol('symbol'),
  function: () => undefined,
  class: class Thing {},
  'an empty list': [],
  'a list of text': ['a'],
  'a list of undefined': [undefined],
  'an empty object': {},
  'an object without a prototype': Object.assign(Object.create(null), { a: 1 }),
  'an object of unknown fields': { unknownField: 1 },
  'an instance': new (class Thing {
    field = 1;
  })(),
  map: new Map([['a', 1]]),
  set: new Set(['a']),
  'a past date': new Date(0),
  'a date to come': new Date(Date.now() + 60_000),
  'an invalid date': new Date(NaN),
  'a regular expression': /a/,
  'an error': new Error('an error'),
  'a promise': Promise.resolve({}),
  bytes: Buffer.from('a'),
  'an array buffer': new ArrayBuffer(1),
  'boxed text': Object('text') as unknown,
  'a boxed number': Object(1) as unknown,
  'a weak map': new WeakMap(),
  proxy: new Proxy([], {}),
};

/** Those of `VALUES` whose names are not given. */
export function othersThan(names: readonly string[]): [name: string, value: unknown][] {
  const unknown = names.filter((name) => !(name in VALUES));
  if (unknown.length > 0) throw new Error(`There are no values ${unknown.join(', ')}.`);
  return Object.entries(VALUES).filter(([name]) => !names.includes(name));
}
