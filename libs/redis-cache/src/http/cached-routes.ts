import type { ExecutionContext, NestInterceptor, Type } from '@nestjs/common';
import type { ApplicationConfig, ExternalContextCreator } from '@nestjs/core';
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
}

type Interceptor = NestInterceptor | Type<NestInterceptor>;

interface GlobalInterceptors {
  readonly interceptorsContextCreator?: { readonly config?: ApplicationConfig };
}

// Names of Nest's own metadata (@nestjs/common/constants), the same in 11 and 12; it exports them from no root.
const INTERCEPTORS = '__interceptors__';
const VERSION = '__version__';
const ANSWERS_THEMSELVES = ['__sse__', '__redirect__', '__renderTemplate__'];

/** Knows every route by its handler; what is constant about a route is found out once. */
export class CachedRoutes {
  readonly #routes = new WeakMap<object, Map<unknown, CachedRoute | undefined>>();

  /** @param isCache whether an interceptor, or the class of one, is this cache */
  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly isCache: (interceptor: Interceptor) => boolean,
  ) {}

  /** `undefined` for a route that is not to be cached. */
  of(context: ExecutionContext): CachedRoute | undefined {
    const controller = context.getClass();
    const handler = context.getHandler();
    const routes = this.#routes.get(controller) ?? new Map<unknown, CachedRoute | undefined>();
    this.#routes.set(controller, routes);
    if (!routes.has(handler)) routes.set(handler, this.#describe(controller, handler));
    return routes.get(handler);
  }

  #describe(controller: Type, handler: object): CachedRoute | undefined {
    const options = this.#optionsOf(controller, handler);
    if (options === undefined || ANSWERS_THEMSELVES.some((name) => read(name, handler) !== undefined)) return undefined;
    const outermost = this.#interceptorsOf(controller, handler)[0];
    return {
      name: `${controller.name}.${(handler as { name: string }).name}`,
      version: String(read(VERSION, handler) ?? read(VERSION, controller)),
      options,
      isOutermost: outermost !== undefined && this.isCache(outermost),
      isPrivate: typeof options.scope === 'function',
      vary: lowerCase(options.vary),
      storedHeaders: [...STORED_HEADERS, ...lowerCase(options.headers)],
    };
  }

  /** Binding the interceptor to a controller or a route opts it in, as `@HttpCache` does; binding it globally does not. */
  #optionsOf(controller: Type, handler: object): HttpCacheOptions<unknown> | undefined {
    const [ofController, ofHandler] = [controller, handler].map(
      (target) => read(HTTP_CACHE_METADATA, target) as HttpCacheMetadata | undefined,
    );
    const nearest = ofHandler ?? ofController;
    if (nearest === false || (nearest === undefined && !this.#isBound(controller, handler))) return undefined;
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

function read(name: string, target: object): unknown {
  return Reflect.getMetadata(name, target);
}

function lowerCase(names: readonly string[] | undefined): string[] {
  return (names ?? []).map((name) => name.toLowerCase());
}
