import type { Key, KeyPart } from '../cache/key.js';
import type { CachedRoute } from './cached-routes.js';
import type { Principal } from './http-cache.decorator.js';
import { hasCredentials, type HttpRequest } from './http-message.js';

/** How the responses to one URL differ: by these headers, and in this generation of them. */
export interface VaryMarker {
  readonly vary: readonly string[];
  /** Part of the keys of the variants. A marker that is not stored, or is gone, takes them along. */
  readonly generation: string;
}

/**
 * Who shares the response to this request, or `undefined` when it is for nobody else. The segment is its own part of
 * the key, so that nobody becomes somebody else by spelling.
 */
export function audienceOf(
  route: CachedRoute,
  request: HttpRequest,
  credentialHeaders: readonly string[],
): KeyPart | undefined {
  const { scope = 'anonymous' } = route.options;
  if (scope === 'public' || scope === 'response') return scope;
  if (scope === 'anonymous') return hasCredentials(request, credentialHeaders) ? undefined : scope;
  const principal = scope(request);
  return isComplete(principal) ? ['principal', principal] : undefined;
}

/**
 * The key of a response: everything of the request that the handler may look at. The parsed query and parameters are
 * what the handler gets, so two requests that differ for it differ here, however the URL was spelled.
 */
export function responseKey(
  route: CachedRoute,
  path: string,
  request: HttpRequest,
  audience: KeyPart,
): readonly KeyPart[] {
  const { protocol, hostname, hosts, params, query, headers } = request;
  return [
    path,
    `${route.name}@${route.version}`,
    [protocol, hostname, headers.host, plain(hosts)],
    plain(params),
    route.options.query === undefined ? plain(query) : pick(route.options.query, query),
    route.vary.map((name) => request.headers[name]),
    audience,
  ];
}

/** The key of the variant that a request gets. */
export function variantKey(key: readonly KeyPart[], { vary, generation }: VaryMarker, request: HttpRequest): Key {
  return [...key, generation, vary.map((name) => normalised(name, request.headers[name]))];
}

/** What differs without a meaning: space around commas (RFC 9110, 5.6.1), and the case of languages. */
function normalised(name: string, value: string | readonly string[] | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = typeof value === 'string' ? value : value.join(',');
  if (text.includes('"')) return text;
  const list = text.trim().replace(/\s*,\s*/g, ',');
  return name === 'accept-language' ? list.toLowerCase() : list;
}

// An id that is missing would make one audience of all who have none.
function isComplete(principal: Principal | null | undefined): principal is Principal {
  if (Array.isArray(principal)) return principal.length > 0 && principal.every(isComplete);
  return principal !== undefined && principal !== null && principal !== '' && !Number.isNaN(principal);
}

function pick(names: readonly string[], query: object = {}): KeyPart {
  const values = query as Readonly<Record<string, KeyPart>>;
  return names.map((name) => (Object.hasOwn(values, name) ? values[name] : undefined));
}

function plain(values: object | undefined): KeyPart {
  return { ...values };
}
