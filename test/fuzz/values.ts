import { types } from 'node:util';
import * as fc from 'fast-check';

/** Names that look like our tags, and names that are troublesome in objects. */
const NAMES = [
  '$date',
  '$$date',
  '$map',
  '$undefined',
  '$',
  '$x',
  '$__proto__',
  'toString',
  'constructor',
  'prototype',
];
const fieldName = fc
  .oneof(fc.constantFrom(...NAMES, 'length', '0', '', 'toJSON'), fc.string({ maxLength: 4 }))
  .filter((name) => name !== '__proto__');
const leaf = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udfff', '$', '\\', '"', '\u2028', '\ufeff', '\0'), maxLength: 5 }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(null, undefined, NaN, Infinity, -Infinity, -0),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);

/** Whatever may be cached, and comes back as it was. */
export const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 3, arbitrary: leaf },
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fieldName, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
}));

const hostileName = fc
  .constantFrom(
    '__proto__',
    '\\u005f_proto__',
    '__pr\\u006fto__',
    'constructor',
    'prototype',
    'a',
    '$$__proto__',
    '$__proto__',
  )
  .map((name) => `"${name}"`);
const tag = fc.constantFrom(
  '$date',
  '$map',
  '$set',
  '$bigint',
  '$number',
  '$undefined',
  '$buffer',
  '$bytes',
  '$later',
  '$$date',
);
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 6, depthSize: 'medium' },
    {
      weight: 2,
      arbitrary: fc.constantFrom('1', '-0', '1e999', '"x"', '""', 'null', 'true', '"aGk="', '"2020-01-01"', '{}', '[]'),
    },
    fc.array(tie('json'), { maxLength: 3 }).map((items) => `[${items.join()}]`),
    fc.tuple(tag, tie('json')).map(([name, content]) => `{"${name}":${content}}`),
    fc
      .array(fc.tuple(hostileName, tie('json')), { maxLength: 3 })
      .map((fields) => `{${fields.map((field) => field.join(':')).join()}}`),
  ),
}));

/** JSON by somebody who knows our tags and wants to harm, now and then with a character changed. */
export const hostileJson = fc
  .tuple(json, fc.option(fc.tuple(fc.nat(), fc.constantFrom(...Array.from('{}[]":,$0\\u_')))))
  .map(([text, change]) => {
    if (change === null) return text;
    const at = change[0] % text.length;
    return text.slice(0, at) + change[1] + text.slice(at + 1);
  });

const INNOCENT = new Set<unknown>([
  null,
  ...[Object, Array, Map, Set, Date, Uint8Array, Buffer].map((constructor) => constructor.prototype as unknown),
]);

/** @throws Error where a decoded value has a prototype of its own making. A loop, since it may be deeper than the stack. */
export function checkPrototypes(decoded: unknown): void {
  const pending: unknown[] = [decoded];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (!INNOCENT.has(Object.getPrototypeOf(next))) throw new Error('A decoded value has a foreign prototype.');
    if (Object.hasOwn(next, '__proto__')) throw new Error('A decoded value has a field __proto__.');
    const copy = Object.assign({}, next);
    if (Object.getPrototypeOf(copy) !== Object.prototype)
      throw new Error('Copying a value changed the prototype of the copy.');
    if (types.isMap(next)) pending.push(...next.keys(), ...next.values());
    else if (types.isSet(next)) pending.push(...next);
    else if (!types.isUint8Array(next)) pending.push(...Object.values(next));
  }
}

/** Every field that all objects, lists, functions and texts have. */
export function globalFields(): string {
  const prototypes = [Object, Array, Function, String, Map, Set, Date, RegExp].map((each) => each.prototype as object);
  return prototypes.map((each) => Reflect.ownKeys(each).map(String).join()).join('|');
}
