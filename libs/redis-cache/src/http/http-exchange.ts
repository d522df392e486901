import type { CallHandler } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import fresh from 'fresh';
import type { OutgoingHttpHeader } from 'node:http';
import { types } from 'node:util';
import { lastValueFrom, map, type Observable } from 'rxjs';
import type { CachedRoute } from './cached-routes.js';
import { listItems, type HttpRequest, type HttpResponse } from './http-message.js';
import { toFile, toPayload, toValue, type Answer, type StoredResponse } from './stored-response.js';

/** Where an answer came from, for `Age` and `Cache-Status` (RFC 9211). */
export type Provenance =
  | { readonly isHit: true; readonly source: 'l1' | 'l2'; readonly ageMs: number; readonly remainingMs: number }
  | { readonly isHit: false; readonly isStored: boolean; readonly isShared: boolean };

/** One request on its way through the cache, on whatever HTTP adapter. */
export class HttpExchange {
  constructor(
    private readonly adapter: AbstractHttpAdapter,
    private readonly route: CachedRoute,
    readonly request: HttpRequest,
    private readonly response: HttpResponse,
  ) {}

  /** Runs the handler for this request alone; `reason` is what `Cache-Status` says. */
  pass(next: CallHandler, reason: string): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => this.forward(value, reason)));
  }

  /** The handler's own value, as this route sends it. */
  forward(value: unknown, reason: string): unknown {
    if (!this.adapter.isHeadersSent(this.response)) this.#set('Cache-Status', `rcache; ${reason}`);
    return this.route.isOutermost && types.isUint8Array(value) ? toFile(value) : value;
  }

  /** Runs the handler and looks at what it made of the response. */
  async run(next: CallHandler): Promise<Answer> {
    const before = this.response.getHeaders();
    const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
    const isSent = Boolean(this.adapter.isHeadersSent(this.response));
    return { isSent, status: this.response.statusCode, before, headers: this.response.getHeaders(), value };
  }

  /** Sets status and headers; what it returns is for the adapter, or for the interceptors outside. */
  answer(stored: StoredResponse, from: Provenance): unknown {
    const isUnmodified = this.route.isOutermost && this.#isUnmodified(stored);
    this.adapter.status(this.response, isUnmodified ? 304 : stored.status);
    for (const [name, value] of Object.entries(stored.headers)) {
      if (!isUnmodified || !describesBody(name)) this.#set(name, value);
    }
    if (this.#get('Cache-Control') === undefined) {
      // Whoever keeps a copy asks again each time: an invalidation reaches it, and asking costs no more than a 304.
      this.#set('Cache-Control', this.route.isPrivate ? 'private, no-cache' : 'no-cache');
    }
    this.#addToVary(this.route.vary);
    if (from.isHit) this.#set('Age', String(Math.floor(from.ageMs / 1000)));
    this.#set('Cache-Status', cacheStatus(from));
    if (!this.route.isOutermost) return toValue(stored.body);
    this.#set('ETag', stored.etag);
    if (isUnmodified) return undefined;
    if (stored.body.type === 'json' && this.#get('Content-Type') === undefined) {
      this.#set('Content-Type', 'application/json; charset=utf-8');
    }
    return toPayload(stored.body);
  }

  #isUnmodified({ etag, headers }: StoredResponse): boolean {
    return fresh(this.request.headers, { etag, 'last-modified': headers['last-modified'] });
  }

  #addToVary(names: readonly string[]): void {
    const current = this.#get('Vary');
    const missing = names.filter((name) => !listItems(current).includes(name));
    if (missing.length === 0) return;
    this.#set('Vary', [...(current === undefined ? [] : [String(current)]), ...missing].join(', '));
  }

  #get(name: string): OutgoingHttpHeader | undefined {
    return this.adapter.getHeader(this.response, name) as OutgoingHttpHeader | undefined;
  }

  #set(name: string, value: string): void {
    this.adapter.setHeader(this.response, name, value);
  }
}

// RFC 9110, 15.4.5: a 304 carries what keeps the client's copy usable, and nothing that describes a body it lacks.
function describesBody(name: string): boolean {
  return name.startsWith('content-') && name !== 'content-location';
}

function cacheStatus(from: Provenance): string {
  if (from.isHit) return `rcache; hit; ttl=${Math.floor(from.remainingMs / 1000)}; detail=${from.source}`;
  return `rcache; fwd=miss${from.isStored ? '; stored' : ''}${from.isShared ? '; collapsed' : ''}`;
}
