import type { AnyCacheDefinition, TypedCacheDefinition } from '../cache/definition.js';
import type { CallOptions } from '../cache/entry-options.js';
import type { Duration } from '../time.js';

/** A method that a cache decorator can stand on. */
export type AsyncMethod = (...args: never[]) => Promise<unknown>;

type Value<Method extends AsyncMethod> = Awaited<ReturnType<Method>>;

/** Entry options a decorator can hold: those whose functions would see the arguments are spelled by each decorator. */
export type StaticEntryOptions = Omit<CallOptions<never>, 'ttl' | 'tags' | 'bypass'>;

/** How long a value stays fresh; a function gets the value and the arguments. */
export type MethodTtl = Duration | Date | ((value: never, ...args: never[]) => Duration | Date);

/** What the function options are called with, by the name of the option. */
interface Calls<Method extends AsyncMethod> {
  args: Parameters<Method>;
  key: Parameters<Method>;
  keys: Parameters<Method>;
  tags: Parameters<Method>;
  pattern: Parameters<Method>;
  condition: Parameters<Method>;
  bypass: Parameters<Method>;
  ttl: [value: Value<Method>, ...args: Parameters<Method>];
  unless: [value: Value<Method>, ...args: Parameters<Method>];
  argsOf: [value: Value<Method>, ...args: Parameters<Method>];
  keyOf: [value: Value<Method>, ...args: Parameters<Method>];
  keysOf: [value: Value<Method>, ...args: Parameters<Method>];
  tagsOf: [value: Value<Method>, ...args: Parameters<Method>];
}

// Parameters are compared through arrow types: shorthand methods would be compared bivariantly.
type Accepts<Given, Args extends readonly unknown[]> = Given extends (...args: infer Accepted) => unknown
  ? ((...args: Accepted) => void) extends (...args: Args) => void
    ? true
    : false
  : true;

type FunctionMisfits<Method extends AsyncMethod, Options> = {
  [Name in keyof Options & keyof Calls<Method>]: Accepts<Options[Name], Calls<Method>[Name]> extends true
    ? never
    : Name;
}[keyof Options & keyof Calls<Method>];

/** The arguments that reach the key of the definition. */
type DefinitionArgs<Method extends AsyncMethod, Options> = Options extends {
  args: (...args: never[]) => infer Mapped extends readonly unknown[];
}
  ? Mapped
  : Options extends { argsOf: (...args: never[]) => infer Mapped extends readonly unknown[] }
    ? Mapped
    : Parameters<Method>;

type DefinitionMisfits<Method extends AsyncMethod, Options, Selectors> = Options extends {
  cache: TypedCacheDefinition<infer Args, infer T>;
}
  ? UsesDefinitionKey<Options, Selectors> extends true
    ? Accepts<(...args: Args) => void, DefinitionArgs<Method, Options>> extends true
      ? [Value<Method>] extends [[Selectors] extends [never] ? T : unknown]
        ? never
        : 'cache (values of another type)'
      : 'cache (key of other arguments)'
    : never
  : never;

type UsesDefinitionKey<Options, Selectors> = Options extends { args: unknown }
  ? true
  : keyof Options & Selectors extends never
    ? true
    : false;

type Misfits<Method extends AsyncMethod, Options, Selectors> =
  FunctionMisfits<Method, Options> | DefinitionMisfits<Method, Options, Selectors>;

/**
 * A decorator that compiles only on an asynchronous method whose parameters and result its options accept. `Selectors`
 * are options that name entries without the key of the definition.
 */
export type FittingDecorator<Options, Selectors = never> = <Method extends AsyncMethod>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Method> &
    ([Misfits<Method, Options, Selectors>] extends [never]
      ? unknown
      : { 'These options do not fit the parameters or the result of the method': Misfits<Method, Options, Selectors> }),
) => void;

/**
 * Refuses names that are not known, which a generic parameter would accept, and in the cache of a definition those that
 * would compete with it.
 */
export type Known<Options, InDefinition, ByKey> = Options & {
  [Name in Exclude<keyof Options, Options extends { cache: object } ? keyof InDefinition : keyof ByKey>]: never;
};

/** Where the entries of a method are: in the cache of a definition, with the definition's key and tags. */
export interface InDefinition {
  cache: AnyCacheDefinition;
  /** The arguments of the definition, made of those of the method. Default: the method's own. */
  args?: (...args: never[]) => readonly unknown[] | [];
}
