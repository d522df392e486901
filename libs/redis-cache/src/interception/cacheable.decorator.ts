import type { AnyCacheDefinition } from '../cache/definition.js';
import type { LoadContext } from '../cache/entry-options.js';
import { encodeKey, type Key, type KeyPart } from '../cache/key.js';
import { InvalidArgumentError } from '../errors.js';
import { type Bind, intercept, optionsOf } from './decorated-method.js';
import { checkEntryOptions, type EntryOfMethodOptions, MethodEntry } from './method-entry.js';
import type { FittingDecorator, InDefinition, Known, MethodTtl, StaticEntryOptions } from './method-fit.js';
import { isWithoutCache } from './without-cache.js';

interface CacheableConditions extends StaticEntryOptions {
  /** `false`: the method runs as if it were not decorated. */
  condition?: (...args: never[]) => boolean;
  /** `true`: the result is answered and not stored. */
  unless?: (value: never, ...args: never[]) => boolean;
  /** `true`: like `condition` false, and counted as `bypassed`. */
  bypass?: (...args: never[]) => boolean;
  /** Default: that of the definition, of the class, of the cache. */
  ttl?: MethodTtl;
}

/** `@Cacheable` with a definition. */
export interface CacheableInDefinition extends CacheableConditions, InDefinition {}

/** `@Cacheable` with a key of its own. */
export interface CacheableByKey extends CacheableConditions {
  /** The name of a cache. Default: that of the class, else the default cache. */
  cache?: string;
  /** Default: class, method and arguments, which must then be plain data. */
  key?: (...args: never[]) => Key;
  tags?: readonly string[] | ((...args: never[]) => readonly string[]);
  /** Tags that only the result tells, besides `tags`. */
  tagsOf?: (value: never, ...args: never[]) => readonly string[];
}

export type CacheableOptions = CacheableInDefinition | CacheableByKey;

type Erased = EntryOfMethodOptions & {
  condition?: (...args: unknown[]) => boolean;
  unless?: (value: unknown, ...args: unknown[]) => boolean;
  bypass?: (...args: unknown[]) => boolean;
};

/**
 * Answers calls of an asynchronous method from the cache, on any provider or controller; on a miss the method is the
 * loader, with every guarantee of `getOrSet`. Functions among the options get the arguments of the method, and the
 * compiler checks that they accept them.
 *
 *     @Cacheable({ key: (id: number) => ['user', id], tags: (id: number) => [`user:${id}`], ttl: '1h' })
 *     async find(id: number): Promise<User> {
 *
 * @param options a definition whose arguments are those of the method, or options; default: the key is made of class,
 * method and arguments
 * @throws InvalidOptionsError at start for anything but an asynchronous method, and for wrong or unknown options
 */
export function Cacheable<Definition extends AnyCacheDefinition>(
  definition: Definition,
): FittingDecorator<{ cache: Definition }>;
export function Cacheable<Options extends CacheableOptions = object>(
  options?: Known<Options, CacheableInDefinition, CacheableByKey>,
): FittingDecorator<Options>;
export function Cacheable(given: AnyCacheDefinition | CacheableOptions = {}): FittingDecorator<object> {
  const options = optionsOf<Erased>(given as Erased);
  return (target, name, descriptor) => {
    intercept('@Cacheable', target, name, descriptor, (method) => {
      checkEntryOptions(method.subject, options, ['condition', 'unless', 'bypass', 'consistency']);
      const hasDefaultKey = options.key === undefined && typeof options.cache !== 'object';
      const bind: Bind = (engine, host) => {
        const entry = new MethodEntry(engine, host, method, options);
        return (run, args) => {
          if (isWithoutCache() || options.condition?.(...args) === false) return run();
          const answer = read(entry, options, run, args);
          return hasDefaultKey ? answer.catch((error: unknown) => explain(method.subject, args, error)) : answer;
        };
      };
      return { bind, usesClassName: hasDefaultKey };
    });
  };
}

function read(entry: MethodEntry, options: Erased, run: () => Promise<unknown>, args: unknown[]): Promise<unknown> {
  const load = async (context: LoadContext): Promise<unknown> => {
    const value = await run();
    context.setTags(entry.tagsOf(args, value));
    if (options.unless?.(value, ...args) === true) context.skip();
    return value;
  };
  const callOptions = entry.optionsOf(args);
  const isBypassed = options.bypass?.(...args) === true;
  return entry.cache.getOrSet(entry.keyOf(args), load, isBypassed ? { ...callOptions, bypass: true } : callOptions);
}

/** Says what to do when it was the arguments that no key can be made of. */
function explain(subject: string, args: unknown[], error: unknown): never {
  if (error instanceof InvalidArgumentError) {
    try {
      encodeKey(['', ...(args as KeyPart[])]);
    } catch (cause) {
      throw new InvalidArgumentError(
        `${subject}: its arguments make no key. ${(cause as Error).message} Or say what the key is: @Cacheable({ key: (…) => … }).`,
        { cause },
      );
    }
  }
  throw error;
}
