import { type CacheControl, parse } from '@tusbar/cache-control';
import type { OutgoingHttpHeaders } from 'node:http';
import { parseHttpDate } from './http-date.js';

/** How long a response may be used (RFC 9111, 4.2; RFC 5861). Spans are milliseconds from when it was received. */
export interface Freshness {
  /** Fresh for so long; `undefined` for as long as the cache keeps responses that say nothing. */
  readonly freshMs: number | undefined;
  /** Its age when it was received. */
  readonly ageMs: number;
  /** How long past that it may be answered while it is refreshed, and when that fails. */
  readonly whileRevalidateMs: number;
  readonly ifErrorMs: number;
  /** Whether no client may ask for it once it is stale. */
  readonly mustRevalidate: boolean;
}

/** What a route says of the freshness of its responses. */
export interface FreshnessPolicy {
  /** `undefined`: what the response says, and what the cache does for those that say nothing. */
  readonly ttlMs: number | undefined;
  /** Whether a response that says nothing is not fresh at all. */
  readonly isExplicitOnly: boolean;
  /** Whether `Last-Modified` may stand in for what is not said. */
  readonly isHeuristic: boolean;
  readonly whileRevalidateMs: number;
  readonly ifErrorMs: number;
}

// RFC 9111, 4.2.2: a tenth of the time since it was last modified.
const HEURISTIC_SHARE = 0.1;
// RFC 9110, 15.1.
const HEURISTIC_STATUSES = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/** `Cache-Control` as a response or request has it, on however many lines. */
export function cacheControlOf(headers: OutgoingHttpHeaders): CacheControl {
  const value = headers['cache-control'];
  return parse([value].flat().join(', '));
}

/** Whether each use must be allowed by the origin. With a list of fields it is only about those. */
export function forbidsReuse(control: CacheControl): boolean {
  return control.noCache === true && (control.noCacheFields ?? []).length === 0;
}

/** What a response says of itself, under what its route says. */
export function freshnessOf(
  status: number,
  headers: OutgoingHttpHeaders,
  control: CacheControl,
  policy: FreshnessPolicy,
  nowMs: number,
): Freshness {
  const dateMs = parseHttpDate(headers['date'], nowMs);
  const ageMs = Math.max(ageHeaderMs(headers['age']), dateMs === undefined ? 0 : nowMs - dateMs, 0);
  const lifetimeMs = lifetimeOf(status, headers, control, policy, { dateMs: dateMs ?? nowMs, nowMs });
  const mustRevalidate =
    control.mustRevalidate === true ||
    control.proxyRevalidate === true ||
    forbidsReuse(control) ||
    typeof control.sharedMaxAge === 'number';
  const overdueMs = lifetimeMs === undefined ? 0 : Math.max(0, ageMs - lifetimeMs);
  const windowMs = (seconds: number | null | undefined, byRouteMs: number): number => {
    if (mustRevalidate) return 0;
    return Math.max(0, (typeof seconds === 'number' ? seconds * 1000 : byRouteMs) - overdueMs);
  };
  return {
    freshMs: lifetimeMs === undefined ? undefined : Math.max(0, lifetimeMs - ageMs),
    ageMs,
    whileRevalidateMs: windowMs(control.staleWhileRevalidate, policy.whileRevalidateMs),
    ifErrorMs: windowMs(control.staleIfError, policy.ifErrorMs),
    mustRevalidate,
  };
}

function lifetimeOf(
  status: number,
  headers: OutgoingHttpHeaders,
  control: CacheControl,
  policy: FreshnessPolicy,
  { dateMs, nowMs }: { dateMs: number; nowMs: number },
): number | undefined {
  if (forbidsReuse(control)) return 0;
  if (policy.ttlMs !== undefined) return policy.ttlMs;
  const said = explicitLifetime(headers, control, dateMs, nowMs);
  if (said !== undefined) return said;
  const modifiedMs = parseHttpDate(headers['last-modified'], nowMs);
  const mayGuess = HEURISTIC_STATUSES.includes(status) || control.public === true;
  if (policy.isHeuristic && mayGuess && modifiedMs !== undefined) {
    return Math.max(0, dateMs - modifiedMs) * HEURISTIC_SHARE;
  }
  return policy.isExplicitOnly ? 0 : undefined;
}

/** What `Cache-Control` and `Expires` say. What cannot be read means that it is stale. */
function explicitLifetime(
  headers: OutgoingHttpHeaders,
  control: CacheControl,
  dateMs: number,
  nowMs: number,
): number | undefined {
  const seconds = control.sharedMaxAge ?? control.maxAge;
  if (typeof seconds === 'number') return seconds * 1000;
  if (/(?:^|[,\s])(?:s-maxage|max-age)\s*(?:=|,|$)/i.test([headers['cache-control']].flat().join())) return 0;
  const expires = headers['expires'];
  if (expires === undefined) return undefined;
  const expiresMs = parseHttpDate(Array.isArray(expires) ? expires[0] : expires, nowMs);
  return expiresMs === undefined ? 0 : Math.max(0, expiresMs - dateMs);
}

/** RFC 9111, 5.1: the first of several, and nothing that is not a whole number. */
function ageHeaderMs(age: OutgoingHttpHeaders[string]): number {
  const first = String((Array.isArray(age) ? age[0] : age) ?? '')
    .split(',', 1)[0]!
    .trim();
  return /^\d+$/.test(first) ? Number(first) * 1000 : 0;
}
