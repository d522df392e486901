import type { LoadContext } from '../cache/entry-options.js';
import type { Key } from '../cache/key.js';
import { InvalidOptionsError } from '../errors.js';
import { intercept } from './decorated-method.js';
import { checkEntryOptions, type EntryOfMethodOptions, MethodEntry } from './method-entry.js';
import type { FittingDecorator, InDefinition, Known, MethodTtl, StaticEntryOptions } from './method-fit.js';

interface CachePutConditions extends Omit<StaticEntryOptions, 'consistency'> {
  /** `false`: the method runs as if it were not decorated. */
  condition?: (...args: never[]) => boolean;
  /** `true`: the result is not stored, and what is stored is removed. */
  unless?: (value: never, ...args: never[]) => boolean;
  ttl?: MethodTtl;
}

/** `@CachePut` with a definition. */
export interface CachePutInDefinition extends CachePutConditions, InDefinition {
  /** Like `args`, where the result is needed for them, such as the id of what was created. */
  argsOf?: (value: never, ...args: never[]) => readonly unknown[] | [];
}

/** `@CachePut` with a key of its own: `key`, or `keyOf` where the result is needed for it. */
export interface CachePutByKey extends CachePutConditions {
  /** The name of a cache. Default: that of the class, else the default cache. */
  cache?: string;
  key?: (...args: never[]) => Key;
  keyOf?: (value: never, ...args: never[]) => Key;
  tags?: readonly string[] | ((...args: never[]) => readonly string[]);
  tagsOf?: (value: never, ...args: never[]) => readonly string[];
}

export type CachePutOptions = CachePutInDefinition | CachePutByKey;

type Erased = EntryOfMethodOptions & {
  condition?: (...args: unknown[]) => boolean;
  unless?: (value: unknown, ...args: unknown[]) => boolean;
};

/**
 * Runs the method, always, and stores its result before answering it. With `key` or `args` the entry is taken before the
 * method runs, and removed instead of stored when anybody else wrote or invalidated it meanwhile. With `keyOf` or
 * `argsOf` that cannot be: when two writers overlap, the one that stores last wins, whichever wrote to the source last.
 *
 *     @CachePut({ cache: users, argsOf: (user: User) => [user.id] })
 *     async rename(dto: RenameUserDto): Promise<User> {
 *
 * @throws InvalidOptionsError at start for anything but an asynchronous method, and for wrong or unknown options
 */
export function CachePut<Options extends CachePutOptions>(
  options: Known<Options, CachePutInDefinition, CachePutByKey>,
): FittingDecorator<Options> {
  const erased = options as Erased;
  return (target, name, descriptor) => {
    intercept('@CachePut', target, name, descriptor, (method) => {
      checkEntryOptions(method.subject, erased, ['condition', 'unless', 'keyOf', 'argsOf']);
      if (typeof erased.cache !== 'object' && erased.key === undefined && erased.keyOf === undefined) {
        throw new InvalidOptionsError(method.subject, [
          'it needs the key its reader uses; give key, keyOf or a definition as cache',
        ]);
      }
      return {
        usesClassName: false,
        bind: (engine, host) => {
          const entry = new MethodEntry(engine, host, method, erased);
          return async (run, args) => {
            if (erased.condition?.(...args) === false) return run();
            const isRefused = (value: unknown) => erased.unless?.(value, ...args) === true;
            if (erased.keyOf === undefined && erased.argsOf === undefined) {
              // The key is known before the result: nobody's older value can come in between.
              const write = async (context: LoadContext): Promise<unknown> => {
                const value = await run();
                if (isRefused(value)) context.skip();
                context.setTags(entry.tagsOf(args, value));
                return value;
              };
              return entry.cache.put(entry.keyOf(args), write, entry.optionsOf(args));
            }
            const value = await run();
            const key = entry.keyOf(args, value);
            if (isRefused(value)) {
              await entry.cache.delete(key);
              return value;
            }
            const options = entry.optionsOf(args, value);
            const tags = [...((options.tags ?? []) as readonly string[]), ...entry.tagsOf(args, value)];
            await entry.cache.set(key, value, { ...options, tags: [...new Set(tags)] });
            return value;
          };
        },
      };
    });
  };
}
