/**
 * What must not reach Redis: fields by their names, fields of classes by a mark. Looked for when a value is about to be
 * stored, never on a hit.
 */
import { isOptions, shown } from '../arguments.js';
import { InvalidArgumentError, InvalidOptionsError, UncacheableValueError } from '../errors.js';
import { unknownName } from '../nearest.js';

export interface SensitiveOptions {
  /** Names of fields, in whatever spelling: `cardNumber` is also `card_number`. Default `SENSITIVE_FIELDS`. */
  fields?: readonly string[];
  /** `'throw'` an `UncacheableValueError`, or `'refuse'`: callers get the value, and it is not stored. Default `'throw'`,
   * or `'refuse'` where `NODE_ENV` is `production`. */
  onFound?: 'throw' | 'refuse';
}

/** What `sensitive: true` looks for. */
export const SENSITIVE_FIELDS: readonly string[] = Object.freeze([
  ...['password', 'passwd', 'passphrase', 'passwordHash', 'hashedPassword', 'passwordDigest', 'passwordSalt'],
  ...['token', 'accessToken', 'refreshToken', 'idToken', 'sessionToken', 'resetToken', 'authToken'],
  ...['secret', 'clientSecret', 'apiKey', 'privateKey', 'otpSecret', 'recoveryCodes'],
  ...['cardNumber', 'cardToken', 'pan', 'cvv', 'cvc', 'pin', 'iban', 'accountNumber'],
]);

/** Spellings whose meaning is remembered: of values whose fields are data, such as ids, there is no end. */
const MAX_KNOWN_NAMES = 10_000;
const MAX_DEPTH = 1_000;

interface Place {
  holder: object;
  field: string;
}

/** Marked fields by the prototype of their class. Facts about classes, so they hold in every application of the process. */
const marks = new WeakMap<object, Set<string>>();
let isAnythingMarked = false;

/**
 * Marks a field of a class whose instances are never to be stored while it holds anything, whatever it is called.
 *
 *     class Account {
 *       id!: number;
 *       @Sensitive() taxNumber?: string;
 *     }
 */
export function Sensitive(): PropertyDecorator {
  return (target, name) => {
    if (typeof name !== 'string') throw new InvalidArgumentError('@Sensitive() is for fields whose name is text.');
    isAnythingMarked = true;
    marks.set(target, (marks.get(target) ?? new Set()).add(name));
  };
}

/** The names of one cache, and what happens when one is found. */
export class DenyList {
  readonly #denied: ReadonlySet<string>;
  readonly #known = new Map<string, boolean>();

  constructor(
    fields: readonly string[],
    private readonly onFound?: SensitiveOptions['onFound'],
  ) {
    this.#denied = new Set(fields.map(spelled));
  }

  /** Whether a value that is about to be stored holds such a field. @throws UncacheableValueError with `'throw'` */
  refuses(value: unknown): boolean {
    const path = this.#pathIn(value);
    if (path === undefined) return false;
    const onFound = this.onFound ?? (process.env['NODE_ENV'] === 'production' ? 'refuse' : 'throw');
    if (onFound === 'throw') throw new UncacheableValueError(path, 'in a field that the option `sensitive` denies');
    return true;
  }

  /** @throws InvalidOptionsError for a cache or a method that is named after such a field */
  checkName(subject: string, name: string): void {
    const words = (name.match(/[A-Z]?[a-z0-9]+|[A-Z]+/g) ?? []).map((word) => word.toLowerCase());
    const starts = words.flatMap((_, from) =>
      words.slice(from).map((_word, index) => words.slice(from, from + index + 1)),
    );
    const found = starts
      .map((some) => some.join(''))
      .find((some) => singulars(some).some((one) => this.#denied.has(one)));
    if (found === undefined) return;
    throw new InvalidOptionsError(subject, [
      `"${name}" is named after "${found}", which is never stored; rename it, or say \`sensitive: false\` where it may be`,
    ]);
  }

  #pathIn(value: unknown): string | undefined {
    if (!isAnythingMarked && this.#denied.size === 0) return undefined;
    if (!isLookedInto(value) || !this.#isIn(value, 0)) return undefined;
    // Who was reached from where: the path of what is found, and no object twice.
    const reachedFrom = new Map<object, Place | undefined>([[value, undefined]]);
    for (const [holder] of reachedFrom) {
      for (const [field, held] of fieldsOf(holder)) {
        if (this.#denies(holder, field, held)) return pathOf({ holder, field }, reachedFrom);
        if (isLookedInto(held) && !reachedFrom.has(held)) reachedFrom.set(held, { holder, field: String(field) });
      }
    }
    return undefined;
  }

  /** Quick, and `true` where it is too deep to tell: a cycle, which a codec may accept. */
  #isIn(holder: object, depth: number): boolean {
    if (depth > MAX_DEPTH) return true;
    if (Array.isArray(holder)) {
      for (const item of holder) if (isLookedInto(item) && this.#isIn(item, depth + 1)) return true;
      return false;
    }
    if (holder instanceof Map || holder instanceof Set) {
      for (const [field, held] of holder.entries()) {
        if (this.#denies(holder, field, held) || (isLookedInto(held) && this.#isIn(held, depth + 1))) return true;
      }
      return false;
    }
    for (const field of Object.keys(holder)) {
      const held = (holder as Record<string, unknown>)[field];
      if (this.#denies(holder, field, held) || (isLookedInto(held) && this.#isIn(held, depth + 1))) return true;
    }
    return false;
  }

  #denies(holder: object, field: unknown, held: unknown): field is string {
    if (held === undefined || held === null || typeof field !== 'string') return false;
    return this.#isDenied(field) || isMarked(holder, field);
  }

  #isDenied(name: string): boolean {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const isDenied = this.#denied.has(spelled(name));
    if (this.#known.size < MAX_KNOWN_NAMES) this.#known.set(name, isDenied);
    return isDenied;
  }
}

/** Marked fields count where nothing else is said. */
export const MARKS_ONLY = new DenyList([]);

const USUAL = new DenyList(SENSITIVE_FIELDS);
/** Options of one call are read at each call. */
const known = new WeakMap<SensitiveOptions, DenyList>();

/** What the option `sensitive` means; `undefined`: nothing is looked for. @throws InvalidArgumentError */
export function denyListOf(sensitive: boolean | SensitiveOptions): DenyList | undefined {
  if (sensitive === false) return undefined;
  if (sensitive === true) return USUAL;
  if (!isOptions(sensitive)) {
    throw new InvalidArgumentError(`sensitive is ${shown(sensitive)}. It must be true, false or { fields, onFound }.`);
  }
  const list = known.get(sensitive) ?? listOf(sensitive);
  known.set(sensitive, list);
  return list;
}

function listOf({ fields = SENSITIVE_FIELDS, onFound, ...others }: SensitiveOptions): DenyList {
  for (const name of Object.keys(others)) {
    throw new InvalidArgumentError(`sensitive: ${unknownName(name, ['fields', 'onFound'])}`);
  }
  if (!Array.isArray(fields) || !fields.every((name) => typeof name === 'string' && spelled(name) !== '')) {
    throw new InvalidArgumentError(`sensitive.fields is ${shown(fields)}. It must be a list of names of fields.`);
  }
  if (onFound !== undefined && onFound !== 'throw' && onFound !== 'refuse') {
    throw new InvalidArgumentError(`sensitive.onFound is ${shown(onFound)}. Allowed: throw, refuse.`);
  }
  return new DenyList(fields, onFound);
}

function spelled(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function singulars(word: string): string[] {
  return [word, word.replace(/s$/, ''), word.replace(/es$/, '')];
}

/** Bytes have no fields. */
function isLookedInto(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !(value instanceof Date);
}

function fieldsOf(holder: object): Iterable<readonly [field: unknown, held: unknown]> {
  if (Array.isArray(holder) || holder instanceof Map || holder instanceof Set) return holder.entries();
  return Object.entries(holder);
}

function isMarked(holder: object, field: string): boolean {
  if (!isAnythingMarked) return false;
  let prototype = Object.getPrototypeOf(holder) as object | null;
  while (prototype !== null && prototype !== Object.prototype) {
    if (marks.get(prototype)?.has(field)) return true;
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return false;
}

function pathOf(place: Place, reachedFrom: ReadonlyMap<object, Place | undefined>): string {
  const names: string[] = [];
  for (let step: Place | undefined = place; step !== undefined; step = reachedFrom.get(step.holder)) {
    names.unshift(step.field);
  }
  return `$.${names.join('.')}`;
}
