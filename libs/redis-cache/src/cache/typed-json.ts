/**
 * JSON that keeps the types JSON has no word for, and stays readable in `redis-cli`. An object with one field whose
 * name starts with `$` is a tag:
 *
 *   {"$date":"2026-01-31T00:00:00.000Z"}   Date; null for an invalid one
 *   {"$map":[["key","value"]]}             Map, in its order
 *   {"$set":[1,2]}                         Set, in its order
 *   {"$bigint":"12345678901234567890"}     bigint
 *   {"$number":"NaN"}                      NaN, Infinity, -Infinity, -0
 *   {"$undefined":true}                    undefined as a field, an item or the whole value
 *   {"$buffer":"aGk="}  {"$bytes":"aGk="}  Buffer, Uint8Array, in base64
 *
 * The user's own object with one field that starts with `$` gets another `$` in front: {"$$date":"tomorrow"}.
 */
import { types } from 'node:util';
import { UncacheableValueError } from '../errors.js';

export interface PlainJson {
  /** What JSON.stringify may be given: the value itself where nothing had to be changed. */
  readonly json: unknown;
  /** Whether `json` holds tags, so that reading it needs `fromTyped`. */
  readonly tagged: boolean;
  /** Whether the value holds a Map, Set, Date or bytes, which cannot be frozen. */
  readonly mutable: boolean;
}

// A value nested deeper than this would overflow the stack of whoever walks it.
const MAX_DEPTH = 1000;

/**
 * The value as JSON data, in one walk that copies only what has to change. Class instances become plain data
 * (through `toJSON` when they have it); symbol keys and an own `__proto__` are left out.
 *
 * @throws UncacheableValueError for functions, symbols, cycles, promises and other things that are not data.
 */
export function toPlainJson(value: unknown): PlainJson {
  const walk = new Walk();
  const json = walk.convert(value, '');
  return { json, tagged: walk.tagged, mutable: walk.mutable };
}

class Walk {
  tagged = false;
  mutable = false;
  // Where the walk is: objects[i + 1] is the field or item steps[i + 1] of objects[i].
  private readonly objects: object[] = [];
  private readonly steps: (string | number)[] = [];

  convert(value: unknown, step: string | number): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : this.tag('$number', numberText(value));
      case 'undefined':
        return this.tag('$undefined', true);
      case 'bigint':
        return this.tag('$bigint', String(value));
      case 'object':
        return value === null ? null : this.enter(value, step);
      default:
        throw this.refused(step, `a ${typeof value}`);
    }
  }

  private enter(value: object, step: string | number): unknown {
    if (this.objects.includes(value)) throw this.refused(step, 'part of a cycle');
    if (this.objects.length === MAX_DEPTH) throw this.refused(step, `nested deeper than ${MAX_DEPTH} levels`);
    this.objects.push(value);
    this.steps.push(step);
    const json = this.convertObject(value);
    this.objects.pop();
    this.steps.pop();
    return json;
  }

  private convertObject(value: object): unknown {
    if (Array.isArray(value)) return this.items(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null ? this.fields(value) : this.instance(value);
  }

  private items(array: readonly unknown[]): unknown[] {
    let copy: unknown[] | undefined;
    for (let index = 0; index < array.length; index++) {
      const json = this.convert(array[index], index);
      if (copy === undefined && json !== array[index]) copy = array.slice(0, index);
      copy?.push(json);
    }
    return copy ?? (array as unknown[]);
  }

  private fields(object: object): unknown {
    const source = object as Record<string, unknown>;
    const names = Object.keys(source);
    let copy: Record<string, unknown> | undefined;
    for (let index = 0; index < names.length; index++) {
      const name = names[index]!;
      const value = source[name];
      if (name === 'toJSON' && hasToJson(object)) return this.convert(object.toJSON(''), '');
      const json = name === '__proto__' ? undefined : this.convert(value, name);
      if (copy === undefined && json !== value) {
        copy = {};
        for (let before = 0; before < index; before++) copy[names[before]!] = source[names[before]!];
      }
      if (copy !== undefined && name !== '__proto__') copy[name] = json;
    }
    const result = copy ?? source;
    const looksLikeTag = names.length === 1 && names[0]!.startsWith('$');
    return looksLikeTag ? this.tag(`$${names[0]!}`, result[names[0]!]) : result;
  }

  private instance(value: object): unknown {
    if (types.isDate(value)) {
      this.mutable = true;
      return this.tag('$date', value.toJSON());
    }
    if (types.isMap(value)) {
      this.mutable = true;
      return this.tag('$map', this.items([...value]));
    }
    if (types.isSet(value)) {
      this.mutable = true;
      return this.tag('$set', this.items([...value]));
    }
    if (types.isUint8Array(value)) {
      this.mutable = true;
      const base64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
      return this.tag(Buffer.isBuffer(value) ? '$buffer' : '$bytes', base64);
    }
    if (hasToJson(value)) return this.convert(value.toJSON(''), '');
    if (types.isNativeError(value))
      return this.fields(Object.assign({ name: value.name, message: value.message }, value));
    if (types.isRegExp(value)) return String(value);
    if (types.isBoxedPrimitive(value)) return this.convert(value.valueOf(), '');
    if (types.isTypedArray(value)) return this.items(Array.from(value as Iterable<unknown>));
    if (isOpaque(value)) throw this.refused('', `an instance of ${Object.prototype.toString.call(value).slice(8, -1)}`);
    return this.fields(value);
  }

  private tag(name: string, content: unknown): Record<string, unknown> {
    this.tagged = true;
    return { [name]: content };
  }

  private refused(step: string | number, what: string): UncacheableValueError {
    // The first step is the value itself; an empty one is the same place (what toJSON answered).
    const path = [...this.steps, step].map((each, index) => (index === 0 || each === '' ? '' : spell(each)));
    return new UncacheableValueError(`$${path.join('')}`, what);
  }
}

function spell(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  return /^[A-Za-z_$][\w$]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

// Their content is out of reach, so they would be stored as {} without a word.
function isOpaque(value: object): boolean {
  return (
    types.isPromise(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isDataView(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    value instanceof WeakRef
  );
}

/** What `toPlainJson` was given, from freshly parsed JSON, which it changes in place. Throws for an unknown tag. */
export function fromTyped(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return restoreItems(json);
  const object = json as Record<string, unknown>;
  const names = Object.keys(object);
  if (names.length === 1 && names[0]!.startsWith('$')) return restoreTag(names[0]!, object[names[0]!]);
  for (const name of names) {
    const value = object[name];
    if (typeof value === 'object' && value !== null) object[name] = fromTyped(value);
  }
  return object;
}

function restoreItems(items: unknown[]): unknown[] {
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    if (typeof item === 'object' && item !== null) items[index] = fromTyped(item);
  }
  return items;
}

function restoreTag(name: string, content: unknown): unknown {
  if (name.startsWith('$$')) return { [name.slice(1)]: fromTyped(content) };
  switch (name) {
    case '$date':
      return new Date(content === null ? NaN : text(name, content));
    case '$map':
      return new Map(restoreItems(list(name, content)) as [unknown, unknown][]);
    case '$set':
      return new Set(restoreItems(list(name, content)));
    case '$bigint':
      return BigInt(text(name, content));
    case '$number':
      return Number(text(name, content));
    case '$undefined':
      return undefined;
    case '$buffer':
      return Buffer.from(text(name, content), 'base64');
    case '$bytes':
      return new Uint8Array(Buffer.from(text(name, content), 'base64'));
    default:
      throw new TypeError(`Unknown tag ${name}.`);
  }
}

function text(tag: string, content: unknown): string {
  if (typeof content !== 'string') throw new TypeError(`The tag ${tag} holds ${typeof content}, not text.`);
  return content;
}

function list(tag: string, content: unknown): unknown[] {
  if (!Array.isArray(content)) throw new TypeError(`The tag ${tag} holds ${typeof content}, not a list.`);
  return content;
}
