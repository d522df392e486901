import { createHash } from 'node:crypto';
import type { OutgoingHttpHeader } from 'node:http';
import type { HttpRequest } from './http-message.js';

// A longer path costs more than its digest.
const MAX_LENGTH = 100;

/**
 * The tag of all responses to a path, whatever their query, audience or variant: an unsafe request to it drops them
 * (RFC 9111, 4.4). Spellings that a router may take for the same path have the same tag.
 */
export function pathTag(request: HttpRequest): string {
  return tagOf(request, request.originalUrl ?? request.url ?? '/');
}

/** The tag of what `Location` or `Content-Location` names, if that is on the same host. */
export function locationTag(request: HttpRequest, location: OutgoingHttpHeader | undefined): string | undefined {
  if (typeof location !== 'string') return undefined;
  const { host = 'localhost' } = request.headers;
  const base = `http://${host}${request.originalUrl ?? request.url ?? '/'}`;
  if (!URL.canParse(location, base)) return undefined;
  const url = new URL(location, base);
  return url.host === new URL(base).host ? tagOf(request, url.pathname) : undefined;
}

function tagOf({ hostname = '' }: HttpRequest, url: string): string {
  const path = decoded(url.split(/[?#]/, 1)[0]!.replace(/^https?:\/\/[^/]*/i, ''))
    .toLowerCase()
    .replace(/\/{2,}/g, '/')
    .replace(/(?<=.)\/$/, '');
  const place = `${hostname.toLowerCase()}${path === '' ? '/' : path}`;
  const name = place.length > MAX_LENGTH ? createHash('sha256').update(place).digest('base64url') : place;
  return `http-path:${name}`;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // No path that a router would take.
    return path;
  }
}
