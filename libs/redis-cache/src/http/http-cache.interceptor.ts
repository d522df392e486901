import { GatewayTimeoutException, Inject, Injectable, Logger, Optional } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor, Type } from '@nestjs/common';
import { ExternalContextCreator, HttpAdapterHost } from '@nestjs/core';
import { LRUCache } from 'lru-cache';
import { concatWith, defer, ignoreElements, of, type Observable } from 'rxjs';
import type { Lookup } from '../cache/answers.js';
import type { CacheService } from '../cache/cache.service.js';
import { defineCache } from '../cache/definition.js';
import type { CacheEngine } from '../cache/engine.js';
import type { Key, KeyPart } from '../cache/key.js';
import type { HttpOutcome } from '../events.js';
import { CACHE_ENGINE, HTTP_CACHE_OPTIONS } from '../tokens.js';
import { ANSWER_AT_ONCE, type AnswersAtOnce, letAnswerAtOnce, NO_ANSWER, NOT_MINE } from './answer-at-once.js';
import { cacheGroups } from './cache-groups.js';
import { CachedRoutes, type CachedRoute } from './cached-routes.js';
import { HttpExchange } from './http-exchange.js';
import { isSafe, isSuccess, pathTags, toldTags } from './http-invalidation.js';
import { CREDENTIAL_HEADERS, matchedPath, type HttpRequest, type HttpResponse } from './http-message.js';
import type { HttpCacheModuleOptions } from './http-options.js';
import { pathTag } from './path-tag.js';
import { directivesOf, type RequestDirectives } from './request-directives.js';
import { isPlain } from './response-body.js';
import { RESPONSE_CODEC } from './response-codec.js';
import { audienceOf, responseKey, variantKey } from './response-key.js';
import { type Cacheable, isResponse, type Kept, ResponseLoad, type Surroundings } from './response-load.js';
import { type Answer, lostHeaders, type StoredResponse } from './stored-response.js';

/** Its name is how the module options (`caches: { http: { ttl } }`), metrics and events call it. */
export const HTTP_RESPONSES = defineCache({ name: 'http', key: (key: Key) => key, codec: RESPONSE_CODEC });

/** The key of a response, with who shares it. */
interface Place {
  readonly key: string;
  readonly audience: KeyPart;
}

type Found = Extract<Lookup<StoredResponse>, { isHit: true }>;

// The interceptor may stand in the way of a request twice, globally and on its route; the first one does the work.
const handled = new WeakSet<HttpRequest>();
const MAX_VARIED_KEYS = 1000;
const NO_TAGS: readonly string[] = [];

/**
 * Caches the responses of the controllers and routes it is bound to, and, bound globally, of those with `@HttpCache`, or of
 * all but those with `@NoHttpCache` (`http.routes`); the others, and everything that is not HTTP, pass untouched. When the cache fails, the handler runs and answers.
 *
 * Bind it first (globally, or as the first of `@UseInterceptors`): it then stores and sends exact bytes, with `ETag`, 304
 * and parts. Interceptors outside it get plain values to work on instead, and answers that are not plain data are not
 * stored.
 */
@Injectable()
export class HttpCacheInterceptor implements NestInterceptor, AnswersAtOnce {
  readonly #cache: CacheService;
  readonly #routes: CachedRoutes;
  readonly #credentialHeaders: readonly string[];
  readonly #around: Surroundings;
  readonly #logger = new Logger(HttpCacheInterceptor.name);
  readonly #warnings = new Set<string>();
  readonly #report = (outcome: HttpOutcome): void => {
    this.engine.events.emit('http', { cache: HTTP_RESPONSES.name, outcome });
  };

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(ExternalContextCreator) contexts: ExternalContextCreator,
    @Optional() @Inject(HTTP_CACHE_OPTIONS) private readonly options: HttpCacheModuleOptions = {},
  ) {
    letAnswerAtOnce(contexts);
    this.#cache = engine.cache(HTTP_RESPONSES);
    this.#routes = new CachedRoutes(contexts, isHttpCache, options.routes === 'all');
    const further = (options.credentialHeaders ?? []).map((name) => name.toLowerCase());
    this.#credentialHeaders = [...CREDENTIAL_HEADERS, ...further];
    const unkeyedReads = options.unkeyedReads ?? (process.env['NODE_ENV'] === 'production' ? 'skip' : 'throw');
    this.#around = {
      cache: this.#cache,
      maxTtlMs: engine.maxTtlMs,
      credentialHeaders: this.#credentialHeaders,
      mustThrow: unkeyedReads === 'throw',
      varied: new LRUCache<string, readonly string[]>({ max: MAX_VARIED_KEYS }),
      mayStore: (route, answer) => this.#mayStore(route, answer),
      warn: (route, kind, message) => {
        this.#warn(route, kind, message);
      },
    };
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http' || !this.engine.isEnabled) return next.handle();
    const request = context.getArgByIndex<HttpRequest>(0);
    const { httpAdapter } = this.adapterHost;
    const method = httpAdapter.getRequestMethod(request) as string;
    if (method !== 'GET' && !isSafe(method)) return this.#unsafe(context, request, next);
    const route = this.#routes.of(context);
    if (route === undefined || (method !== 'GET' && method !== 'HEAD')) return next.handle();
    if (route.mayMeetTwice && !isFirst(request)) return next.handle();

    const exchange = this.#exchange(route, request, context.getArgByIndex<HttpResponse>(1));
    const place = this.#placeOf(route, request);
    if (typeof place === 'string') return exchange.pass(next, `fwd=bypass; detail=${place}`);
    const directives = this.#directives(request);
    const hot = directives === undefined ? this.#peek(place) : undefined;
    return hot === undefined ? this.#look(exchange, place, next, method, directives) : of(this.#hit(exchange, hot));
  }

  /** Called through `letAnswerAtOnce` where no interceptor is outside this one: what most requests to the cache get. */
  [ANSWER_AT_ONCE](
    request: HttpRequest,
    response: HttpResponse,
    controller: Type,
    handler: object,
    next: CallHandler,
  ): unknown {
    if (!this.engine.isEnabled || this.adapterHost.httpAdapter.getRequestMethod(request) !== 'GET') return NO_ANSWER;
    // Another intercept may have another opinion.
    if (this.intercept !== HttpCacheInterceptor.prototype.intercept) return NO_ANSWER;
    const route = this.#routes.find(controller, handler);
    if (route === undefined) return NOT_MINE;
    if (this.#directives(request) !== undefined) return NO_ANSWER;
    const place = this.#placeOf(route, request);
    if (typeof place === 'string') return NO_ANSWER;
    const exchange = this.#exchange(route, request, response);
    const hot = this.#peek(place);
    if (hot !== undefined) return this.#hit(exchange, hot);
    const cacheable = this.#cacheable(exchange, place, next);
    if (cacheable === undefined || (route.mayMeetTwice && !isFirst(request))) return NO_ANSWER;
    return new ResponseLoad(this.#around, cacheable).answer();
  }

  #exchange(route: CachedRoute, request: HttpRequest, response: HttpResponse): HttpExchange {
    const sendsStatus = this.options.cacheStatus !== false;
    return new HttpExchange(this.adapterHost.httpAdapter, route, request, response, sendsStatus, this.#report);
  }

  #directives(request: HttpRequest): RequestDirectives | undefined {
    return this.options.requestDirectives === true ? directivesOf(request) : undefined;
  }

  #peek({ key }: Place): Found | undefined {
    const hot = this.#cache.peek<Kept | undefined>(key);
    return hot !== undefined && isResponse(hot.value) && hot.value.freshMs !== 0 ? (hot as Found) : undefined;
  }

  #hit(exchange: HttpExchange, hot: Found): unknown {
    if (this.options.cacheGroups === true) this.#tagsOf(exchange);
    return exchange.answer(hot.value, hot);
  }

  /** Where the response to this request is, or why it passes by the cache. */
  #placeOf(route: CachedRoute, request: HttpRequest): Place | string {
    const path = matchedPath(request);
    if (path === undefined) return 'unknown-route';
    try {
      const audience = audienceOf(route, request, this.#credentialHeaders);
      if (audience === undefined) return route.isPrivate ? 'no-principal' : 'credentials';
      return { key: responseKey(route, path, request, audience), audience };
    } catch (error) {
      return this.#refuse(route, error);
    }
  }

  #look(
    exchange: HttpExchange,
    place: Place,
    next: CallHandler,
    method: string,
    directives: RequestDirectives | undefined,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const cacheable = this.#cacheable(exchange, place, next);
    if (cacheable === undefined) return exchange.pass(next, 'fwd=bypass; detail=error');
    if (method === 'HEAD') return this.#head(cacheable);
    if (directives !== undefined) return this.#directed(cacheable, directives);
    return new ResponseLoad(this.#around, cacheable).answer().then((value) => of(value));
  }

  /** `undefined` when its tags cannot be told. */
  #cacheable(exchange: HttpExchange, { key, audience }: Place, next: CallHandler): Cacheable | undefined {
    const tags = this.#storedTagsOf(exchange);
    return tags && { route: exchange.route, exchange, next, key, audience, tags };
  }

  #storedTagsOf(exchange: HttpExchange): readonly string[] | undefined {
    const { request, route } = exchange;
    try {
      const tags = this.#tagsOf(exchange);
      return route.hasUnsafe ? [...tags, pathTag(request)] : tags;
    } catch (error) {
      this.#refuse(route, error);
      return undefined;
    }
  }

  #tagsOf(exchange: HttpExchange): readonly string[] {
    const { tags = NO_TAGS } = exchange.route.options;
    const named = typeof tags === 'function' ? tags(exchange.request) : tags;
    if (this.options.cacheGroups === true) exchange.groups = cacheGroups(named);
    return named;
  }

  #refuse(route: CachedRoute, error: unknown): 'error' {
    const reason = error instanceof Error ? error.message : String(error);
    this.#warn(route, 'request', `a request goes uncached: its scope or tags threw ${reason}`);
    return 'error';
  }

  /** HEAD is answered from what GET stored. It fills nothing: a handler may treat it in its own way. */
  async #head(cacheable: Cacheable): Promise<Observable<unknown>> {
    const { exchange, next } = cacheable;
    const found = await this.#lookup(cacheable);
    if (found === undefined || found.isStale || found.value.freshMs === 0) return exchange.pass(next, 'fwd=uri-miss');
    return of(exchange.answer(found.value, found));
  }

  async #directed(cacheable: Cacheable, directives: RequestDirectives): Promise<Observable<unknown>> {
    const { exchange, next } = cacheable;
    if (directives.isUnstored) return exchange.pass(next, 'fwd=request');
    const found = await this.#lookup(cacheable);
    const judgement = found === undefined ? 'usual' : directives.judge(found.value, found);
    if (found !== undefined && judgement === 'use') return of(exchange.answer(found.value, found));
    if (directives.isOnlyIfCached) throw new GatewayTimeoutException();
    return of(await new ResponseLoad(this.#around, cacheable).answer(judgement === 'revalidate'));
  }

  async #lookup({ key, exchange }: Cacheable): Promise<Found | undefined> {
    let found = await this.#cache.lookup<Kept | undefined>(key);
    if (found.isHit && found.value !== undefined && !isResponse(found.value)) {
      found = await this.#cache.lookup<Kept | undefined>(variantKey(key, found.value, exchange.request));
    }
    return found.isHit && isResponse(found.value) ? (found as Found) : undefined;
  }

  /** What an unsafe request has changed goes before its client hears of it. Its answer passes as it is. */
  #unsafe(context: ExecutionContext, request: HttpRequest, next: CallHandler): Observable<unknown> {
    if (!isFirst(request)) return next.handle();
    const drop = defer(() => this.#dropAfter(context, request));
    return next.handle().pipe(concatWith(drop.pipe(ignoreElements())));
  }

  /** RFC 9111, 4.4, and RFC 9875, 3. */
  async #dropAfter(context: ExecutionContext, request: HttpRequest): Promise<void> {
    const response = context.getArgByIndex<HttpResponse>(1);
    if (!isSuccess(response.statusCode)) return;
    const headers = response.getHeaders();
    const ofPaths = this.#routes.concernsUnsafe(context.getClass()) ? pathTags(request, headers) : [];
    const told = toldTags(request, headers, this.options.cacheGroups === true);
    const tags = new Set([...ofPaths, ...told]);
    if (tags.size > 0) await this.#cache.invalidateTags([...tags]);
  }

  #mayStore(route: CachedRoute, answer: Answer): boolean {
    if (answer.unkeyed !== undefined && answer.unkeyed.size > 0) {
      const names = [...answer.unkeyed].join(', ');
      this.#warn(route, 'unkeyed', `its handler read ${names}, which the key does not tell, so it is not stored`);
      return false;
    }
    const lost = lostHeaders(answer, route);
    if (lost.length > 0) {
      this.#warn(route, 'headers', `it sets ${lost.join(', ')}, which hits will lack; name them in its headers option`);
    }
    if (route.isOutermost || isPlain(answer.value)) return true;
    this.#warn(
      route,
      'value',
      'its answer is not plain data and interceptors outside HttpCacheInterceptor may rely on that, so it is not stored; ' +
        'bind HttpCacheInterceptor before them',
    );
    return false;
  }

  /** Once per route and kind: messages may differ with every request. */
  #warn(route: CachedRoute, kind: string, message: string): void {
    const warning = `${route.name} ${kind}`;
    if (this.#warnings.has(warning)) return;
    this.#warnings.add(warning);
    this.#logger.warn(`${route.name}: ${message}`);
  }
}

function isFirst(request: HttpRequest): boolean {
  if (handled.has(request)) return false;
  handled.add(request);
  return true;
}

/** Whether an interceptor, or the class of one, is this cache. */
export function isHttpCache(interceptor: NestInterceptor | (new (...args: never[]) => NestInterceptor)): boolean {
  if (typeof interceptor !== 'function') return interceptor instanceof HttpCacheInterceptor;
  return interceptor === HttpCacheInterceptor || interceptor.prototype instanceof HttpCacheInterceptor;
}
