import { serializeList } from 'structured-headers';

// What a string of a structured field may hold (RFC 9651, 3.3.3).
const PRINTABLE = /^[\x20-\x7e]+$/;

/** Tags as groups of RFC 9875, for the caches in front; `undefined` when none can be spelled there. */
export function cacheGroups(tags: readonly string[]): string | undefined {
  const groups = tags.filter((tag) => PRINTABLE.test(tag));
  return groups.length === 0 ? undefined : serializeList(groups.map((tag) => [tag, new Map()]));
}
