import { type CallHandler, HttpException } from '@nestjs/common';
import type { Resolved } from '../cache/answers.js';
import type { CacheService } from '../cache/cache.service.js';
import type { CallOptions, LoadContext, StaleValue } from '../cache/entry-options.js';
import { randomId } from '../cache/envelope.js';
import type { KeyPart } from '../cache/key.js';
import { InvalidArgumentError, InvalidOptionsError, RedisCacheError } from '../errors.js';
import { groupsIn, groupTag } from './cache-groups.js';
import type { Provenance } from './cache-status.js';
import type { CachedRoute } from './cached-routes.js';
import type { HttpExchange } from './http-exchange.js';
import { hasCredentials } from './http-message.js';
import { type VaryMarker, variantKey } from './response-key.js';
import type { Readable } from './request-guard.js';
import {
  type Answer,
  type Asked,
  type Storable,
  type StoredResponse,
  toFreshened,
  toStored,
} from './stored-response.js';

/** What is kept under a key: a response, or how the responses to it differ. */
export type Kept = StoredResponse | VaryMarker;

/** What does not change from request to request. */
export interface Surroundings {
  readonly cache: CacheService;
  readonly maxTtlMs: number;
  /** In lower case. */
  readonly credentialHeaders: readonly string[];
  readonly mustThrow: boolean;
  /** Looks at an answer before it is stored; `false` keeps it from that. */
  mayStore(route: CachedRoute, answer: Answer): boolean;
  warn(route: CachedRoute, kind: string, message: string): void;
  /** Headers that responses under one key were seen to differ by. */
  readonly varied: {
    get(key: string): readonly string[] | undefined;
    set(key: string, names: readonly string[]): void;
  };
}

/** One request that may be answered by a stored response. */
export interface Cacheable {
  readonly route: CachedRoute;
  readonly exchange: HttpExchange;
  readonly key: string;
  /** Who shares the response, as it stands in the key. */
  readonly audience: KeyPart;
  readonly tags: readonly string[];
  readonly next: CallHandler;
}

/** RFC 5861, 4: what counts as an error. */
const SERVER_ERRORS = [500, 502, 503, 504];
const MARKER_TTL_MS = 24 * 60 * 60 * 1000;

/** The handler answered with an error that a stale response may stand in for. */
class ServerErrorAnswer extends Error {}

/** Answers one GET: from the cache, from somebody else's handler, or from its own, which never runs twice. */
export class ResponseLoad {
  #own: Promise<Answer> | undefined;
  /** What became of the own answer, with how it was stored. */
  #kept: StoredResponse | undefined;
  #staleMs = 0;
  #isRevalidation = false;
  #marker: VaryMarker | undefined;

  constructor(
    private readonly around: Surroundings,
    private readonly request: Cacheable,
  ) {}

  async answer(mustRevalidate = false): Promise<unknown> {
    const first = await this.#resolve(this.request.key, mustRevalidate);
    if (first?.value === undefined || isResponse(first.value)) return this.#send(first as Resolved<StoredResponse>);
    // The own answer came with the marker, and is in a variant of its own.
    if (this.#kept !== undefined) return this.#sendOwn(this.#kept, first.isStored);
    this.#marker = first.value;
    const variant = await this.#resolve(
      variantKey(this.request.key, first.value, this.request.exchange.request),
      mustRevalidate,
    );
    return this.#send(variant as Resolved<StoredResponse> | undefined);
  }

  async #resolve(key: string, mustRevalidate: boolean): Promise<Resolved<Kept | undefined> | undefined> {
    const { cache } = this.around;
    const load = (context: LoadContext<Kept | undefined>): Promise<Kept | undefined> => this.#load(key, context);
    try {
      if (mustRevalidate) await cache.expire(key);
      const found = await cache.resolve<Kept | undefined>(key, load, this.#options());
      const isNews = found.source === 'loader' && !found.isShared;
      if (isNews || found.isStale || !isResponse(found.value) || found.value.freshMs !== 0) return found;
      // It was not fresh even when it was new, and may not be shared by those who waited.
      if (mustRevalidate || found.source === 'loader') return undefined;
      return await this.#resolve(key, true);
    } catch (error) {
      // Those who waited for another request's handler share its failure, as they would have shared its answer.
      if (this.#own === undefined && !(error instanceof RedisCacheError)) throw error;
      if (error instanceof InvalidArgumentError || error instanceof InvalidOptionsError) {
        this.around.warn(this.request.route, error.code, `a request goes uncached: ${error.message}`);
      }
      return undefined;
    }
  }

  #options(): CallOptions<Kept | undefined> {
    const { tags } = this.request;
    return {
      tags,
      earlyRefresh: false,
      refresh: ({ value, staleMs }: StaleValue<Kept | undefined>) => {
        this.#staleMs = staleMs;
        return isResponse(value) && staleMs <= value.whileRevalidateMs ? 'background' : 'required';
      },
    };
  }

  /** Sends what was found, or the answer of a handler of its own: what may not be stored may not be shared. */
  #send(found: Resolved<StoredResponse> | undefined): unknown {
    const { exchange } = this.request;
    if (found?.value !== undefined) {
      const { value, source, isStale, isStored, isShared, ageMs, remainingMs } = found;
      if (source === 'loader' && !isShared) return this.#sendOwn(value, isStored);
      if (source === 'loader') {
        return exchange.answer(value, { isHit: false, reason: this.#reason(), isStored, isShared, ageMs });
      }
      if (!isStale) return exchange.answer(value, { isHit: true, source, ageMs, remainingMs });
      if (isShared || this.#staleMs <= value.whileRevalidateMs) {
        return exchange.answer(value, { isHit: true, source, ageMs, remainingMs: -this.#staleMs });
      }
      if (this.#staleMs <= value.ifErrorMs) {
        exchange.reset();
        return exchange.answer(value, { isHit: false, reason: 'stale', isStored: false, isShared, ageMs });
      }
    }
    return this.#forward();
  }

  async #forward(): Promise<unknown> {
    const { exchange, next } = this.request;
    const { value } = await (this.#own ??= exchange.run(next, this.#alone()));
    return exchange.forward(value, `fwd=${this.#reason()}`);
  }

  #sendOwn(value: StoredResponse, isStored: boolean): unknown {
    const { exchange } = this.request;
    if (this.#isRevalidation) exchange.reset();
    return exchange.answer(value, { isHit: false, reason: this.#reason(), isStored, isShared: false, ageMs: 0 });
  }

  #reason(): Extract<Provenance, { isHit: false }>['reason'] {
    if (this.#isRevalidation) return 'stale';
    return this.#marker === undefined ? 'uri-miss' : 'vary-miss';
  }

  #alone() {
    return { readable: undefined, mustThrow: false, previous: undefined, isDetached: false };
  }

  async #load(key: string, context: LoadContext<Kept | undefined>): Promise<Kept | undefined> {
    // A load that starts after its request gave up waiting must not run the handler a second time, nor store an answer
    // that is older than the load.
    if (this.#own !== undefined) {
      context.skip();
      return undefined;
    }
    const { route, exchange, next } = this.request;
    const { mustThrow, cache } = this.around;
    const readable = route.isByResponse ? undefined : this.#readable();
    const previous = isResponse(context.previous) ? context.previous : undefined;
    this.#isRevalidation = previous !== undefined;
    const asks = route.isByResponse ? previous : undefined;
    this.#own = exchange.run(next, { readable, mustThrow, previous: asks, isDetached: context.isRefresh });
    let answer: Answer;
    try {
      answer = await this.#own;
    } catch (error) {
      // What a client did wrong, or what may not be stale, is no reason to go on with the old response.
      if (previous !== undefined && !(isServerError(error) && this.#mayStandIn(previous))) await cache.delete(key);
      throw error;
    }
    if (SERVER_ERRORS.includes(answer.status) && previous !== undefined && this.#mayStandIn(previous)) {
      throw new ServerErrorAnswer(`The handler answered ${answer.status}.`);
    }
    const storable = this.#storable(answer, previous);
    if (storable === undefined) {
      context.skip();
      if (previous !== undefined) await cache.delete(key);
      return undefined;
    }
    return this.#keep(storable, context);
  }

  /** Who asks is in the key, be it nobody. */
  #readable(): Readable {
    const { route, audience } = this.request;
    const headers = audience === 'public' ? route.vary : [...route.vary, ...this.around.credentialHeaders];
    const principal = route.isPrivate ? 'known' : audience === 'public' ? 'anybody' : 'nobody';
    return { headers, query: route.options.query, principal };
  }

  #asked(): Asked {
    const { route, exchange, audience } = this.request;
    return {
      hasCredentials: route.isByResponse && hasCredentials(exchange.request, this.around.credentialHeaders),
      salt: route.isPrivate ? JSON.stringify(audience, bigintText) : '',
      nowMs: Date.now(),
    };
  }

  #storable(answer: Answer, previous: StoredResponse | undefined): Storable | undefined {
    const { route } = this.request;
    const now = this.#asked();
    if (answer.status === 304 && previous !== undefined && route.isByResponse) {
      return toFreshened(previous, answer, route, now);
    }
    const storable = toStored(answer, route, now);
    return this.around.mayStore(route, answer) ? storable : undefined;
  }

  async #keep(
    { response, graceMs, varied }: Storable,
    context: LoadContext<Kept | undefined>,
  ): Promise<Kept | undefined> {
    const { cache, maxTtlMs } = this.around;
    const { tags } = this.request;
    const groups = groupsIn(response.headers['cache-groups']);
    const describe = (to: LoadContext<Kept | undefined>): void => {
      if (response.freshMs !== null) to.setTtl(Math.min(Math.max(1, response.freshMs), maxTtlMs));
      to.setGrace(Math.min(graceMs, maxTtlMs));
      if (groups.length > 0) to.setTags(groups.map((group) => groupTag(this.request.exchange.request, group)));
    };
    this.#kept = response;
    if (this.#marker !== undefined) {
      if (!varied.every((name) => this.#marker?.vary.includes(name))) return this.#startOver(varied, context);
      describe(context);
      return response;
    }
    const names = union(varied, this.around.varied.get(this.request.key) ?? []);
    if (names.length === 0) {
      describe(context);
      return response;
    }
    // The variant can be found by nobody before its marker is stored, so it needs no fence of its own.
    const marker = { vary: names, generation: randomId() };
    const variant = variantKey(this.request.key, marker, this.request.exchange.request);
    const store = (inner: LoadContext<Kept | undefined>): Kept => {
      describe(inner);
      return response;
    };
    await cache.resolve<Kept | undefined>(variant, store, { tags });
    context.setTtl(Math.min(MARKER_TTL_MS, maxTtlMs));
    return marker;
  }

  /** The response differs by more than the marker knows, so all variants under it may be too few. */
  async #startOver(varied: readonly string[], context: LoadContext<Kept | undefined>): Promise<undefined> {
    const { cache } = this.around;
    context.skip();
    this.around.varied.set(this.request.key, union(varied, this.#marker?.vary ?? []));
    await cache.delete(this.request.key);
    return undefined;
  }

  #mayStandIn({ whileRevalidateMs, ifErrorMs }: StoredResponse): boolean {
    return this.#staleMs <= Math.max(whileRevalidateMs, ifErrorMs);
  }
}

export function isResponse(kept: Kept | undefined): kept is StoredResponse {
  return kept !== undefined && 'status' in kept;
}

function isServerError(error: unknown): boolean {
  return !(error instanceof HttpException) || SERVER_ERRORS.includes(error.getStatus());
}

function bigintText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function union(names: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...names, ...others])].sort();
}
