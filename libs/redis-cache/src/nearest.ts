import { closest, distance } from 'fastest-levenshtein';

/** `unknown option "tll"; did you mean "ttl"?`, or the allowed names when none is near. */
export function unknownName(name: string, allowed: readonly string[]): string {
  const nearest = closest(name, [...allowed]);
  if (distance(name, nearest) <= Math.max(2, nearest.length / 3))
    return `"${name}" is unknown; did you mean "${nearest}"?`;
  return `"${name}" is unknown; allowed are ${allowed.join(', ')}`;
}
