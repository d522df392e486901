import { createHash } from 'node:crypto';
import { encodeKey, type KeyPart } from '../cache/key.js';
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
export function responseKey(route: CachedRoute, path: string, request: HttpRequest, audience: KeyPart): string {
  const { hosts, params, query, headers } = request;
  const { vary, options } = route;
  const place = placeOf(route, path, request);
  // The shortest way to a text that tells all of these apart: no header holds NUL, and JSON escapes it.
  const asked = options.query === undefined ? json(query) : JSON.stringify(pick(options.query, query));
  const varied = vary.length === 0 ? '' : JSON.stringify(vary.map((name) => canonical(headers[name])));
  const what = `\0${json(hosts)}\0${json(params)}\0${asked}\0${varied}\0${json(audience)}`;
  const short = place.id + what;
  return names.get(short) ?? remember(short, named(route.name, place.text + what));
}

/** What requests to one path of one host have in common. */
interface Place {
  readonly path: string;
  readonly protocol: string | undefined;
  readonly host: string | undefined;
  readonly hostHeader: string | undefined;
  readonly text: string;
  /** Stands for the text in this process. */
  readonly id: string;
}

const MAX_PLACES = 1000;
const places = new Map<string, Place>();
const lastPlaces = new WeakMap<CachedRoute, Place>();
let lastPlaceId = 0;

function placeOf(route: CachedRoute, path: string, { protocol, host, headers }: HttpRequest): Place {
  const last = lastPlaces.get(route);
  const isLast = last?.path === path && last.protocol === protocol && last.host === host;
  if (isLast && last.hostHeader === headers.host) return last;
  const text = `${route.name}\0${path}\0${route.version}\0${orNone(protocol)}\0${orNone(host)}\0${orNone(headers.host)}`;
  let place = places.get(text);
  if (place === undefined) {
    place = { path, protocol, host, hostHeader: headers.host, text, id: String(++lastPlaceId) };
    if (places.size === MAX_PLACES) places.clear();
    places.set(text, place);
  }
  lastPlaces.set(route, place);
  return place;
}

/** Nothing that a header or a URL can say stands for none. */
function orNone(part: string | undefined): string {
  return part ?? '\n';
}

function json(value: unknown): string {
  // Two that need no quotes: they are no JSON, and nothing else is spelled like them.
  if (value === undefined) return '';
  if (value === 'public' || value === 'anonymous') return value;
  const plain = canonical(value);
  return plain === NO_FIELDS ? '0' : JSON.stringify(plain);
}

/** The key of the variant that a request gets. */
export function variantKey(key: string, { vary, generation }: VaryMarker, request: HttpRequest): string {
  const values = vary.map((name) => normalised(name, request.headers[name]));
  const text = JSON.stringify([key, generation, values]);
  return names.get(text) ?? remember(text, named(key.slice(0, key.lastIndexOf(':')), text));
}

/**
 * Names of texts that were asked for before: a digest and an encoding for each hit would cost more than the hit. Emptied when
 * full, as the places are: keeping the order of use costs each hit more than the digests that saves.
 */
const names = new Map<string, string>();
const MAX_NAMES = 10_000;
// A client can write texts of any length.
const MAX_REMEMBERED = 1000;
const MAX_HINT_LENGTH = 100;
const NO_FIELDS = 0;

/** A short name of a text, with `hint`, which the text tells, too, for whoever reads the keys in Redis. */
function named(hint: string, text: string): string {
  const digest = createHash('sha256').update(text).digest('base64url');
  const readable = hint.slice(0, MAX_HINT_LENGTH).replace(/[^A-Za-z0-9_.:-]+/g, '-');
  return `${readable}:${digest}`;
}

function remember(text: string, name: string): string {
  if (names.size === MAX_NAMES) names.clear();
  if (text.length <= MAX_REMEMBERED) names.set(text, name);
  return name;
}

/** A value as JSON can tell it from all others, with the fields of objects in order. */
function canonical(value: unknown): unknown {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.map(canonical);
  if (!isPlainObject(value)) return { $: encodeKey([value as KeyPart]) };
  const fields = Object.keys(value);
  if (fields.length === 0) return NO_FIELDS;
  return { o: fields.sort().map((name) => [name, canonical((value as Record<string, unknown>)[name])]) };
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Routers and parsers make objects of their own kinds, with nothing behind them.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
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

function pick(wanted: readonly string[], query: object = {}): unknown[] {
  const values = query as Readonly<Record<string, unknown>>;
  return wanted.map((name) => (Object.hasOwn(values, name) ? canonical(values[name]) : null));
}
