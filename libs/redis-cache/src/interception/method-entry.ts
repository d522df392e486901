import { checkList } from '../arguments.js';
import type { CacheService } from '../cache/cache.service.js';
import { type AnyCacheDefinition, defineCache, type DefinedCache } from '../cache/definition.js';
import type { CacheEngine } from '../cache/engine.js';
import type { CallOptions } from '../cache/entry-options.js';
import type { Key, KeyPart } from '../cache/key.js';
import { DEFAULT_POLICY, ENTRY_OPTION_NAMES, resolvePolicy } from '../cache/policy.js';
import { InvalidOptionsError } from '../errors.js';
import type { Duration } from '../time.js';
import { classDefaults } from './cache-defaults.decorator.js';
import {
  cacheProblems,
  checkIsOptions,
  checkOptions,
  type Class,
  type DecoratedMethod,
  notFunctions,
} from './decorated-method.js';

/** The options that say where a method's entries are and how they are stored, their argument types forgotten. */
export interface EntryOfMethodOptions {
  cache?: string | AnyCacheDefinition;
  args?: (...args: unknown[]) => readonly unknown[];
  argsOf?: (value: unknown, ...args: unknown[]) => readonly unknown[];
  key?: (...args: unknown[]) => Key;
  keyOf?: (value: unknown, ...args: unknown[]) => Key;
  tags?: readonly string[] | ((...args: unknown[]) => readonly string[]);
  tagsOf?: (value: unknown, ...args: unknown[]) => readonly string[];
  ttl?: Duration | Date | ((value: unknown, ...args: unknown[]) => Duration | Date);
}

const PLACE_NAMES = ['cache', 'args', 'key', 'tagsOf'];
const DEFINED_NAMES = ['key', 'keyOf', 'tags', 'tagsOf'];

/**
 * @throws InvalidOptionsError naming every option that is wrong or unknown, or that fights with another
 */
export function checkEntryOptions(subject: string, options: EntryOfMethodOptions, own: readonly string[]): void {
  checkIsOptions(subject, options);
  const functions = [...PLACE_NAMES, ...own].filter((name) => name !== 'cache' && name !== 'consistency');
  const allowed = [...PLACE_NAMES, ...own, ...ENTRY_OPTION_NAMES];
  const problems = [...notFunctions(options, functions), ...cacheProblems(options.cache)];
  const names = Object.keys(options);
  if (typeof options.cache === 'object') {
    const doubled = names.filter((name) => DEFINED_NAMES.includes(name));
    problems.push(
      ...doubled.map((name) => `${name} is the definition's business; leave it out, and map args to its arguments`),
    );
  } else if (options.args !== undefined || options.argsOf !== undefined) {
    problems.push('args are those of a definition; give one as cache, or make the key with `key`');
  }
  try {
    resolvePolicy(DEFAULT_POLICY, fixedOptions(options), Infinity, subject, true);
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    problems.push(...error.problems);
  }
  checkOptions(subject, options, allowed, problems);
}

/** Where the entries of a decorated method are, on instances of one class in one engine. */
export class MethodEntry {
  readonly cache: CacheService;
  readonly #options: EntryOfMethodOptions;
  readonly #definition: AnyCacheDefinition | undefined;
  readonly #fixed: CallOptions;
  readonly #defaultPath: readonly KeyPart[];

  constructor(engine: CacheEngine, host: Class, method: DecoratedMethod, options: EntryOfMethodOptions) {
    this.#defaultPath = classPath(host, method);
    if (typeof options.cache === 'object') {
      const cache = engine.cache(options.cache) as DefinedCache<unknown[], unknown>;
      // The module's configuration may have changed it.
      this.#definition = cache.definition;
      this.#options = options;
      this.cache = cache;
    } else {
      const { cache, ...merged } = { ...classDefaults(host), ...options };
      this.#options = merged;
      this.cache = cacheNamed(engine, cache as string | undefined);
    }
    this.#fixed = fixedOptions(this.#options);
    const { key, keyOf } = this.#options;
    const isNamedAfterMethod = this.#definition === undefined && key === undefined && keyOf === undefined;
    if (isNamedAfterMethod) engine.checkName(method.subject, method.name, this.#fixed.sensitive);
  }

  /** `value` is what the method answered, where that is known before the key is needed. */
  keyOf(args: readonly unknown[], value?: unknown): Key {
    if (this.#definition !== undefined) return this.#definition.key(...this.#definitionArgs(args, value));
    const { key, keyOf } = this.#options;
    return keyOf?.(value, ...args) ?? key?.(...args) ?? [...this.#defaultPath, ...(args as KeyPart[])];
  }

  optionsOf(args: readonly unknown[], value?: unknown): CallOptions {
    const tags = this.#definition?.tags ?? this.#options.tags;
    const ttl = this.#options.ttl ?? this.#definition?.ttl;
    if (typeof tags !== 'function' && typeof ttl !== 'function') return this.#fixed;
    const options: CallOptions = { ...this.#fixed };
    if (typeof ttl === 'function') {
      const ttlArgs = ttl === this.#options.ttl ? args : this.#definitionArgs(args, value);
      options.ttl = (stored) => ttl(stored, ...ttlArgs);
    }
    if (typeof tags === 'function') {
      // A getter, because an answer from memory does not look at the tags.
      Object.defineProperty(options, 'tags', {
        enumerable: true,
        get: () => checkList(tags(...this.#definitionArgs(args, value)), 'what tags returns', 'strings'),
      });
    }
    return options;
  }

  /** Tags that only the value tells. */
  tagsOf(args: readonly unknown[], value: unknown): readonly string[] {
    const tagsOf = this.#definition?.tagsOf ?? this.#options.tagsOf;
    if (tagsOf === undefined) return [];
    const tags = tagsOf(value, ...this.#definitionArgs(args, value));
    return [...new Set(checkList(tags, 'what tagsOf returns', 'strings'))];
  }

  #definitionArgs(args: readonly unknown[], value: unknown): readonly unknown[] {
    const { argsOf, args: map } = this.#options;
    if (argsOf !== undefined) return checkList(argsOf(value, ...args), 'what argsOf returns', 'arguments');
    return map === undefined ? args : checkList(map(...args), 'what args returns', 'arguments');
  }
}

/** The cache of that name, whoever defined it; one with the module's defaults when nobody did. */
export function cacheNamed(engine: CacheEngine, name: string | undefined): CacheService {
  if (name === undefined) return engine.defaultCache;
  const known = engine.caches().find((cache) => cache.name === name);
  return known ?? engine.cache(defineCache({ name, key: (...parts: KeyPart[]) => parts }));
}

/** An inherited method is another one than that of the same name which overrides it, and may call it. */
function classPath(host: Class, { name, declaringClass }: DecoratedMethod): KeyPart[] {
  return host === declaringClass ? [host.name, name] : [host.name, [declaringClass.name, name]];
}

/** The entry options that are the same for every call. */
function fixedOptions(options: object): CallOptions {
  const fixed = Object.entries(options).filter(
    ([name, value]) =>
      (ENTRY_OPTION_NAMES.includes(name) || name === 'consistency') &&
      !((name === 'ttl' || name === 'tags') && typeof value === 'function'),
  );
  return Object.freeze(Object.fromEntries(fixed));
}
