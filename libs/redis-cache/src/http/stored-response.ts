import type { CacheControl } from '@tusbar/cache-control';
import etag from 'etag';
import type { OutgoingHttpHeaders } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { cacheControlOf, forbidsReuse, type FreshnessPolicy, freshnessOf } from './freshness.js';
import { listItems } from './http-message.js';
import { bytesOf, type StoredBody, toBody } from './response-body.js';

/** A response as it is kept: plain data, so that all processes and tiers share it as it is. */
export interface StoredResponse {
  readonly status: number;
  /** Lower-case names. `etag` is strong, of the exact bytes, unless the handler gave its own. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: StoredBody;
  /** Its age when it was stored. */
  readonly ageMs: number;
  readonly whileRevalidateMs: number;
  readonly ifErrorMs: number;
  readonly mustRevalidate: boolean;
  /** How long it was fresh then; 0 is kept to be asked about, `null` is the ttl of the cache. */
  readonly freshMs: number | null;
}

/** A response to be stored, and how long it is of use when it is no longer fresh. */
export interface Storable {
  readonly response: StoredResponse;
  readonly graceMs: number;
  /** Request headers it depends on besides those of the route. */
  readonly varied: readonly string[];
}

/** Response headers that are stored without being asked for. */
export const STORED_HEADERS: readonly string[] = [
  'cache-control',
  'cache-groups',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'date',
  'deprecation',
  'etag',
  'expires',
  'last-modified',
  'link',
  'location',
  'sunset',
  'vary',
];

/** Statuses a route may have stored that names its own rules; errors are thrown, and 206 is a part, not the whole. */
const STORABLE_STATUSES = [200, 203, 204, 301, 308, 404, 410];
/** Statuses whose meaning is known here (RFC 9111, 5.2.2.3). */
const UNDERSTOOD_STATUSES = [...STORABLE_STATUSES, 300, 302, 303, 307, 400, 405, 414, 500, 501, 502, 503, 504];
/** Of one connection (RFC 9110, 7.6.1), or made anew with each response. */
const HOP_HEADERS = [
  'age',
  'cache-status',
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** RFC 9111, 3.2: what a 304 does not change of the response it is about. */
const KEPT_BY_304 = /^(?:etag|content-(?:encoding|length|md5|range))$/;

/** What the handler answered. `before` and `headers` are the response's headers before and after it ran. */
export interface Answer {
  /** Whether the handler sent it by itself, so that nothing is left to store. */
  readonly isSent: boolean;
  readonly status: number;
  readonly before: OutgoingHttpHeaders;
  readonly headers: OutgoingHttpHeaders;
  readonly value: unknown;
  /** What it read of the request that the key does not tell. */
  readonly unkeyed?: ReadonlySet<string> | undefined;
}

/** What a route says of its responses. Names are in lower case. */
export interface StoragePolicy extends FreshnessPolicy {
  /** `'all'`: whatever is not about one connection. */
  readonly storedHeaders: readonly string[] | 'all';
  readonly vary: readonly string[];
  /** Whether each principal has responses of its own, so that `private` ones may be kept. */
  readonly isPrivate: boolean;
  /** Whether the response alone says who may have it, what it depends on, and how long it is fresh. */
  readonly isByResponse: boolean;
  /** How long a stale response is kept to be asked about. */
  readonly keepMs: number;
}

/** Of the request an answer is for. */
export interface Asked {
  readonly hasCredentials: boolean;
  /** Goes into the tag, so that nobody can guess at the bodies of others. */
  readonly salt: string;
  readonly nowMs: number;
}

/** The answer as it is kept, or `undefined` when it must not or cannot be: nobody else may have it then. */
export function toStored(answer: Answer, policy: StoragePolicy, asked: Asked): Storable | undefined {
  const { status, headers, before } = answer;
  if (answer.isSent) return undefined;
  if (!isDeepStrictEqual(headers['set-cookie'], before['set-cookie'])) return undefined;
  const body = status === 204 || status === 304 ? NO_BODY : toBody(answer.value);
  // Known only now: to spell a value that has parts of the request in it is to read them.
  if (body === undefined || (answer.unkeyed?.size ?? 0) > 0) return undefined;
  return storable({ status, headers, kept: keptHeaders(answer, policy), body }, answer, policy, asked);
}

/** The response a 304 is about, brought up to date by it (RFC 9111, 4.3.4). */
export function toFreshened(
  previous: StoredResponse,
  answer: Answer,
  policy: StoragePolicy,
  asked: Asked,
): Storable | undefined {
  const updates = Object.entries(keptHeaders(answer, policy)).filter(([name]) => !KEPT_BY_304.test(name));
  const kept = { ...previous.headers, ...Object.fromEntries(updates) };
  const headers = { ...kept, age: answer.headers['age'] };
  return storable({ status: previous.status, headers, kept, body: previous.body }, answer, policy, asked);
}

/** Headers the handler set that hits will not have, because the route does not list them. */
export function lostHeaders(answer: Answer, { storedHeaders }: StoragePolicy): string[] {
  if (storedHeaders === 'all') return [];
  return changedHeaders(answer)
    .map(([name]) => name)
    .filter((name) => !storedHeaders.includes(name) && !HOP_HEADERS.includes(name));
}

const NO_BODY: StoredBody = { type: 'value', value: null };

interface Parts {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly kept: Readonly<Record<string, string>>;
  readonly body: StoredBody;
}

function storable(parts: Parts, answer: Answer, policy: StoragePolicy, asked: Asked): Storable | undefined {
  const { status, headers, body } = parts;
  const control = cacheControlOf(headers);
  const { isByResponse, isPrivate } = policy;
  if (forbidsStorage(control, status) || (control.private === true && !isPrivate)) return undefined;
  if (!isByResponse && (forbidsReuse(control) || !STORABLE_STATUSES.includes(status))) return undefined;
  if (status < 200 || status === 206 || status === 304) return undefined;
  const isMeantForAll = control.public === true || control.mustRevalidate === true || control.sharedMaxAge !== null;
  if (isByResponse && asked.hasCredentials && !isMeantForAll) return undefined;
  // What middleware varies by, it applies to every response anew.
  const varied = listItems(headers['vary']).filter(
    (name) => !listItems(answer.before['vary']).includes(name) && !policy.vary.includes(name),
  );
  const isEncoded = headers['content-encoding'] !== undefined && !policy.vary.includes('accept-encoding');
  if (varied.includes('*') || (!isByResponse && (varied.length > 0 || isEncoded))) return undefined;

  const freshness = freshnessOf(status, headers, control, policy, asked.nowMs);
  const { freshMs, ageMs, whileRevalidateMs, ifErrorMs, mustRevalidate } = freshness;
  const hasValidator = headers['etag'] !== undefined || headers['last-modified'] !== undefined;
  const keepMs = isByResponse && (hasValidator || !mustRevalidate) ? policy.keepMs : 0;
  const graceMs = Math.max(whileRevalidateMs, ifErrorMs, keepMs);
  if (freshMs === 0 && graceMs === 0) return undefined;
  const kept = withoutFields(parts.kept, control.noCacheFields ?? []);
  kept['date'] ??= new Date(asked.nowMs).toUTCString();
  if (!isByResponse && (status === 200 || status === 203)) kept['etag'] ??= etag(salted(body, asked.salt));
  const times = { ageMs, whileRevalidateMs, ifErrorMs, mustRevalidate, freshMs: freshMs ?? null };
  return { response: { status, headers: kept, body, ...times }, graceMs, varied };
}

/** RFC 9111, 5.2.2.3: where `must-understand` is understood, it stands over the `no-store` for those who do not know it. */
function forbidsStorage({ mustUnderstand, noStore }: CacheControl, status: number): boolean {
  return mustUnderstand === true ? !UNDERSTOOD_STATUSES.includes(status) : noStore === true;
}

function keptHeaders(answer: Answer, { storedHeaders }: StoragePolicy): Record<string, string> {
  const ofConnection = listItems(answer.headers['connection']);
  const headers: Record<string, string> = {};
  for (const [name, value] of changedHeaders(answer)) {
    const isKept = storedHeaders === 'all' ? !HOP_HEADERS.includes(name) : storedHeaders.includes(name);
    if (!isKept || ofConnection.includes(name)) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return headers;
}

function withoutFields(headers: Readonly<Record<string, string>>, fields: readonly string[]): Record<string, string> {
  const names = fields.map((field) => field.toLowerCase());
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

function changedHeaders({ before, headers }: Answer): [string, OutgoingHttpHeaders[string]][] {
  return Object.entries(headers).filter(
    ([name, value]) => value !== undefined && !isDeepStrictEqual(value, before[name]),
  );
}

function salted(body: StoredBody, salt: string): Buffer {
  const bytes = bytesOf(body);
  return salt === '' ? bytes : Buffer.concat([Buffer.from(salt), bytes]);
}
