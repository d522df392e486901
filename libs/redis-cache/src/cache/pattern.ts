/**
 * Patterns over string keys: `*` is any text, `?` is one character, everything else is literal. Redis matches the
 * encoded text of keys byte by byte, where one character may be many bytes and a `*` may end inside an escape; so
 * its glob finds candidates, and the matcher decides.
 */
import { InvalidArgumentError } from '../errors.js';
import { shown } from '../arguments.js';
import { isPlain, percentEncode } from './key.js';

/**
 * A Redis glob that finds every string key matching `pattern`, where `*` is any text and `?` is one character;
 * everything else is literal. It may find more (a `*` can end inside an escape), so test each key with
 * `globMatcher(pattern)`. Keys kept as a digest cannot be found.
 */
export function encodeGlob(pattern: string): string {
  return splitGlob(pattern)
    .map((piece) => (piece === '?' ? '?*' : piece === '*' ? piece : percentEncode(piece, 'pattern')))
    .join('')
    .replace(/\*{2,}/g, '*');
}

/** Whether the text of a string key (without its context) matches `pattern`; false for lists and digests. */
export function globMatcher(pattern: string): (encodedKey: string) => boolean {
  percentEncode(splitGlob(pattern).join(''), 'pattern');
  const wanted = Array.from(pattern);
  return (encodedKey) => {
    if (isPlain(encodedKey)) return matches(wanted, encodedKey);
    const key = decodeName(encodedKey);
    return key !== undefined && matches(wanted, Array.from(key));
  };
}

// A regular expression would take for ever over a pattern of many stars; this goes back to the last star only.
function matches(pattern: readonly string[], key: ArrayLike<string>): boolean {
  let at = 0;
  let afterStar = -1;
  let resumeAt = 0;
  for (let index = 0; index < key.length;) {
    if (pattern[at] === '*') {
      if (at === pattern.length - 1) return true;
      afterStar = ++at;
      resumeAt = index;
    } else if (pattern[at] === '?' || pattern[at] === key[index]) {
      at++;
      index++;
    } else if (afterStar >= 0) {
      at = afterStar;
      index = ++resumeAt;
    } else {
      return false;
    }
  }
  return pattern.slice(at).every((rest) => rest === '*');
}

function splitGlob(pattern: string): string[] {
  if (typeof pattern !== 'string' || pattern === '') {
    throw new InvalidArgumentError(`A pattern is text such as 'user:*'; this one is ${shown(pattern)}.`);
  }
  return pattern.split(/([*?])/).filter((piece) => piece !== '');
}

function decodeName(encoded: string): string | undefined {
  try {
    return /[/~@|]/.test(encoded) ? undefined : decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
