import type { OutgoingHttpHeader } from 'node:http';
import { parseList, serializeList } from 'structured-headers';
import type { HttpRequest } from './http-message.js';

// What a string of a structured field may hold (RFC 9651, 3.3.3).
const PRINTABLE = /^[\x20-\x7e]+$/;

/** Tags as groups of RFC 9875, for the caches in front; `undefined` when none can be spelled there. */
export function cacheGroups(tags: readonly string[]): string | undefined {
  const groups = tags.filter((tag) => PRINTABLE.test(tag));
  return groups.length === 0 ? undefined : serializeList(groups.map((tag) => [tag, new Map()]));
}

/** The groups that `Cache-Groups` or `Cache-Group-Invalidation` names; none for a list that cannot be read. */
export function groupsIn(header: OutgoingHttpHeader | undefined): string[] {
  if (header === undefined) return [];
  try {
    const groups = parseList([header].flat().join(', ')).map(([group]) => group as unknown);
    return [...new Set(groups.filter((group) => typeof group === 'string'))];
  } catch {
    return [];
  }
}

/** The tag of the responses that say of themselves that they are in this group: one per host, as groups are. */
export function groupTag({ hostname = '' }: HttpRequest, group: string): string {
  return `http-group:${hostname.toLowerCase()}:${group}`;
}
