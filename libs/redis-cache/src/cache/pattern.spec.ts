import * as fc from 'fast-check';
import { InvalidArgumentError } from '../errors.js';
import { encodeKey } from './key.js';
import { encodeGlob, globMatcher } from './pattern.js';

describe('patterns', () => {
  const patternPiece = fc.constantFrom(
    '*',
    '?',
    'a',
    'é',
    '2',
    '0',
    ' ',
    '%',
    '.',
    '[',
    ']',
    '^',
    '-',
    '\\',
    '😀',
    '+',
    '/',
  );
  const pattern = fc.string({ unit: patternPiece, minLength: 1, maxLength: 6 });
  const name = fc.string({ unit: fc.constantFrom(...Array.from('aé20 %.[]^-\\+/😀')), minLength: 1, maxLength: 5 });

  /** What `*` and `?` mean, spelt out on whole characters. */
  function matches([head, ...tail]: string[], characters: string[]): boolean {
    if (head === undefined) return characters.length === 0;
    if (head === '*') {
      return matches(tail, characters) || (characters.length > 0 && matches([head, ...tail], characters.slice(1)));
    }
    return characters.length > 0 && (head === '?' || head === characters[0]) && matches(tail, characters.slice(1));
  }

  it('match exactly the string keys they say, and the glob finds at least those', () => {
    fc.assert(
      fc.property(pattern, name, (glob, original) => {
        const expected = matches(Array.from(glob), Array.from(original));
        const encoded = encodeKey(original);
        expect(globMatcher(glob)(encoded)).toBe(expected);
        const redisGlob = new RegExp(
          `^${encodeGlob(glob).replace(/[.+]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`,
        );
        if (expected) expect(encoded).toMatch(redisGlob);
      }),
      { numRuns: 3000 },
    );
  });

  it('leave nothing but * and ? for Redis to interpret', () => {
    expect(encodeGlob('user:[1-9]\\*{x}^?')).toBe('user:%5B1-9%5D%5C*%7Bx%7D%5E?*');
    expect(encodeGlob('a***')).toBe('a*');
    fc.assert(fc.property(pattern, (glob) => expect(encodeGlob(glob)).toMatch(/^[A-Za-z0-9_.:=,+%*?-]+$/)));
  });

  it('match neither the escapes inside a key, nor lists, nor digests', () => {
    expect(globMatcher('a*20')('a%20')).toBe(false);
    expect(globMatcher('*:1')('/a:1')).toBe(false);
    expect(globMatcher('*')(encodeKey('x'.repeat(300)))).toBe(false);
    expect(globMatcher('*')('not%ours')).toBe(false);
  });

  it('answer at once for keys that almost match', () => {
    expect(globMatcher(`${'*a'.repeat(40)}b`)('a'.repeat(200))).toBe(false);
  });

  it.each(['', undefined, 5, '\ud800*'])('refuse %p', (bad) => {
    expect(() => encodeGlob(bad as never)).toThrow(InvalidArgumentError);
    expect(() => globMatcher(bad as never)).toThrow(InvalidArgumentError);
  });
});
