import { checkList, shown } from '../arguments.js';
import type { CacheService } from '../cache/cache.service.js';
import type { AnyCacheDefinition } from '../cache/definition.js';
import { encodeKey, encodeTag, type Key } from '../cache/key.js';
import { encodeGlob } from '../cache/pattern.js';
import { RedisCacheError } from '../errors.js';
import { classDefaults } from './cache-defaults.decorator.js';
import { cacheProblems, checkIsOptions, checkOptions, intercept, notFunctions, optionsOf } from './decorated-method.js';
import { invalidateEach } from './invalidate-each.js';
import { cacheNamed } from './method-entry.js';
import type { FittingDecorator, Known } from './method-fit.js';

interface EvictOptions {
  /** The entry with this key. */
  key?: (...args: never[]) => Key;
  /** The entries with these keys. */
  keys?: (...args: never[]) => readonly Key[];
  /** The entries with these keys, where the result is needed for them. */
  keysOf?: (result: never, ...args: never[]) => readonly Key[];
  /** Every entry of the namespace with one of these tags. */
  tags?: readonly string[] | ((...args: never[]) => readonly string[]);
  /** Like `tags`, where the result is needed for them. */
  tagsOf?: (result: never, ...args: never[]) => readonly string[];
  /** Every entry of the cache whose text key matches, at the cost of a scan. */
  pattern?: string | ((...args: never[]) => string);
  /** Every entry of the cache. */
  all?: boolean;
  /** `after` (default): when the method has succeeded, and not when it fails. `before`: whether it succeeds or not. */
  when?: 'after' | 'before';
  /** `false`: nothing is evicted. */
  condition?: (...args: never[]) => boolean;
  /** Reject with `NotInvalidatedError` when Redis could not do it now; the method has then run all the same. */
  strict?: boolean;
}

/** `@CacheEvict` in the cache of a definition; without anything else that entry goes whose arguments the method's are. */
export interface EvictInDefinition extends EvictOptions {
  cache: AnyCacheDefinition;
  /** The arguments of the definition whose entry goes, made of those of the method. */
  args?: (...args: never[]) => readonly unknown[] | [];
}

export interface EvictByKey extends EvictOptions {
  /** The name of a cache. Default: that of the class, else the default cache. */
  cache?: string;
}

export type CacheEvictOptions = EvictInDefinition | EvictByKey;

type Selector = 'key' | 'keys' | 'keysOf' | 'tags' | 'tagsOf' | 'pattern' | 'all';
type Call<R> = (...args: unknown[]) => R;

interface Erased {
  cache?: string | AnyCacheDefinition;
  args?: Call<readonly unknown[]>;
  key?: Call<Key>;
  keys?: Call<readonly Key[]>;
  keysOf?: Call<readonly Key[]>;
  tags?: readonly string[] | Call<readonly string[]>;
  tagsOf?: Call<readonly string[]>;
  pattern?: string | Call<string>;
  all?: boolean;
  when?: 'after' | 'before';
  condition?: Call<boolean>;
  strict?: boolean;
}

const SELECTORS: readonly string[] = ['args', 'key', 'keys', 'keysOf', 'tags', 'tagsOf', 'pattern', 'all'];
const NAMES = ['cache', ...SELECTORS, 'when', 'condition', 'strict'];

/**
 * Evicts entries when the method has succeeded, before its result is answered: whoever reads after that gets a new
 * value, in every process. Several ways of naming entries add up.
 *
 *     @CacheEvict({ cache: users, tagsOf: (user: User) => [`group:${user.groupId}`], args: (dto: UpdateDto) => [dto.id] })
 *     async update(dto: UpdateDto): Promise<User> {
 *
 * @throws InvalidOptionsError at start for anything but an asynchronous method, for wrong, unknown or contradictory
 * options, and when nothing says what to evict
 */
export function CacheEvict<Definition extends AnyCacheDefinition>(
  definition: Definition,
): FittingDecorator<{ cache: Definition }, Selector>;
export function CacheEvict<Options extends CacheEvictOptions>(
  options: Known<Options, EvictInDefinition, EvictByKey>,
): FittingDecorator<Options, Selector>;
export function CacheEvict(given: AnyCacheDefinition | CacheEvictOptions): FittingDecorator<object> {
  const options = optionsOf<Erased>(given as Erased);
  return (target, name, descriptor) => {
    intercept('@CacheEvict', target, name, descriptor, (method) => {
      checkIsOptions(method.subject, options);
      checkOptions(method.subject, options, NAMES, problemsOf(options));
      return {
        usesClassName: false,
        bind: (engine, host) => {
          const cache =
            typeof options.cache === 'object'
              ? engine.cache(options.cache)
              : cacheNamed(engine, options.cache ?? classDefaults(host).cache);
          return async (run, args) => {
            if (options.condition?.(...args) === false) return run();
            // Made of the arguments as they came, before the method can fail because of them or change them.
            const selected = checkSelection(selectByArgs(options, args));
            if (options.when === 'before') {
              await evict(cache, selected, options);
              return run();
            }
            const result = await run();
            let all = selected;
            try {
              all = addByResult(selected, options, result, args);
            } finally {
              // The method has succeeded: what is known to have changed goes, even if the rest cannot be told.
              await evict(cache, all, options);
            }
            return result;
          };
        },
      };
    });
  };
}

interface Selection {
  readonly keys: readonly Key[];
  readonly tags: readonly string[];
  readonly pattern: string | undefined;
}

function selectByArgs(options: Erased, args: unknown[]): Selection {
  const { cache, args: map, key, keys, tags, pattern } = options;
  const own = typeof cache === 'object' && (map !== undefined || !hasSelector(options)) ? [cache] : [];
  return {
    keys: [
      ...own.map((definition) =>
        definition.key(...(map === undefined ? args : checkList(map(...args), 'what args returns', 'arguments'))),
      ),
      ...(key === undefined ? [] : [key(...args)]),
      ...(keys === undefined ? [] : checkList(keys(...args), 'what keys returns', 'keys')),
    ],
    tags: typeof tags === 'function' ? checkList(tags(...args), 'what tags returns', 'strings') : (tags ?? []),
    pattern: typeof pattern === 'function' ? pattern(...args) : pattern,
  };
}

/** @throws InvalidArgumentError while nothing has happened yet. */
function checkSelection(selection: Selection): Selection {
  for (const key of selection.keys) encodeKey(key);
  for (const tag of selection.tags) encodeTag(tag);
  if (selection.pattern !== undefined) encodeGlob(selection.pattern);
  return selection;
}

function hasSelector(options: Erased): boolean {
  return SELECTORS.some((name) => (options as Record<string, unknown>)[name] !== undefined);
}

function addByResult(selected: Selection, { keysOf, tagsOf }: Erased, result: unknown, args: unknown[]): Selection {
  return {
    ...selected,
    keys: [
      ...selected.keys,
      ...(keysOf === undefined ? [] : checkList(keysOf(result, ...args), 'what keysOf returns', 'keys')),
    ],
    tags: [
      ...selected.tags,
      ...(tagsOf === undefined ? [] : checkList(tagsOf(result, ...args), 'what tagsOf returns', 'strings')),
    ],
  };
}

async function evict(cache: CacheService, { keys, tags, pattern }: Selection, options: Erased): Promise<void> {
  const invalidate = { strict: options.strict === true };
  await Promise.all([
    options.all === true ? cache.clear(invalidate) : undefined,
    // One by one: a bad key must not keep the others.
    ...keys.map((key) => cache.delete(key, invalidate)),
    invalidateEach(cache, tags, invalidate),
    pattern === undefined ? undefined : cache.invalidatePattern(pattern, invalidate),
  ]);
}

function problemsOf(options: Erased): string[] {
  const problems = [
    ...notFunctions(options, ['args', 'key', 'keys', 'keysOf', 'tagsOf', 'condition']),
    ...cacheProblems(options.cache),
    ...notFlags(options, ['all', 'strict']),
    ...literalProblems(options.tags, (tags) => checkList(tags, 'tags', 'strings').map((tag) => encodeTag(tag))),
    ...literalProblems(options.pattern, encodeGlob),
  ];
  const isDefined = typeof options.cache === 'object';
  if (!isDefined && options.args !== undefined) {
    problems.push('args are those of a definition; give one as cache, or name the key with `key`');
  }
  if (!isDefined && !hasSelector(options)) {
    problems.push(
      'nothing says what to evict; give key, keys, keysOf, tags, tagsOf, pattern, all or a definition as cache',
    );
  }
  if (options.when !== undefined && !['after', 'before'].includes(options.when)) {
    problems.push(`when is ${shown(options.when)}; allowed are after, before`);
  }
  if (options.when === 'before' && (options.keysOf ?? options.tagsOf) !== undefined) {
    problems.push('keysOf and tagsOf need the result, which there is not when `before`; use keys and tags, or `after`');
  }
  return problems;
}

function notFlags(options: Erased, names: readonly ('all' | 'strict')[]): string[] {
  return names.flatMap((name) => {
    const given: unknown = options[name];
    return given === undefined || typeof given === 'boolean'
      ? []
      : [`${name} is ${shown(given)}; it must be true or false`];
  });
}

/** What is wrong with an option that is no function. */
function literalProblems<T>(given: T, check: (literal: Exclude<T, undefined | Call<unknown>>) => unknown): string[] {
  if (given === undefined || typeof given === 'function') return [];
  try {
    check(given as Exclude<T, undefined | Call<unknown>>);
    return [];
  } catch (error) {
    if (error instanceof RedisCacheError) return [error.message];
    throw error;
  }
}
