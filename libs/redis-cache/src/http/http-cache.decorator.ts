import { SetMetadata } from '@nestjs/common';
import { inspect } from 'node:util';
import { InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { toMs, toMsOrZero, type Duration } from '../time.js';
import { CREDENTIAL_HEADERS, type HttpRequest } from './http-message.js';

/** Who asks, as text or a number, or several of them (`[tenantId, userId]`). */
export type Principal = string | number | bigint | readonly (string | number | bigint)[];

/** How the responses of a route are cached. `Request` is the request type of the adapter, with what guards add to it. */
export interface HttpCacheOptions<Request = HttpRequest> {
  /** Time a response stays fresh here, whatever its `Cache-Control` tells others. Default: what that says (`s-maxage`,
   * `max-age`) or `Expires`; else the ttl of the cache `http` in the module options, else the module's default. */
  ttl?: Duration;
  /** Time after it was fresh in which a response is answered while the handler runs again for the next ones (RFC 5861).
   * Default: the `stale-while-revalidate` of the response, else 0 (never). */
  staleWhileRevalidate?: Duration | 0;
  /** Time after it was fresh in which a response is answered when the handler fails (RFC 5861): it throws anything but a
   * client's error, or answers 500, 502, 503 or 504. Default: the `stale-if-error` of the response, else 0 (never). */
  staleIfError?: Duration | 0;
  /** Names under which responses can be invalidated, or a function of the request that gives them. */
  tags?: readonly string[] | ((request: Request) => readonly string[]);
  /**
   * Who shares a response. Default `'anonymous'`: requests without credentials; a request with a credential header, or
   * on which a guard has put a user, passes by the cache. `'public'`: everybody, whatever credentials they send, because
   * the handler does not look at them. A function: those for whom it gives the same principal; requests without one
   * (`undefined`, or an empty part) pass by the cache. `'response'`: what the response says, by the rules for any shared
   * cache (RFC 9111), for handlers that pass on what another server answered: its `Cache-Control`, `Expires` and `Vary`
   * are all there is to go by, and all of its headers are kept.
   */
  scope?: 'anonymous' | 'public' | 'response' | ((request: Request) => Principal | null | undefined);
  /** Request headers the response depends on. They become part of the key and of `Vary`. */
  vary?: readonly string[];
  /** The query parameters that are part of the key; the handler must not look at others. Default: all of them. */
  query?: readonly string[];
  /** Response headers to store beside the usual ones (`STORED_HEADERS`), for handlers that set their own. */
  headers?: readonly string[];
  /** `Cache-Control` for clients and caches in front, where the handler sets none. Default `no-cache`: they ask each time,
   * and mostly get a 304; with a function as `scope` `private, no-cache`. */
  cacheControl?: string;
  /** Larger files and streams are sent as they come, and not stored. Default 1 MiB. */
  maxBodyBytes?: number;
  /** With `scope: 'response'`: a response that says nothing but `Last-Modified` is fresh for a tenth of its age. Default
   * `false`. */
  heuristic?: boolean;
}

/** What the decorators leave on a class or method: `false` after `@NoHttpCache()`. */
export type HttpCacheMetadata = HttpCacheOptions<never> | false;

export const HTTP_CACHE_METADATA = 'nestjs-rcache:http-cache';

const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;
const ANY_TEXT = /[^]/;

/** What is wrong with each option, in sentences. */
const CHECKS: { readonly [Name in keyof HttpCacheOptions]-?: (value: unknown) => string[] } = {
  ttl: (value) => problemOf(() => toMs(value as Duration, 'ttl')),
  staleWhileRevalidate: (value) => problemOf(() => toMsOrZero(value as Duration, 'staleWhileRevalidate')),
  staleIfError: (value) => problemOf(() => toMsOrZero(value as Duration, 'staleIfError')),
  tags: (value) => (typeof value === 'function' ? [] : checkNames('tags', value, ANY_TEXT)),
  scope: checkScope,
  vary: (value) => [...checkNames('vary', value, TOKEN), ...checkVary(value)],
  query: (value) => checkNames('query', value, ANY_TEXT),
  headers: (value) => [...checkNames('headers', value, TOKEN), ...checkHeaders(value)],
  cacheControl: (value) => expectThat('cacheControl', value, typeof value === 'string' && value !== '', 'text'),
  maxBodyBytes: (value) =>
    expectThat('maxBodyBytes', value, Number.isInteger(value) && (value as number) >= 1, 'a whole number above 0'),
  heuristic: (value) => expectThat('heuristic', value, typeof value === 'boolean', 'true or false'),
};
const OPTION_NAMES = Object.keys(CHECKS);

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
  const problems = Object.entries(options).flatMap(([name, value]) => {
    if (!OPTION_NAMES.includes(name)) return [unknownName(name, OPTION_NAMES)];
    return value === undefined ? [] : CHECKS[name as keyof HttpCacheOptions](value);
  });
  if (problems.length > 0) throw new InvalidOptionsError('@HttpCache', problems);
  return SetMetadata(HTTP_CACHE_METADATA, options);
}

/** Takes a route out of the cache of its controller. */
export function NoHttpCache(): ClassDecorator & MethodDecorator {
  return SetMetadata(HTTP_CACHE_METADATA, false);
}

function problemOf(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

function expectThat(option: string, value: unknown, isRight: boolean, allowed: string): string[] {
  return isRight ? [] : [`${option} is ${inspect(value)}; it must be ${allowed}`];
}

function checkScope(scope: unknown): string[] {
  const names = ['anonymous', 'public', 'response'];
  if (typeof scope === 'function' || names.includes(scope as string)) return [];
  return [`scope is ${inspect(scope)}; it must be 'anonymous', 'public', 'response' or a function of the request`];
}

function checkNames(option: string, names: unknown, pattern: RegExp): string[] {
  if (!Array.isArray(names)) return [`${option} is ${inspect(names)}; it must be a list of names`];
  return names
    .filter((name) => typeof name !== 'string' || !pattern.test(name))
    .map((name) => `${option} holds ${inspect(name)}; it must be a name`);
}

function checkVary(vary: unknown): string[] {
  if (!Array.isArray(vary)) return [];
  const problems = vary
    .filter((name) => CREDENTIAL_HEADERS.includes(String(name).toLowerCase()))
    .map((name) => `vary holds "${name}", a secret that keys must not show; use scope: (request) => request.user.id`);
  return vary.includes('*') ? [...problems, 'vary holds "*", which no response can be stored under'] : problems;
}

function checkHeaders(headers: unknown): string[] {
  if (!Array.isArray(headers) || !headers.some((name) => String(name).toLowerCase() === 'set-cookie')) return [];
  return ['headers holds "set-cookie"; a response that sets a cookie is never stored'];
}
