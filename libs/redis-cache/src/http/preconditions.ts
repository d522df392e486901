import fresh from 'fresh';
import parseRange from 'range-parser';
import { parseHttpDate } from './http-date.js';
import type { HttpRequest } from './http-message.js';
import { bytesOf } from './response-body.js';
import type { StoredResponse } from './stored-response.js';

/** What of a stored response a request gets: all of it, one part, or only the news that it holds (304) or not (412). */
export type Selection =
  'whole' | 'unmodified' | 'failed' | 'unsatisfiable' | { readonly start: number; readonly end: number };

/** RFC 9110, 13.2.2 and 14.2. */
export function select({ headers }: HttpRequest, stored: StoredResponse): Selection {
  if (stored.status < 200 || stored.status > 299) return 'whole';
  const { etag, 'last-modified': modified, date } = stored.headers;
  if (headers['if-match'] !== undefined) {
    if (!matchesStrongly(headers['if-match'], etag)) return 'failed';
  } else if (headers['if-unmodified-since'] !== undefined && modified !== undefined) {
    const nowMs = Date.now();
    const sinceMs = parseHttpDate(headers['if-unmodified-since'], nowMs);
    const modifiedMs = parseHttpDate(modified, nowMs);
    if (sinceMs !== undefined && modifiedMs !== undefined && modifiedMs > sinceMs) return 'failed';
  }
  // RFC 9111, 4.3.2: without Last-Modified the date stands in for it.
  if (fresh(headers, { etag, 'last-modified': modified ?? date })) return 'unmodified';
  if (headers.range === undefined || stored.status !== 200 || !isForRange(headers['if-range'], etag, modified)) {
    return 'whole';
  }
  const ranges = parseRange(bytesOf(stored.body).length, headers.range);
  if (ranges === -1) return 'unsatisfiable';
  // A list of parts would be a multipart body; whoever asks for one must expect the whole (RFC 9110, 14.2).
  return ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1 ? 'whole' : ranges[0]!;
}

/** RFC 9110, 13.1.5: a part of another version than the client has would be of no use to it. */
function isForRange(condition: string | string[] | undefined, etag?: string, modified?: string): boolean {
  if (condition === undefined) return true;
  return typeof condition === 'string' && ((isStrong(etag) && condition === etag) || condition === modified);
}

function matchesStrongly(list: string, etag: string | undefined): boolean {
  if (list.trim() === '*') return true;
  return isStrong(etag) && list.split(',').some((tag) => tag.trim() === etag);
}

function isStrong(etag: string | undefined): boolean {
  return etag !== undefined && !etag.startsWith('W/');
}
