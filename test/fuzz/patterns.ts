import * as fc from 'fast-check';
import { text } from './keys.js';

const shortText = text.filter((each) => each !== '' && each.length < 60);

/** A key, and a pattern that some of its characters became. */
export const keyAndPattern = fc
  .tuple(
    shortText,
    fc.infiniteStream(fc.constantFrom('itself', 'itself', 'itself', '*', '?', 'more', 'gone')),
    shortText,
  )
  .map(([key, fates, other]) => {
    const pieces = Array.from(key).map((character) => {
      const fate = fates.next().value;
      if (fate === '*' || fate === '?') return fate;
      return fate === 'more'
        ? `${character}${Array.from(other).slice(0, 2).join('')}`
        : fate === 'gone'
          ? ''
          : character;
    });
    return { key, other, pattern: pieces.join('') };
  })
  .filter(({ pattern }) => pattern !== '');

/**
 * Whether `text` matches a pattern of `*` and `?`, found the slow way: which beginnings of the text match which
 * beginnings of the pattern.
 */
export function matchesSlowly(pattern: readonly string[], text: readonly string[]): boolean {
  let reached = [true, ...text.map(() => false)];
  for (const piece of pattern) {
    let seen = false;
    reached = reached.map((_isReached, end) => {
      if (piece === '*') return (seen ||= reached[end]!);
      return end > 0 && reached[end - 1]! && (piece === '?' || piece === text[end - 1]);
    });
  }
  return reached[text.length]!;
}
