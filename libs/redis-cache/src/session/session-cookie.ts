import { stringifySetCookie } from 'cookie';
import { inspect } from 'node:util';
import { InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { isSessionId } from './session-names.js';

export interface CookieOptions {
  /**
   * Default `__Host-session`. A name that begins with `__Host-` makes browsers refuse the cookie from any other host, and
   * without Secure; one that begins with `__Secure-` without Secure.
   */
  name?: string;
  /** Sent over HTTPS only. Default `true`; `false` is for development and needs a name without a prefix. */
  secure?: boolean;
  /** Default `lax`. `none` lets other sites send it, and needs a CSRF protection of another kind. */
  sameSite?: 'strict' | 'lax' | 'none';
  /** Also sent to subdomains of this host. Default: to the host that set it only, which `__Host-` demands. */
  domain?: string;
  /** Default `/`, which `__Host-` demands. */
  path?: string;
  /** Whether it outlives the browser, up to the absolute timeout. Default `false`. */
  persistent?: boolean;
}

/** What a `Cookie` header says of the session; other results than an id mean that there is none. */
export type CookieReading = { readonly id: string } | 'absent' | CookieRefusal;
export type CookieRefusal = 'malformed' | 'oversized' | 'duplicate';

// RFC 6265, 4.1.1: a token.
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NAMES: Record<keyof CookieOptions, true> = {
  name: true,
  secure: true,
  sameSite: true,
  domain: true,
  path: true,
  persistent: true,
};
/** As much as Node accepts of all headers together by default. */
const MAX_HEADER_LENGTH = 16_384;

/** @throws InvalidOptionsError also for options a browser would refuse together */
export function resolveCookie(options: CookieOptions): CookiePolicy {
  const { name = '__Host-session', secure = true, sameSite = 'lax', domain, path = '/', persistent = false } = options;
  const problems = Object.keys(options)
    .filter((key) => !(key in NAMES))
    .map((key) => `cookie: ${unknownName(key, Object.keys(NAMES))}`);
  const lower = typeof name === 'string' ? name.toLowerCase() : '';
  if (typeof name !== 'string' || !NAME.test(name))
    problems.push(`cookie.name is ${inspect(name)}. It must be a token.`);
  if (/^__(?:host|secure)-/.test(lower) && !secure) {
    problems.push(
      `cookie.name is ${inspect(name)}, which browsers accept with cookie.secure only. Drop the prefix, or use HTTPS.`,
    );
  }
  if (lower.startsWith('__host-') && (domain !== undefined || path !== '/')) {
    problems.push(`cookie.name is ${inspect(name)}, which browsers accept without a domain and with the path / only.`);
  }
  if (!['strict', 'lax', 'none'].includes(sameSite)) {
    problems.push(`cookie.sameSite is ${inspect(sameSite)}. It must be strict, lax or none.`);
  }
  if (sameSite === 'none' && !secure)
    problems.push('cookie.sameSite is none, which browsers accept with cookie.secure only.');
  if (problems.length > 0) throw new InvalidOptionsError('session', problems);
  return new CookiePolicy(name, { secure, sameSite, domain, path, isPersistent: persistent });
}

interface Attributes {
  secure: boolean;
  sameSite: 'strict' | 'lax' | 'none';
  domain: string | undefined;
  path: string;
  isPersistent: boolean;
}

/** The session's cookie, in both directions. */
export class CookiePolicy {
  constructor(
    readonly name: string,
    private readonly attributes: Attributes,
  ) {
    // Fails now for a domain or path that cannot stand in a header, rather than at the first login.
    try {
      this.clear();
    } catch (error) {
      throw new InvalidOptionsError('session', [`cookie: ${(error as Error).message}`]);
    }
  }

  /**
   * Reads a `Cookie` header. Not a general parser: those answer the first of two cookies with one name, and who put the
   * other one there is not known.
   */
  read(header: string | undefined): CookieReading {
    if (header === undefined) return 'absent';
    if (header.length > MAX_HEADER_LENGTH) return 'oversized';
    const values = header.split(';').flatMap((pair) => {
      const [name, ...rest] = pair.split('=');
      return name!.trim() === this.name ? [rest.join('=').trim()] : [];
    });
    const [value] = values;
    if (value === undefined) return 'absent';
    if (values.length > 1) return 'duplicate';
    return isSessionId(value) ? { id: value } : 'malformed';
  }

  /** A `Set-Cookie` header for a session that ends after `leftMs` at the latest. */
  set(id: string, leftMs: number): string {
    const { isPersistent, ...attributes } = this.attributes;
    const maxAge = isPersistent ? Math.floor(leftMs / 1000) : undefined;
    return stringifySetCookie(this.name, id, { ...attributes, httpOnly: true, maxAge });
  }

  /** A `Set-Cookie` header that makes the browser forget it. */
  clear(): string {
    const { isPersistent: _, ...attributes } = this.attributes;
    return stringifySetCookie(this.name, '', { ...attributes, httpOnly: true, maxAge: 0, expires: new Date(0) });
  }
}
