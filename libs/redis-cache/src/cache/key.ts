/**
 * Keys, tags and patterns as text that Redis, a glob and a reader of `redis-cli` all take literally.
 *
 *   'user:42'                  user:42                     a string: itself
 *   'Zoë {1}'                  Zo%C3%AB%20%7B1%7D          other characters percent-encoded as UTF-8
 *   ['user', 42]               /user/~n42                  an array: typed parts
 *   ['a', { b: [1n] }]         /a/~j%7B%22b%22:%5B1n%5D%7D nested: typed text with sorted fields
 *   more than 200 characters   ~h<SHA-256>~<first 80>      a digest, and enough to recognise it by
 *   context ['acme', 'de']     @acme@de|user:42            segments of their own, before the key
 *
 * No two keys share a text (short of a SHA-256 collision): a string never holds `/ ~ @ |` unescaped, and the first
 * character tells the four kinds apart. docs/decisions/keys.md has the reasons.
 */
import { createHash } from 'node:crypto';
import { types } from 'node:util';
import { InvalidArgumentError, MissingContextError } from '../errors.js';
import { shown } from '../arguments.js';

/** What a key may be built from. Fields of objects are sorted; `undefined` fields count; class instances are refused. */
export type KeyPart =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | readonly KeyPart[]
  | ReadonlyMap<KeyPart, KeyPart>
  | ReadonlySet<KeyPart>
  | { readonly [field: string]: KeyPart };

/** A key of an entry: text, or a list of typed parts in which `1` and `'1'` differ. */
export type Key = string | readonly KeyPart[];

// A key longer than this costs more, in memory and in every command, than its digest.
const MAX_LENGTH = 200;
const RECOGNISABLE_LENGTH = 80;
// Deeper means a cycle, or something that was not meant to be a key.
const MAX_DEPTH = 32;

// Nearly every read runs this: a key that needs no encoding is its own text.
const PLAIN = /^[A-Za-z0-9_.:=,+-]{1,200}$/;
const UNSAFE_RUN = /[^A-Za-z0-9_.:=,+-]+/g;

/**
 * The text of a key.
 *
 * @throws InvalidArgumentError for an empty string or list, lone surrogates, invalid dates, functions, symbols (as names
 * of fields too), class instances, cycles.
 */
export function encodeKey(key: Key): string {
  if (typeof key === 'string') return encodeName(key, 'key');
  if (!Array.isArray(key) || key.length === 0) {
    throw new InvalidArgumentError(`A key is a string or a list with at least one part; this one is ${shown(key)}.`);
  }
  return shorten(
    Array.from(key as readonly KeyPart[], (part, index) => `/${encodePart(part, `part ${index}`)}`).join(''),
  );
}

/** The text of a tag; the same rule as for string keys. */
export function encodeTag(tag: string): string {
  return encodeName(tag, 'tag');
}

/**
 * `encodedKey` inside its context: each segment (a tenant, a locale, a user) stays its own, whatever it holds.
 *
 * @throws MissingContextError when there is no segment or one is empty: that entry would be shared by all.
 */
export function encodeContext(segments: readonly string[], encodedKey: string): string {
  if (segments.length === 0 || segments.includes('')) {
    throw new MissingContextError(
      `The context of key "${encodedKey}" is ${shown(segments)}. Every segment must be text that is not empty.`,
      { key: encodedKey },
    );
  }
  return shorten(`${segments.map((segment) => `@${encodeName(segment, 'context segment')}`).join('')}|${encodedKey}`);
}

/** Whether a text is its own key. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

function encodeName(text: string, what: string): string {
  if (typeof text === 'string' && isPlain(text)) return text;
  if (typeof text !== 'string' || text === '') {
    throw new InvalidArgumentError(`A ${what} is text that is not empty; this one is ${shown(text)}.`);
  }
  return shorten(percentEncode(text, what));
}

/** `text` with everything but `[A-Za-z0-9_.:=,+-]` percent-encoded as UTF-8; `what` names it in the error. */
export function percentEncode(text: string, what: string): string {
  try {
    return text.replace(UNSAFE_RUN, (run) => encodeURIComponent(run).replace(/[!~*'()]/g, percent));
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new InvalidArgumentError(
      `The ${what} ${shown(text)} holds half of a surrogate pair, which no encoding of text can carry. Repair the text.`,
      { key: text },
    );
  }
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function shorten(text: string): string {
  if (text.length <= MAX_LENGTH) return text;
  return `~h${createHash('sha256').update(text).digest('base64url')}~${text.slice(0, RECOGNISABLE_LENGTH)}`;
}

function encodePart(part: KeyPart, where: string): string {
  if (typeof part === 'string') return percentEncode(part, where);
  if (typeof part === 'number') return `~n${numberText(part)}`;
  if (typeof part === 'bigint') return `~i${part}`;
  if (part === null || part === undefined || typeof part === 'boolean') return `~${part}`;
  if (types.isDate(part)) return `~d${dateText(part, where)}`;
  return `~j${percentEncode(canonicalText(part, where, 1), where)}`;
}

/** Text that is the same for equal values only: JSON's spelling, with the types JSON lacks, and sorted. */
function canonicalText(part: KeyPart, where: string, depth: number): string {
  if (depth > MAX_DEPTH) throw refused(where, `has a cycle or is nested deeper than ${MAX_DEPTH} levels`);
  const nested = (inner: KeyPart, name: string | number) => canonicalText(inner, `${where}[${name}]`, depth + 1);
  switch (typeof part) {
    case 'string':
      // Not JSON.stringify, which would hide a lone surrogate by escaping it.
      return `"${part.replace(/["\\]/g, '\\$&')}"`;
    case 'number':
      return numberText(part);
    case 'bigint':
      return `${part}n`;
    case 'boolean':
    case 'undefined':
      return String(part);
    case 'object':
      break;
    default:
      throw refused(where, `is a ${typeof part}`);
  }
  if (part === null) return 'null';
  if (types.isDate(part)) return `d"${dateText(part, where)}"`;
  if (Array.isArray(part)) return `[${Array.from(part as readonly KeyPart[], nested).join()}]`;
  if (types.isSet(part))
    return `s[${Array.from(part as Set<KeyPart>, nested)
      .sort()
      .join()}]`;
  if (types.isMap(part))
    return `m[${Array.from(part as Map<KeyPart, KeyPart>, nested)
      .sort()
      .join()}]`;
  const prototype: unknown = Object.getPrototypeOf(part);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw refused(where, `is an instance of ${part.constructor?.name ?? 'a class'}`);
  }
  // Operators of query builders are symbols: left out, different conditions would share a key.
  if (Object.getOwnPropertySymbols(part).length > 0) throw refused(where, 'has a field named by a symbol');
  const object = part as { readonly [field: string]: KeyPart };
  return `{${Object.keys(object)
    .sort()
    .map((field) => `${canonicalText(field, where, depth)}:${nested(object[field], field)}`)
    .join()}}`;
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function dateText(date: Date, where: string): string {
  if (Number.isNaN(date.getTime())) throw refused(where, 'is an invalid date');
  return date.toISOString();
}

function refused(where: string, problem: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `A key cannot be made: ${where} ${problem}. Use text, numbers, bigints, booleans, null, undefined, valid dates, ` +
      'and lists, maps, sets and plain objects of them.',
  );
}
