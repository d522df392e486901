import { checkList, isOptions, quoted, shown } from '../arguments.js';
import { InvalidOptionsError, MissingContextError } from '../errors.js';
import type { WriteStatus } from '../events.js';
import { isName } from '../redis/name.js';
import { unknownName } from '../nearest.js';
import type { Duration } from '../time.js';
import type { CacheCore } from './backend.js';
import type { Lookup, Resolved } from './answers.js';
import { CacheService } from './cache.service.js';
import type { CallOptions, EntryOptions, InvalidateOptions, Loader } from './entry-options.js';
import { encodeContext, encodeKey, type Key } from './key.js';
import type { StoredPattern } from './write-road.js';
import { DEFAULT_MAX_TTL_MS, DEFAULT_POLICY, ENTRY_OPTION_NAMES, type Policy, resolvePolicy } from './policy.js';

/** Values of the current request or job that become part of keys, by name: `{ tenant: 'acme' }`. */
export type ContextProvider = () => Readonly<Record<string, string | undefined>>;

/** A named cache: its policy, and how its keys and tags are made of typed arguments. */
export interface CacheDefinition<Args extends readonly unknown[], T> extends Omit<EntryOptions<T>, 'tags' | 'ttl'> {
  /** 1 to 64 of `A-Z a-z 0-9 _ -`; one definition per name. */
  name: string;
  /** Change it when the shape of the values changes: the old ones are then not found. Default 1. */
  version?: number;
  /** The named connection of the module to use. Default: the main one. */
  connection?: string;
  key: (...args: Args) => Key;
  /** Default: the module's. A function gets the loaded value and the arguments. */
  ttl?: Duration | Date | ((value: T, ...args: Args) => Duration | Date);
  /** Tags that the arguments tell. */
  tags?: (...args: Args) => readonly string[];
  /** Tags that only the loaded value tells. */
  tagsOf?: (value: T, ...args: Args) => readonly string[];
  /** Names of context values that become segments of every key; one without a value is an error, never a shared entry. */
  context?: readonly string[];
}

declare const VALUE: unique symbol;

/** A checked definition; it remembers the type of its values. */
export type TypedCacheDefinition<Args extends readonly unknown[] = readonly never[], T = unknown> = Readonly<
  CacheDefinition<Args, T>
> & { readonly [VALUE]?: T };

/** Any definition, whatever its arguments and values. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyCacheDefinition = TypedCacheDefinition<any, any>;

/** The cache a definition describes. */
export type CacheOf<Definition> =
  Definition extends TypedCacheDefinition<infer Args, infer T> ? DefinedCache<Args, T> : never;

const OWN_NAMES = ['name', 'version', 'connection', 'key', 'tagsOf', 'context'];

/**
 * Defines a named cache, to be used by readers and evictors alike.
 *
 *     export const users = defineCache({
 *       name: 'users',
 *       ttl: '1h',
 *       key: (id: number) => ['user', id],
 *       tags: (id) => [`user:${id}`],
 *     });
 *
 * @throws InvalidOptionsError at once, naming every option that is wrong or unknown.
 */
export function defineCache<Args extends readonly unknown[], T = unknown>(
  definition: CacheDefinition<Args, T>,
): TypedCacheDefinition<Args, T> {
  if (!isOptions(definition)) {
    throw new InvalidOptionsError('defineCache', [`it is ${shown(definition)}; it must be an object { name, key }`]);
  }
  const problems: string[] = [];
  const { name, version, connection } = definition;
  if (!isName(name)) problems.push(`name is ${quoted(name)}; allowed are 1 to 64 of A-Z a-z 0-9 _ -`);
  if (version !== undefined && (!Number.isInteger(version) || version < 0)) {
    problems.push(`version is ${shown(version)}; it must be a whole number`);
  }
  if (connection !== undefined && !isName(connection)) {
    problems.push(`connection is ${quoted(connection)}; it must be the name of a connection of the module`);
  }
  if (typeof definition.key !== 'function') problems.push('key must be a function that makes a key of the arguments');
  if (definition.context !== undefined && !isListOfNames(definition.context)) {
    problems.push("context must be a list of names of context values, such as ['tenant']");
  }
  for (const name of ['tags', 'tagsOf'] as const) {
    if (definition[name] !== undefined && typeof definition[name] !== 'function') {
      problems.push(`${name} must be a function of the ${name === 'tags' ? 'arguments' : 'value and the arguments'}`);
    }
  }
  const allowed = [...OWN_NAMES, ...ENTRY_OPTION_NAMES];
  for (const name of Object.keys(definition)) if (!allowed.includes(name)) problems.push(unknownName(name, allowed));
  try {
    resolvePolicy(DEFAULT_POLICY, entryOptionsOf(definition), DEFAULT_MAX_TTL_MS);
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    problems.push(...error.problems);
  }
  if (problems.length > 0)
    throw new InvalidOptionsError(isName(name) ? `defineCache "${name}"` : 'defineCache', problems);
  return Object.freeze({ ...definition });
}

/** Whether a value is what `defineCache` returns. */
export function isDefinition(value: unknown): value is AnyCacheDefinition {
  return isOptions(value) && 'name' in value && isName(value.name) && 'key' in value && typeof value.key === 'function';
}

function isListOfNames(names: unknown): boolean {
  return Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === 'string' && name !== '');
}

/** What of a definition is the same for all its entries. */
export function entryOptionsOf(definition: AnyCacheDefinition): EntryOptions {
  const options = Object.entries(definition).filter(
    ([name, value]) =>
      ENTRY_OPTION_NAMES.includes(name) && name !== 'tags' && !(name === 'ttl' && typeof value === 'function'),
  );
  return Object.fromEntries(options);
}

/** A cache with a definition: `for(...args)` is the entry of these arguments, with its key, its tags and its ttl. */
export class DefinedCache<Args extends readonly unknown[], T> extends CacheService {
  constructor(
    core: CacheCore,
    policy: Policy,
    isEnabled: boolean,
    readonly definition: TypedCacheDefinition<Args, T>,
    private readonly context: ContextProvider | undefined,
  ) {
    super(core, policy, isEnabled);
  }

  for(...args: Args): CacheHandle<T> {
    return new CacheHandle<T>(this, this.definition.key(...args), () => this.optionsFor(args));
  }

  /** Entry options that depend on the arguments. */
  optionsFor(args: Args): CallOptions<T> | undefined {
    const { tags, tagsOf, ttl } = this.definition;
    if (tags === undefined && tagsOf === undefined && typeof ttl !== 'function') return undefined;
    const options: CallOptions<T> = {};
    if (typeof ttl === 'function') options.ttl = (value) => ttl(value, ...args);
    const named = tags === undefined ? [] : checkList(tags(...args), 'tags', 'strings');
    if (tagsOf !== undefined) {
      options.tags = (value) => [
        ...new Set([...named, ...checkList(tagsOf(value, ...args), 'what tagsOf returns', 'strings')]),
      ];
    } else if (tags !== undefined) options.tags = named;
    return options;
  }

  protected override storedKey(key: Key): string {
    const segments = this.#segments();
    return segments === undefined ? encodeKey(key) : encodeContext(segments, encodeKey(key));
  }

  protected override storedPattern(pattern: string): StoredPattern {
    const segments = this.#segments();
    const inContext = super.storedPattern(pattern);
    if (segments === undefined) return inContext;
    const prefix = encodeContext(segments, '');
    return {
      glob: prefix + inContext.glob,
      matches: (storedKey) => storedKey.startsWith(prefix) && inContext.matches(storedKey.slice(prefix.length)),
    };
  }

  #segments(): string[] | undefined {
    const names = this.definition.context;
    if (names === undefined) return undefined;
    const values = this.context?.() ?? {};
    return names.map((name) => {
      const value = values[name] as string | null | undefined;
      if (value !== undefined && value !== null && value !== '') return value;
      throw new MissingContextError(
        `The cache "${this.name}" needs the context value "${name}", which has no value here. ` +
          `Let the module's context provider give it, or do not use this cache outside of that context.`,
      );
    });
  }
}

/** One entry of a defined cache. Its methods are those of `CacheService` without the key. */
export class CacheHandle<T> {
  constructor(
    private readonly cache: CacheService,
    readonly key: Key,
    private readonly options: () => CallOptions<T> | undefined,
  ) {}

  get(options?: CallOptions<T>): Promise<T | undefined> {
    return this.cache.get<T>(this.key, options);
  }

  lookup(options?: CallOptions<T>): Promise<Lookup<T>> {
    return this.cache.lookup<T>(this.key, options);
  }

  getOrSet(loader: Loader<T>, options?: CallOptions<T>): Promise<T> {
    return this.cache.getOrSet<T>(this.key, loader, this.#with(options));
  }

  resolve(loader: Loader<T>, options?: CallOptions<T>): Promise<Resolved<T>> {
    return this.cache.resolve<T>(this.key, loader, this.#with(options));
  }

  set(value: T, options?: EntryOptions<T>): Promise<WriteStatus> {
    return this.cache.set<T>(this.key, value, this.#with(options));
  }

  delete(options?: InvalidateOptions): Promise<WriteStatus> {
    return this.cache.delete(this.key, options);
  }

  expire(options?: InvalidateOptions): Promise<WriteStatus> {
    return this.cache.expire(this.key, options);
  }

  has(): Promise<boolean> {
    return this.cache.has(this.key);
  }

  ttl(): Promise<number | undefined> {
    return this.cache.ttl(this.key);
  }

  #with(options: CallOptions<T> | undefined): CallOptions<T> | undefined {
    const own = this.options();
    if (options === undefined) return own;
    // What is not an object is refused where it is used.
    return own !== undefined && isOptions(options) ? { ...own, ...options } : options;
  }
}
