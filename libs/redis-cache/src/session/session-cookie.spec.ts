import fc from 'fast-check';
import { InvalidOptionsError } from '../errors.js';
import { type CookieOptions, resolveCookie } from './session-cookie.js';
import { isSessionId } from './session-names.js';

const id = 'Q7'.padEnd(45, 'x');
const cookie = resolveCookie({});

function refusal(options: CookieOptions): string {
  try {
    resolveCookie(options);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems.join('\n');
    throw error;
  }
  throw new Error('The options were accepted.');
}

describe('the cookie of a session', () => {
  it('is bound to the host, out of reach of scripts, and ends with the browser', () => {
    expect(cookie.set(id, 60_000)).toBe(`__Host-session=${id}; Path=/; HttpOnly; Secure; SameSite=Lax`);
  });

  it('may outlive the browser, but not the session', () => {
    expect(resolveCookie({ persistent: true }).set(id, 60_999)).toContain('Max-Age=60;');
  });

  it('is forgotten with the attributes it was set with', () => {
    expect(cookie.clear()).toBe(
      '__Host-session=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
    );
    expect(resolveCookie({ name: 'sid', domain: 'example.com', path: '/app' }).clear()).toContain(
      'Domain=example.com; Path=/app',
    );
  });

  it.each<[CookieOptions, string]>([
    [{ secure: false }, 'cookie.secure only'],
    [{ name: '__Secure-sid', secure: false }, 'cookie.secure only'],
    [{ name: '__host-sid', domain: 'example.com' }, 'without a domain'],
    [{ path: '/app' }, 'with the path / only'],
    [{ name: 'sid', secure: false, sameSite: 'none' }, 'sameSite is none'],
    [{ name: 'two words' }, 'must be a token'],
    [{ name: 7 as never }, 'must be a token'],
    [{ sameSite: 'Lax' as never }, 'must be strict, lax or none'],
    [{ name: 'sid', domain: 'a;b' }, 'cookie:'],
    [{ samesite: 'lax' } as never, 'did you mean "sameSite"'],
  ])('refuses %j, which no browser would accept together or nobody can mean', (options, problem) => {
    expect(refusal(options)).toContain(problem);
  });

  it('works without HTTPS under a name that promises nothing', () => {
    expect(resolveCookie({ name: 'sid', secure: false }).set(id, 1)).toBe(`sid=${id}; Path=/; HttpOnly; SameSite=Lax`);
  });
});

describe('a Cookie header', () => {
  it('gives the id wherever it stands', () => {
    expect(cookie.read(`__Host-session=${id}`)).toEqual({ id });
    expect(cookie.read(`a=1;__Host-session=${id} ;  b="2"; c`)).toEqual({ id });
  });

  it.each([
    ['absent', undefined],
    ['absent', ''],
    ['absent', ';;=;'],
    ['absent', `__host-session=${id}`],
    ['absent', `x__Host-session=${id}`],
    ['malformed', '__Host-session='],
    ['malformed', '__Host-session'],
    ['malformed', `__Host-session="${id}"`],
    ['malformed', `__Host-session=${id}=`],
    ['malformed', `__Host-session=${id.slice(1)}é`],
    ['malformed', `__Host-session=${encodeURIComponent(`${id.slice(3)}///`)}`],
    ['duplicate', `__Host-session=${id}; __Host-session=${id}`],
    ['duplicate', `__Host-session=; a=1; __Host-session=${id}`],
    ['oversized', `__Host-session=${id}; a=${'a'.repeat(16_384)}`],
  ])('is %s when it is %s', (reading, header) => {
    expect(cookie.read(header)).toBe(reading);
  });

  it('never leads to anything but an id, whatever it holds', () => {
    const piece = fc.oneof(
      fc.constantFrom('__Host-session', '=', ';', ' ', '"', '%', '\0', '\r\n', id, '__proto__', 'Ü', '💥'),
      fc.string({ unit: 'binary', maxLength: 50 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const reading = cookie.read(pieces.join(''));
        expect(typeof reading === 'string' || isSessionId(reading.id)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });
});
