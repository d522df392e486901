import type { OutgoingHttpHeaders } from 'node:http';
import { groupsIn, groupTag } from './cache-groups.js';
import type { HttpRequest } from './http-message.js';
import { locationTag, pathTag } from './path-tag.js';

/** RFC 9110, 9.2.1, and the registry of methods. */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'SEARCH', 'PROPFIND', 'REPORT', 'QUERY'];

export function isSafe(method: string): boolean {
  return SAFE_METHODS.includes(method);
}

/** Whether a status means that an unsafe request changed something (RFC 9111, 4.4). */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 400;
}

/** What is stored for the path of an unsafe request, and for those its response names. */
export function pathTags(request: HttpRequest, headers: OutgoingHttpHeaders): string[] {
  const tags = [
    pathTag(request),
    locationTag(request, headers['location']),
    locationTag(request, headers['content-location']),
  ];
  return tags.filter((tag) => tag !== undefined);
}

// Groups that need not be dropped again when the response that names them is looked at.
const dropped = new WeakMap<HttpRequest, readonly string[]>();

/** Says that what has these tags has been dropped for this request. */
export function noteDropped(request: HttpRequest, tags: readonly string[]): void {
  dropped.set(request, [...(dropped.get(request) ?? []), ...tags]);
}

/** What the response to an unsafe request tells caches to drop (RFC 9875, 3). `areTags`: our tags are groups, too. */
export function toldTags(request: HttpRequest, headers: OutgoingHttpHeaders, areTags: boolean): string[] {
  const done = dropped.get(request) ?? [];
  const groups = groupsIn(headers['cache-group-invalidation']);
  const tags = areTags ? groups.filter((group) => group !== '' && !done.includes(group)) : [];
  return [...groups.map((group) => groupTag(request, group)), ...tags];
}
