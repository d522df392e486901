import type { ExecutionContext, NestInterceptor, Type } from '@nestjs/common';
import type { ApplicationConfig, ExternalContextCreator } from '@nestjs/core';
import { toMs, toMsOrZero } from '../time.js';
import { HTTP_CACHE_METADATA, type HttpCacheMetadata, type HttpCacheOptions } from './http-cache.decorator.js';
import { STORED_HEADERS, type StoragePolicy } from './stored-response.js';

/** A route to be cached, as the interceptor works with it. */
export interface CachedRoute extends StoragePolicy {
  /** `ProductsController.list` */
  readonly name: string;
  /** Tells handlers apart that one path leads to. */
  readonly version: string;
  readonly options: HttpCacheOptions<unknown>;
  /** Whether no interceptor works on the answer after the cache. */
  readonly isOutermost: boolean;
  readonly cacheControl: string;
  readonly maxBodyBytes: number;
  /** Whether this cache is bound to it more than once, or that cannot be known. */
  readonly mayMeetTwice: boolean;
  /** Whether unsafe requests to its paths are answered here, too, and drop what is stored. */
  readonly hasUnsafe: boolean;
}

type Interceptor = NestInterceptor | Type<NestInterceptor>;

interface GlobalInterceptors {
  readonly interceptorsContextCreator?: { readonly config?: ApplicationConfig };
}

// Names of Nest's own metadata (@nestjs/common/constants), the same in 11 and 12; it exports them from no root.
const INTERCEPTORS = '__interceptors__';
const VERSION = '__version__';
const METHOD = 'method';
const ARGUMENTS = '__routeArguments__';
const PASSTHROUGH = '__responsePassthrough__';
const ANSWERS_THEMSELVES = ['__sse__', '__redirect__', '__renderTemplate__'];
/** `@Res()` and `@Next()` among the arguments of a handler (RouteParamtypes). */
const TAKES_RESPONSE = /^[12]:/;
/** GET, OPTIONS, HEAD, SEARCH, PROPFIND and QUERY among the methods of routes (RequestMethod). */
const SAFE_METHODS = [0, 6, 7, 8, 9, 16];

const DEFAULT_MAX_BODY_BYTES = 1024 * 1024;
/** How long what a server answered is kept past its freshness, to be asked about with its validators. */
const KEEP_MS = 10 * 60_000;

/** Knows every route by its handler; what is constant about a route is found out once. */
export class CachedRoutes {
  readonly #routes = new WeakMap<object, Map<unknown, CachedRoute | undefined>>();
  readonly #concernUnsafe = new WeakMap<object, boolean>();

  /**
   * @param isCache whether an interceptor, or the class of one, is this cache
   * @param takesAll whether routes are cached that say nothing about it
   */
  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly isCache: (interceptor: Interceptor) => boolean,
    private readonly takesAll: boolean,
  ) {}

  /** `undefined` for a route that is not to be cached. */
  of(context: ExecutionContext): CachedRoute | undefined {
    return this.find(context.getClass(), context.getHandler());
  }

  find(controller: Type, handler: object): CachedRoute | undefined {
    let routes = this.#routes.get(controller);
    if (routes === undefined) this.#routes.set(controller, (routes = new Map<unknown, CachedRoute | undefined>()));
    const known = routes.get(handler);
    if (known !== undefined || routes.has(handler)) return known;
    const route = this.#describe(controller, handler);
    routes.set(handler, route);
    return route;
  }

  /** Whether responses to the paths of this controller may be stored, so that its unsafe requests must drop them. */
  concernsUnsafe(controller: Type): boolean {
    let concerns = this.#concernUnsafe.get(controller);
    if (concerns === undefined) {
      concerns = handlersOf(controller).some((handler) => this.#optionsOf(controller, handler) !== undefined);
      this.#concernUnsafe.set(controller, concerns);
    }
    return concerns;
  }

  #describe(controller: Type, handler: object): CachedRoute | undefined {
    const options = this.#optionsOf(controller, handler);
    if (options === undefined || answersItself(controller, handler)) return undefined;
    const interceptors = this.#interceptorsOf(controller, handler);
    const [outermost] = interceptors;
    const isPrivate = typeof options.scope === 'function';
    const isByResponse = options.scope === 'response';
    return {
      name: `${controller.name}.${(handler as { name: string }).name}`,
      version: String(read(VERSION, handler) ?? read(VERSION, controller)),
      options,
      isOutermost: outermost !== undefined && this.isCache(outermost),
      mayMeetTwice: interceptors.filter(this.isCache).length !== 1,
      isPrivate,
      isByResponse,
      vary: lowerCase(options.vary),
      storedHeaders: isByResponse ? 'all' : [...STORED_HEADERS, ...lowerCase(options.headers)],
      cacheControl: options.cacheControl ?? (isPrivate ? 'private, no-cache' : 'no-cache'),
      maxBodyBytes: options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES,
      ttlMs: options.ttl === undefined ? undefined : toMs(options.ttl, 'ttl'),
      isExplicitOnly: isByResponse,
      isHeuristic: isByResponse && options.heuristic === true,
      whileRevalidateMs: toMsOrZero(options.staleWhileRevalidate ?? 0, 'staleWhileRevalidate'),
      ifErrorMs: toMsOrZero(options.staleIfError ?? 0, 'staleIfError'),
      keepMs: isByResponse ? KEEP_MS : 0,
      hasUnsafe: handlersOf(controller).some((each) => isUnsafe(each)),
    };
  }

  /** Binding the interceptor to a controller or a route opts it in, as `@HttpCache` does; binding it globally does not alone. */
  #optionsOf(controller: Type, handler: object): HttpCacheOptions<unknown> | undefined {
    const [ofController, ofHandler] = [controller, handler].map(
      (target) => read(HTTP_CACHE_METADATA, target) as HttpCacheMetadata | undefined,
    );
    const nearest = ofHandler ?? ofController;
    if (nearest === false) return undefined;
    if (nearest === undefined && !this.takesAll && !this.#isBound(controller, handler)) return undefined;
    return { ...(ofController || {}), ...ofHandler } as HttpCacheOptions<unknown>;
  }

  #isBound(controller: Type, handler: object): boolean {
    return [controller, handler].some((target) =>
      ((read(INTERCEPTORS, target) ?? []) as Interceptor[]).some(this.isCache),
    );
  }

  /** In the order in which Nest runs them: the first sees the answer last. */
  #interceptorsOf(controller: Type, handler: object): Interceptor[] {
    // Nest has no public word on which interceptors are global. Should this door close, no route counts as outermost.
    const { interceptorsContextCreator } = this.contexts as unknown as GlobalInterceptors;
    const config = interceptorsContextCreator?.config;
    if (config === undefined) return [];
    return [
      ...config.getGlobalInterceptors(),
      ...config.getGlobalRequestInterceptors().map(({ metatype }) => metatype as Type<NestInterceptor>),
      ...((read(INTERCEPTORS, controller) ?? []) as Interceptor[]),
      ...((read(INTERCEPTORS, handler) ?? []) as Interceptor[]),
    ];
  }
}

/** The methods of a controller that are routes. */
export function handlersOf(controller: Type): object[] {
  const handlers: object[] = [];
  for (let proto = controller.prototype as object; proto !== Object.prototype; proto = parentOf(proto)) {
    for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(proto))) {
      const handler: unknown = descriptor.value;
      if (typeof handler === 'function' && read(METHOD, handler) !== undefined) handlers.push(handler);
    }
  }
  return handlers;
}

function parentOf(object: object): object {
  return Object.getPrototypeOf(object) as object;
}

/** Whether a route answers requests that are to change something. */
export function isUnsafe(handler: object): boolean {
  return !SAFE_METHODS.includes(read(METHOD, handler) as number);
}

/** Such an answer is not made of what the handler returns. */
function answersItself(controller: Type, handler: object): boolean {
  if (ANSWERS_THEMSELVES.some((name) => read(name, handler) !== undefined)) return true;
  const { name } = handler as { name: string };
  const args = Reflect.getMetadata(ARGUMENTS, controller, name) as object | undefined;
  const takesResponse = Object.keys(args ?? {}).some((key) => TAKES_RESPONSE.test(key));
  return takesResponse && Reflect.getMetadata(PASSTHROUGH, controller, name) !== true;
}

function read(name: string, target: object): unknown {
  return Reflect.getMetadata(name, target);
}

function lowerCase(names: readonly string[] | undefined): string[] {
  return (names ?? []).map((name) => name.toLowerCase());
}
