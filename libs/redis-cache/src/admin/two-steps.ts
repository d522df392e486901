import type { CacheEngine } from '../cache/engine.js';
import { InvalidArgumentError } from '../errors.js';
import { type Action, type Fields, KINDS, textOf } from './action.js';
import { type AdminSessions, revocationOf } from './admin-sessions.js';
import type { Audit } from './audit.js';
import { Confirmations, VALID_MS, type Wanted } from './confirmations.js';
import { type EntryCount, UNCOUNTED } from './entry-count.js';
import { invalidationOf } from './invalidations.js';
import type { Overrides } from './overrides.js';

/** What would happen, and what to confirm it with. */
export interface Preview extends EntryCount {
  /** A sentence. */
  what: string;
  /** To be typed by whoever confirms it. */
  name?: string;
  token: string;
  validMs: number;
}

/** Fields that say what is wanted. */
const WANTED = ['kind', 'cache', 'target', 'connection', 'state', 'seconds', 'user', 'session'];

/** Whatever acts, in two steps: a preview, and its confirmation by the same user. */
export class TwoSteps {
  readonly #confirmations: Confirmations;

  constructor(
    private readonly engine: CacheEngine,
    private readonly overrides: Overrides,
    private readonly sessions: AdminSessions | undefined,
    private readonly audit: Audit,
    secretOf: () => string,
  ) {
    this.#confirmations = new Confirmations(secretOf);
  }

  /** @throws InvalidArgumentError for what cannot be done */
  async preview(fields: Fields, user: string): Promise<Preview> {
    const { what, name, count } = this.#actionOf(fields);
    const counted = (await count?.()) ?? { ...UNCOUNTED };
    const token = this.#confirmations.tokenOf(wantedOf(fields), user);
    return { ...counted, what, ...(name === undefined ? {} : { name }), token, validMs: VALID_MS };
  }

  /** @throws InvalidArgumentError for a token that does not confirm a preview of this user */
  async act(token: unknown, user: string): Promise<{ status: string }> {
    const { audited, target, apply } = this.#actionOf(this.#confirmations.wantedOf(token, user));
    return { status: await this.audit.noted(user, audited, target, apply, String) };
  }

  #actionOf(fields: Fields): Action {
    const action =
      invalidationOf(this.engine, fields) ?? this.overrides.of(fields) ?? revocationOf(this.sessions, fields);
    if (action !== undefined) return action;
    throw new InvalidArgumentError(`kind must be one of ${KINDS.join(', ')}.`);
  }
}

function wantedOf(fields: Fields): Wanted {
  const given = WANTED.filter((name) => fields[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, textOf(fields, name)]));
}
