import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { ExternalContextCreator, HttpAdapterHost } from '@nestjs/core';
import { of, type Observable } from 'rxjs';
import type { CacheService } from '../cache/cache.service.js';
import { defineCache } from '../cache/definition.js';
import type { CacheEngine } from '../cache/engine.js';
import type { CallOptions, LoadContext } from '../cache/entry-options.js';
import type { Key } from '../cache/key.js';
import { InvalidArgumentError, InvalidOptionsError, RedisCacheError } from '../errors.js';
import { CACHE_ENGINE } from '../tokens.js';
import { CachedRoutes, type CachedRoute } from './cached-routes.js';
import { HttpExchange } from './http-exchange.js';
import { CREDENTIAL_HEADERS, matchedPath, type HttpRequest, type HttpResponse } from './http-message.js';
import { audienceOf, responseKey } from './response-key.js';
import { isPlain, lostHeaders, toStored, type Answer, type StoredResponse } from './stored-response.js';

/** What holds for every route of an application; provide it under `HTTP_CACHE_OPTIONS` in a global module. */
export interface HttpCacheModuleOptions {
  /** Request headers that say who asks, besides `CREDENTIAL_HEADERS`. */
  credentialHeaders?: readonly string[];
}

export const HTTP_CACHE_OPTIONS = Symbol.for('nestjs-rcache:http-cache-options');

/** Its name is how the module options (`caches: { http: { ttl } }`), metrics and events call it. */
export const HTTP_RESPONSES = defineCache({ name: 'http', key: (key: Key) => key });

type Stored = StoredResponse | undefined;

// The interceptor may stand in the way of a request twice, globally and on its route; the first one does the work.
const handled = new WeakSet<HttpRequest>();

/**
 * Caches the responses of the controllers and routes it is bound to, and, bound globally, of those with `@HttpCache`; all
 * others, and everything that is not HTTP, pass untouched. When the cache fails, the handler runs and answers.
 *
 * Bind it first (globally, or as the first of `@UseInterceptors`): it then stores and sends exact bytes, with `ETag` and
 * 304. Interceptors outside it get plain values to work on instead, and answers that are not plain data are not stored.
 */
@Injectable()
export class HttpCacheInterceptor implements NestInterceptor {
  readonly #cache: CacheService;
  readonly #routes: CachedRoutes;
  readonly #credentialHeaders: readonly string[];
  readonly #logger = new Logger(HttpCacheInterceptor.name);
  readonly #warnings = new Set<string>();

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(ExternalContextCreator) contexts: ExternalContextCreator,
    @Optional() @Inject(HTTP_CACHE_OPTIONS) options?: HttpCacheModuleOptions,
  ) {
    this.#cache = engine.cache(HTTP_RESPONSES);
    this.#routes = new CachedRoutes(contexts, isHttpCache);
    const further = (options?.credentialHeaders ?? []).map((name) => name.toLowerCase());
    this.#credentialHeaders = [...CREDENTIAL_HEADERS, ...further];
  }

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    if (context.getType() !== 'http' || !this.engine.isEnabled) return next.handle();
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const route = this.#routes.of(context);
    if (route === undefined || handled.has(request)) return next.handle();
    handled.add(request);

    const { httpAdapter } = this.adapterHost;
    const method: unknown = httpAdapter.getRequestMethod(request);
    if (method !== 'GET' && method !== 'HEAD') return next.handle();
    const exchange = new HttpExchange(httpAdapter, route, request, http.getResponse<HttpResponse>());
    const call = this.#callOf(route, request);
    if (typeof call === 'string') return exchange.pass(next, `fwd=bypass; detail=${call}`);
    return method === 'HEAD' ? this.#head(exchange, call.key, next) : of(await this.#get(exchange, route, call, next));
  }

  /** Key and options of the request, or why it passes by the cache. */
  #callOf(route: CachedRoute, request: HttpRequest): { key: Key; options: CallOptions<Stored> } | string {
    const path = matchedPath(request);
    if (path === undefined) return 'unknown-route';
    try {
      const audience = audienceOf(route, request, this.#credentialHeaders);
      if (audience === undefined) return route.isPrivate ? 'no-principal' : 'credentials';
      const { ttl, tags } = route.options;
      // No load may outlive its request: it would work on a response that is gone. So nothing is refreshed behind it.
      const options: CallOptions<Stored> = { ttl, grace: 0, refresh: 'wait', earlyRefresh: false };
      options.tags = typeof tags === 'function' ? tags(request) : tags;
      return { key: responseKey(route, path, request, audience), options };
    } catch (error) {
      this.#warn(
        route,
        'request',
        `its scope or tags cannot be told from a request, which goes uncached: ${String(error)}`,
      );
      return 'error';
    }
  }

  /** HEAD is answered from what GET stored. It fills nothing: a handler may treat it in its own way. */
  async #head(exchange: HttpExchange, key: Key, next: CallHandler): Promise<Observable<unknown>> {
    const found = await this.#cache.lookup<Stored>(key);
    if (!found.isHit || found.isStale || found.value === undefined) return exchange.pass(next, 'fwd=miss');
    return of(exchange.answer(found.value, found));
  }

  async #get(
    exchange: HttpExchange,
    route: CachedRoute,
    { key, options }: { key: Key; options: CallOptions<Stored> },
    next: CallHandler,
  ): Promise<unknown> {
    let own: Promise<Answer> | undefined;
    const load = async ({ skip }: Pick<LoadContext, 'skip'>): Promise<Stored> => {
      // A load that starts after its request gave up waiting must not run the handler a second time, nor store an answer
      // that is older than the load.
      const stored = own === undefined ? this.#store(route, await (own = exchange.run(next))) : undefined;
      if (stored === undefined) skip();
      return stored;
    };
    try {
      const { value, source, ...rest } = await this.#cache.resolve<Stored>(key, load, options);
      if (value !== undefined) {
        return exchange.answer(
          value,
          source === 'loader' ? { isHit: false, ...rest } : { isHit: true, source, ...rest },
        );
      }
    } catch (error) {
      // Those who waited for another request's handler share its failure, as they would have shared its answer.
      if (own === undefined && !(error instanceof RedisCacheError)) throw error;
      if (own === undefined && (error instanceof InvalidArgumentError || error instanceof InvalidOptionsError)) {
        this.#warn(route, error.code, `a request goes uncached: ${error.message}`);
      }
    }
    // What may not be stored may not be shared: everybody gets the answer of a handler of their own.
    const { value } = await (own ??= exchange.run(next));
    return exchange.forward(value, 'fwd=miss');
  }

  #store(route: CachedRoute, answer: Answer): Stored {
    const stored = toStored(answer, route);
    if (stored === undefined) return undefined;
    const lost = lostHeaders(answer, route);
    if (lost.length > 0) {
      this.#warn(route, 'headers', `it sets ${lost.join(', ')}, which hits will lack; name them in its headers option`);
    }
    if (route.isOutermost || isPlain(answer.value)) return stored;
    this.#warn(
      route,
      'value',
      'its answer is not plain data and interceptors outside HttpCacheInterceptor may rely on that, so it is not stored; ' +
        'bind HttpCacheInterceptor before them',
    );
    return undefined;
  }

  /** Once per route and kind: messages may differ with every request. */
  #warn(route: CachedRoute, kind: string, message: string): void {
    const warning = `${route.name} ${kind}`;
    if (this.#warnings.has(warning)) return;
    this.#warnings.add(warning);
    this.#logger.warn(`${route.name}: ${message}`);
  }
}

function isHttpCache(interceptor: NestInterceptor | (new (...args: never[]) => NestInterceptor)): boolean {
  if (typeof interceptor !== 'function') return interceptor instanceof HttpCacheInterceptor;
  return interceptor === HttpCacheInterceptor || interceptor.prototype instanceof HttpCacheInterceptor;
}
