import type { CallHandler } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { IncomingHttpHeaders, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import { isDeepStrictEqual, types } from 'node:util';
import { lastValueFrom, map, type Observable } from 'rxjs';
import { StreamableFile } from '@nestjs/common';
import type { HttpOutcome } from '../events.js';
import { cacheStatus, outcomeOf, type Provenance } from './cache-status.js';
import type { CachedRoute } from './cached-routes.js';
import { detach } from './detached-response.js';
import { listItems, type HttpRequest, type HttpResponse } from './http-message.js';
import { select } from './preconditions.js';
import { type Readable, RequestGuard } from './request-guard.js';
import { bytesOf, readFile, type StoredBody, toFile, toPayload, toValue } from './response-body.js';
import type { Answer, StoredResponse } from './stored-response.js';

/** How a handler is run for a response that others may get, too. */
export interface RunOptions {
  /** What it may read of the request; `undefined` for everything. */
  readonly readable: Readable | undefined;
  readonly mustThrow: boolean;
  /** The stale response it may say still holds, with a 304. */
  readonly previous: StoredResponse | undefined;
  /** Whether the client has got its answer already. */
  readonly isDetached: boolean;
}

// A handler that saw these would answer for one client only: with a part, or that nothing has changed.
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range'];

/** One request on its way through the cache, on whatever HTTP adapter. */
export class HttpExchange {
  /** For the caches in front, on answers that are stored here. */
  groups: string | undefined;
  #before: OutgoingHttpHeaders | undefined;
  #statusBefore = 200;

  constructor(
    private readonly adapter: AbstractHttpAdapter,
    readonly route: CachedRoute,
    readonly request: HttpRequest,
    private readonly response: HttpResponse,
    private readonly sendsStatus: boolean,
    private readonly report: (outcome: HttpOutcome) => void,
  ) {}

  /** Runs the handler for this request alone; `reason` is what `Cache-Status` says. */
  pass(next: CallHandler, reason: string): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => this.forward(value, reason)));
  }

  /** The handler's own value, as this route sends it. */
  forward(value: unknown, reason: string): unknown {
    this.report(reason.startsWith('fwd=bypass') || reason === 'fwd=request' ? 'bypass' : 'miss');
    if (!this.adapter.isHeadersSent(this.response)) this.#addStatus(`rcache; ${reason}`);
    return this.route.isOutermost && types.isUint8Array(value) ? this.#bytes(value) : value;
  }

  /** Runs the handler and looks at what it made of the response. */
  async run(next: CallHandler, options: RunOptions): Promise<Answer> {
    if (options.isDetached) await detach(this.response);
    const before = { ...this.response.getHeaders() };
    this.#before = before;
    this.#statusBefore = this.response.statusCode;
    const { headers } = this.request;
    const hidden = this.#hideConditions(headers, options.previous);
    const guard = options.readable && new RequestGuard(this.request, options.readable, options.mustThrow);
    try {
      const value = await this.#content(await lastValueFrom(next.handle(), { defaultValue: undefined }));
      const isSent = Boolean(this.adapter.isHeadersSent(this.response));
      const after = { ...this.response.getHeaders() };
      if (value instanceof Buffer) this.#describe(after);
      return { isSent, status: this.response.statusCode, before, headers: after, value, unkeyed: guard?.unkeyed };
    } finally {
      guard?.end();
      for (const name of CONDITIONS) Reflect.deleteProperty(headers, name);
      Object.assign(headers, hidden);
    }
  }

  /** Takes back what a handler did to the response whose answer is not the one that is sent. */
  reset(): void {
    const before = this.#before;
    if (before === undefined) return;
    for (const [name, value] of Object.entries(this.response.getHeaders())) {
      if (before[name] === undefined) this.response.removeHeader(name);
      else if (!isDeepStrictEqual(before[name], value)) this.#set(name, before[name] as string);
    }
    this.adapter.status(this.response, this.#statusBefore);
  }

  /** Sets status and headers; what it returns is for the adapter, or for the interceptors outside. */
  answer(stored: StoredResponse, from: Provenance): unknown {
    this.report(outcomeOf(from));
    const { isOutermost, vary, cacheControl, isByResponse } = this.route;
    const selection = isOutermost ? select(this.request, stored) : 'whole';
    const isUnmodified = selection === 'unmodified';
    for (const name in stored.headers) {
      if (isOutermost ? isUnmodified && describesBody(name) : name === 'etag') continue;
      this.#set(name, stored.headers[name] as string);
    }
    if (!isByResponse && stored.headers['cache-control'] === undefined && this.#get('cache-control') === undefined) {
      this.#set('cache-control', cacheControl);
    }
    if (vary.length > 0) this.#addToVary(vary);
    const ageMs = from.ageMs + stored.ageMs;
    if (from.isHit || ageMs >= 1000) this.#set('age', String(Math.floor(ageMs / 1000)));
    if (this.groups !== undefined) this.#add('cache-groups', this.groups);
    this.#addStatus(cacheStatus(from));
    return isOutermost ? this.#select(stored, selection) : this.#payload(stored.status, toValue(stored.body));
  }

  #select(stored: StoredResponse, selection: ReturnType<typeof select>): unknown {
    switch (selection) {
      case 'unmodified':
        return this.#payload(304, undefined);
      case 'failed':
        return this.#payload(412, undefined);
      case 'whole': {
        const { body } = stored;
        if (body.type === 'json' && stored.headers['content-type'] === undefined) {
          this.#set('content-type', 'application/json; charset=utf-8');
        }
        return this.#payload(stored.status, body.type === 'bytes' ? this.#bytes(bytesOf(body)) : toPayload(body));
      }
      case 'unsatisfiable':
        this.#set('content-range', `bytes */${bytesOf(stored.body).length}`);
        return this.#payload(416, undefined);
      default:
        return this.#part(stored.body, selection);
    }
  }

  #payload(status: number, payload: unknown): unknown {
    // Nest has set that of the route already.
    if (this.response.statusCode !== status) this.adapter.status(this.response, status);
    return payload;
  }

  #part(body: StoredBody, { start, end }: { start: number; end: number }): unknown {
    const bytes = bytesOf(body);
    this.#set('content-range', `bytes ${start}-${end}/${bytes.length}`);
    if (this.#get('content-type') === undefined) {
      this.#set('content-type', body.type === 'json' ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8');
    }
    return this.#payload(206, this.#bytes(bytes.subarray(start, end + 1)));
  }

  #hideConditions(headers: IncomingHttpHeaders, previous: StoredResponse | undefined): IncomingHttpHeaders {
    const hidden: IncomingHttpHeaders = {};
    for (const name of CONDITIONS) {
      if (headers[name] !== undefined) hidden[name] = headers[name];
      Reflect.deleteProperty(headers, name);
    }
    if (previous !== undefined) {
      const { etag, 'last-modified': modified } = previous.headers;
      if (etag !== undefined) headers['if-none-match'] = etag;
      if (modified !== undefined) headers['if-modified-since'] = modified;
    }
    return hidden;
  }

  async #content(value: unknown): Promise<unknown> {
    if (!(value instanceof StreamableFile) || !this.route.isOutermost) return value;
    const { type, disposition } = value.getHeaders();
    const content = await readFile(value, this.route.maxBodyBytes);
    if (!Buffer.isBuffer(content)) return content;
    if (this.#get('content-type') === undefined && type !== undefined) this.#set('content-type', type);
    if (this.#get('content-disposition') === undefined && typeof disposition === 'string') {
      this.#set('content-disposition', disposition);
    }
    return content;
  }

  #describe(headers: OutgoingHttpHeaders): void {
    headers['content-type'] ??= 'application/octet-stream';
  }

  #bytes(bytes: Uint8Array): unknown {
    return this.adapter.getType() === 'fastify' ? bytes : toFile(bytes);
  }

  #addStatus(member: string): void {
    // RFC 9211, 2: caches nearer to the client come later.
    if (this.sendsStatus) this.#add('cache-status', member);
  }

  /** To a list that may be there already. */
  #add(name: string, members: string): void {
    const before = this.#get(name);
    this.#set(name, before === undefined ? members : `${String(before)}, ${members}`);
  }

  #addToVary(names: readonly string[]): void {
    const current = this.#get('vary');
    const missing = names.filter((name) => !listItems(current).includes(name));
    if (missing.length === 0) return;
    this.#set('vary', [...(current === undefined ? [] : [String(current)]), ...missing].join(', '));
  }

  #get(name: string): OutgoingHttpHeader | undefined {
    return this.adapter.getHeader(this.response, name) as OutgoingHttpHeader | undefined;
  }

  /** As it is: `set` of Express would add a charset to a content type. */
  #set(name: string, value: string): void {
    const { response } = this;
    if (response.setHeader !== undefined) response.setHeader(name, value);
    else this.adapter.setHeader(response, name, value);
  }
}

// RFC 9110, 15.4.5: a 304 carries what keeps the client's copy usable, and nothing that describes a body it lacks.
function describesBody(name: string): boolean {
  return name.startsWith('content-') && name !== 'content-location';
}
