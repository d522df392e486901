import { SetMetadata } from '@nestjs/common';
import { inspect } from 'node:util';
import { InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { toMs, type Duration } from '../time.js';
import { CREDENTIAL_HEADERS, type HttpRequest } from './http-message.js';

/** Who asks, as text or a number, or several of them (`[tenantId, userId]`). */
export type Principal = string | number | bigint | readonly (string | number | bigint)[];

/** How the responses of a route are cached. `Request` is the request type of the adapter, with what guards add to it. */
export interface HttpCacheOptions<Request = HttpRequest> {
  /** Time a response stays fresh. Default: that of the cache `http` in the module options, else the module's default. */
  ttl?: Duration;
  /** Names under which responses can be invalidated, or a function of the request that gives them. */
  tags?: readonly string[] | ((request: Request) => readonly string[]);
  /**
   * Who shares a response. Default `'anonymous'`: requests without credentials; a request with a credential header, or
   * on which a guard has put a user, passes by the cache. `'public'`: everybody, whatever credentials they send, because
   * the handler does not look at them. A function: those for whom it gives the same principal; requests without one
   * (`undefined`, or an empty part) pass by the cache.
   */
  scope?: 'anonymous' | 'public' | ((request: Request) => Principal | null | undefined);
  /** Request headers the response depends on. They become part of the key and of `Vary`. */
  vary?: readonly string[];
  /** The query parameters that are part of the key; the handler must not look at others. Default: all of them. */
  query?: readonly string[];
  /** Response headers to store beside the usual ones (`STORED_HEADERS`), for handlers that set their own. */
  headers?: readonly string[];
}

/** What the decorators leave on a class or method: `false` after `@NoHttpCache()`. */
export type HttpCacheMetadata = HttpCacheOptions<never> | false;

export const HTTP_CACHE_METADATA = 'nestjs-rcache:http-cache';

const OPTION_NAMES = ['ttl', 'tags', 'scope', 'vary', 'query', 'headers'];
const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;

/**
 * Lets `HttpCacheInterceptor` cache the GET responses of a route, or of every route of a controller; a route's options
 * stand over its controller's.
 *
 *     @Get()
 *     @HttpCache({ ttl: '10m', tags: ['products'], query: ['page', 'sort'] })
 *     list(@Query('page') page: string, @Query('sort') sort: string) {}
 *
 * @throws InvalidOptionsError at once, naming every option that is wrong or unknown.
 */
export function HttpCache<Request = HttpRequest>(
  options: HttpCacheOptions<Request> = {},
): ClassDecorator & MethodDecorator {
  const problems = Object.keys(options)
    .filter((name) => !OPTION_NAMES.includes(name))
    .map((name) => unknownName(name, OPTION_NAMES));
  problems.push(...checkTtl(options.ttl), ...checkScope(options.scope));
  if (typeof options.tags !== 'function') problems.push(...checkNames('tags', options.tags, /[^]/));
  problems.push(...checkNames('query', options.query, /[^]/));
  problems.push(...checkNames('vary', options.vary, TOKEN), ...checkVary(options.vary));
  problems.push(...checkNames('headers', options.headers, TOKEN), ...checkHeaders(options.headers));
  if (problems.length > 0) throw new InvalidOptionsError('@HttpCache', problems);
  return SetMetadata(HTTP_CACHE_METADATA, options);
}

/** Takes a route out of the cache of its controller. */
export function NoHttpCache(): ClassDecorator & MethodDecorator {
  return SetMetadata(HTTP_CACHE_METADATA, false);
}

function checkTtl(ttl: Duration | undefined): string[] {
  if (ttl === undefined) return [];
  try {
    toMs(ttl, 'ttl');
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

function checkScope(scope: unknown): string[] {
  if (scope === undefined || scope === 'anonymous' || scope === 'public' || typeof scope === 'function') return [];
  return [`scope is ${inspect(scope)}; it must be 'anonymous', 'public' or a function of the request`];
}

function checkNames(option: string, names: unknown, pattern: RegExp): string[] {
  if (names === undefined) return [];
  if (!Array.isArray(names)) return [`${option} is ${inspect(names)}; it must be a list of names`];
  return names
    .filter((name) => typeof name !== 'string' || !pattern.test(name))
    .map((name) => `${option} holds ${inspect(name)}; it must be a name`);
}

function checkVary(vary: readonly string[] | undefined): string[] {
  if (!Array.isArray(vary)) return [];
  const problems = vary
    .filter((name) => CREDENTIAL_HEADERS.includes(String(name).toLowerCase()))
    .map((name) => `vary holds "${name}", a secret that keys must not show; use scope: (request) => request.user.id`);
  return vary.includes('*') ? [...problems, 'vary holds "*", which no response can be stored under'] : problems;
}

function checkHeaders(headers: readonly string[] | undefined): string[] {
  if (!Array.isArray(headers) || !headers.some((name) => String(name).toLowerCase() === 'set-cookie')) return [];
  return ['headers holds "set-cookie"; a response that sets a cookie is never stored'];
}
