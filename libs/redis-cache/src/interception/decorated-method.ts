import 'reflect-metadata';
import { Inject } from '@nestjs/common';
import { isOptions, kindOf, shown } from '../arguments.js';
import { type AnyCacheDefinition, isDefinition } from '../cache/definition.js';
import type { CacheEngine } from '../cache/engine.js';
import { InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { isName } from '../redis/name.js';
import { CACHE_ENGINE } from '../tokens.js';

export type Method = (this: unknown, ...args: unknown[]) => unknown;
export type Class = abstract new (...args: never[]) => unknown;

/** What a decorator does with a call: `run` is the method itself. */
export type Interception = (run: () => Promise<unknown>, args: unknown[]) => Promise<unknown>;

/** A decorated method, before it is known in which application and on which class it will run. */
export interface DecoratedMethod {
  /** `@Cacheable on UserService.find`, for messages. */
  readonly subject: string;
  readonly name: string;
  /** The class the method is written in; instances may be of a subclass. */
  readonly declaringClass: Class;
}

/** How a method is intercepted in one engine, on instances of one class; throws where that cannot work. */
export type Bind = (engine: CacheEngine, host: Class) => Interception;

export interface Decoration {
  readonly method: DecoratedMethod;
  readonly bind: Bind;
  /** Whether keys are made of the name of the class. */
  readonly usesClassName: boolean;
}

/** The property under which Nest puts the engine. Its description is what Nest prints when there is none to put there. */
export const ENGINE_PROPERTY = Symbol(
  'the cache of @Cacheable, @CachePut and @CacheEvict; import RedisCacheModule.forRoot() in the root module',
);

const DECORATIONS = Symbol.for('nestjs-rcache:decorations');
const GENERATORS = ['GeneratorFunction', 'AsyncGeneratorFunction'];

/** The decorations of a class and of the classes it extends, given its prototype or an instance. */
export function decorationsOf(target: object): readonly Decoration[] {
  return (Reflect.getMetadata(DECORATIONS, target) as readonly Decoration[] | undefined) ?? [];
}

/**
 * Puts an interception around a method, and has Nest inject the engine into every instance of its class.
 *
 * @throws InvalidOptionsError when a decorator stands on anything but an asynchronous method of instances
 */
export function intercept(
  decorator: string,
  target: object,
  name: string | symbol,
  descriptor: PropertyDescriptor | undefined,
  decoration: (method: DecoratedMethod) => Omit<Decoration, 'method'>,
): void {
  const method = describeMethod(decorator, target, name);
  const original = checkMethod(method.subject, target, name, descriptor);
  const { bind, usesClassName } = decoration(method);
  const memoized = memoize(bind);

  Inject(CACHE_ENGINE)(target, ENGINE_PROPERTY);
  const decorations: Decoration[] = [...decorationsOf(target), { method, bind: memoized, usesClassName }];
  Reflect.defineMetadata(DECORATIONS, decorations, target);

  // Not async functions: with the cache disabled a call costs a function call.
  const enter = (instance: unknown, args: unknown[]): Promise<unknown> => {
    const run = (): Promise<unknown> => promised(method.subject, original.apply(instance, args));
    const engine = engineOf(instance, method.subject);
    return engine.isEnabled ? memoized(engine, (instance as object).constructor as Class)(run, args) : run();
  };
  (descriptor as PropertyDescriptor).value = dressed(original, function (this: unknown, ...args) {
    try {
      return enter(this, args);
    } catch (error) {
      return Promise.reject(error);
    }
  });
}

/**
 * Gives the engine to an instance that Nest did not make, such as that of a request-scoped factory or of a unit test,
 * so that its decorated methods work. Singletons of factories get it by themselves when the application starts.
 */
export function attachCache<T extends object>(instance: T, engine: CacheEngine): T {
  return Object.assign(instance, { [ENGINE_PROPERTY]: engine });
}

/** What a decorator was given, which may be a definition, as options. */
export function optionsOf<Options extends object>(given: AnyCacheDefinition | Options): Options {
  return (isDefinition(given) ? { cache: given } : given) as Options;
}

/** @throws InvalidOptionsError for anything that has no fields of options */
export function checkIsOptions(subject: string, options: object): void {
  if (isOptions(options)) return;
  throw new InvalidOptionsError(subject, [
    `it was given ${shown(options)}; it must be an object of options, or a definition`,
  ]);
}

/** What is wrong with the option `cache`. */
export function cacheProblems(cache: unknown): string[] {
  if (cache === undefined || isName(cache) || isDefinition(cache)) return [];
  return [`cache is ${shown(cache)}; it must be a definition, or the name of a cache: 1 to 64 of A-Z a-z 0-9 _ -`];
}

/** @throws InvalidOptionsError naming the unknown options, and whatever else was found */
export function checkOptions(subject: string, options: object, allowed: readonly string[], more: string[] = []): void {
  const problems = Object.keys(options)
    .filter((name) => !allowed.includes(name))
    .map((name) => unknownName(name, allowed));
  problems.push(...more);
  if (problems.length > 0) throw new InvalidOptionsError(subject, problems);
}

/** One sentence per option of `names` that is given and not a function. */
export function notFunctions(options: object, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const given = (options as Record<string, unknown>)[name];
    return given === undefined || typeof given === 'function'
      ? []
      : [`${name} is ${shown(given)}; it must be a function`];
  });
}

function describeMethod(decorator: string, target: object, name: string | symbol): DecoratedMethod {
  const declaringClass = (typeof target === 'function' ? target : target.constructor) as Class;
  return { subject: `${decorator} on ${declaringClass.name}.${String(name)}`, name: String(name), declaringClass };
}

function checkMethod(
  subject: string,
  target: object,
  name: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): Method {
  const refused = (problem: string): InvalidOptionsError => new InvalidOptionsError(subject, [problem]);
  if (typeof target === 'function') {
    throw refused('it must stand on a method of instances, not on a static one, and with experimentalDecorators');
  }
  if (typeof descriptor?.value !== 'function') {
    throw refused('it must stand on a method, not on a property or an accessor');
  }
  const original = descriptor.value as Method;
  if (GENERATORS.includes(original.constructor.name)) {
    throw refused('a generator can be read only once; return a promise of all its values');
  }
  // Compilers that emit decorator metadata name the declared result: what has no `then` will never be a promise.
  const returnType: unknown = Reflect.getMetadata('design:returntype', target, name);
  if (typeof returnType === 'function' && returnType !== Object && !('then' in (returnType.prototype as object))) {
    throw refused(`the method returns ${returnType.name}; make it async, because a cache cannot answer at once`);
  }
  return original;
}

function memoize(bind: Bind): Bind {
  const engines = new WeakMap<CacheEngine, WeakMap<Class, Interception>>();
  return (engine, host) => {
    let hosts = engines.get(engine);
    if (hosts === undefined) engines.set(engine, (hosts = new WeakMap()));
    let interception = hosts.get(host);
    if (interception === undefined) hosts.set(host, (interception = bind(engine, host)));
    return interception;
  };
}

function engineOf(instance: unknown, subject: string): CacheEngine {
  const engine = (instance as { [ENGINE_PROPERTY]?: CacheEngine } | undefined)?.[ENGINE_PROPERTY];
  if (engine !== undefined) return engine;
  throw new InvalidOptionsError(subject, [
    'this instance has no cache, because Nest did not make it; let Nest make it, or give it one: attachCache(instance, engine)',
  ]);
}

function promised(subject: string, result: unknown): Promise<unknown> {
  if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') return result as Promise<unknown>;
  throw new InvalidOptionsError(subject, [`the method returned ${kindOf(result)}, not a promise; make it async`]);
}

/** The wrapper in the clothes of the original, for routers, guards, documentation and stack traces. */
function dressed(original: Method, wrapper: Method): Method {
  Object.defineProperties(wrapper, {
    name: { value: original.name, configurable: true },
    length: { value: original.length, configurable: true },
  });
  for (const key of Reflect.getOwnMetadataKeys(original) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper);
  }
  return wrapper;
}
