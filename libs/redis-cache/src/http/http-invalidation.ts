import type { CacheService } from '../cache/cache.service.js';
import type { HttpRequest, HttpResponse } from './http-message.js';
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

/** Drops what is stored for the path of an unsafe request, and for those its response names. */
export async function dropPaths(cache: CacheService, request: HttpRequest, response: HttpResponse): Promise<void> {
  const headers = response.getHeaders();
  const tags = [
    pathTag(request),
    locationTag(request, headers['location']),
    locationTag(request, headers['content-location']),
  ];
  await cache.invalidateTags([...new Set(tags.filter((tag) => tag !== undefined))]);
}
