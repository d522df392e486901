import { createHmac, timingSafeEqual } from 'node:crypto';
import { InvalidArgumentError } from '../errors.js';

/** What somebody wants to do, as checked: it travels with its preview and comes back to be confirmed. */
export type Wanted = Readonly<Record<string, string>>;

interface Body {
  readonly wanted: Wanted;
  readonly user: string;
  readonly untilMs: number;
}

export const VALID_MS = 60_000;

/** Tokens that confirm what was previewed, whichever process previewed it: for one user, for a minute. */
export class Confirmations {
  constructor(private readonly secretOf: () => string) {}

  tokenOf(wanted: Wanted, user: string): string {
    const body = Buffer.from(JSON.stringify({ wanted, user, untilMs: Date.now() + VALID_MS })).toString('base64url');
    return `${body}.${this.#seal(body)}`;
  }

  /** What was previewed. @throws InvalidArgumentError for a token that is too old, another's, or none of ours */
  wantedOf(token: unknown, user: string): Wanted {
    const [body = '', seal = ''] = typeof token === 'string' ? token.split('.') : [];
    // Sealed by us, so it is what we wrote.
    const known = equal(seal, this.#seal(body)) ? (JSON.parse(decoded(body)) as Body) : undefined;
    if (known?.user !== user || !(known.untilMs > Date.now())) {
      throw new InvalidArgumentError('This was not confirmed within 60 s of its preview. Look at the preview again.');
    }
    return known.wanted;
  }

  #seal(body: string): string {
    return createHmac('sha256', this.secretOf()).update(`action:${body}`).digest('base64url');
  }
}

function decoded(body: string): string {
  return Buffer.from(body, 'base64url').toString();
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
