import { changesOf, type SessionData, type SessionPatch } from './session-data.js';
import type { SessionPlace } from './session-names.js';
import type { SessionFacts } from './session-record.js';

/** A session as one of its user's devices: what may be shown to that user. */
export interface SessionInfo {
  /** Names the session and opens nothing: for `destroyOf`, and to find the present one in a list. */
  readonly handle: string;
  readonly createdAt: Date;
  /** Exact to `touchInterval`. */
  readonly lastSeenAt: Date;
  /** When it ends whatever happens. */
  readonly expiresAt: Date;
  readonly ip: string | undefined;
  readonly userAgent: string | undefined;
}

/** A session as Redis held it when it was read or written last, opened. */
export interface OpenedSession {
  readonly place: SessionPlace;
  readonly version: number;
  readonly deadlineMs: number;
  readonly seenAtMs: number;
  /** Time of the server then. */
  readonly nowMs: number;
  readonly facts: SessionFacts;
  /** JSON of the data. */
  readonly stored: string;
}

export interface SessionState extends OpenedSession {
  readonly id: string;
  /** The stored data as the schema made them: what `data` are compared with. */
  readonly baseline: string;
}

/**
 * A session as this request or job sees it. Changes of `data` are written by `SessionService.save`. The id is a secret: it
 * is left out of JSON and of what `console.log` shows.
 */
export class Session<Data extends object = SessionData> implements SessionInfo {
  data: Data;
  #state: SessionState;

  constructor(state: SessionState, data: Data) {
    this.#state = state;
    this.data = data;
  }

  /** What the cookie holds. */
  get id(): string {
    return this.#state.id;
  }

  get handle(): string {
    return this.#state.place.handle;
  }

  /** `undefined` for a session of nobody in particular. */
  get userId(): string | undefined {
    return this.#state.facts.userId;
  }

  get createdAt(): Date {
    return new Date(this.#state.facts.createdAtMs);
  }

  get lastSeenAt(): Date {
    return new Date(this.#state.seenAtMs);
  }

  get expiresAt(): Date {
    return new Date(this.#state.deadlineMs);
  }

  get ip(): string | undefined {
    return this.#state.facts.ip;
  }

  get userAgent(): string | undefined {
    return this.#state.facts.userAgent;
  }

  /** For `SessionService`: what the session was made from. */
  static stateOf(session: Session<object>): SessionState {
    return session.#state;
  }

  /** For `SessionService`: how `data` differ from what was read. */
  static changesOf(session: Session<object>): SessionPatch | undefined {
    return changesOf(session.#state.baseline, session.data);
  }

  /** For `SessionService`: Redis holds something else now. */
  static replace<Data extends object>(session: Session<Data>, state: SessionState, data: Data): void {
    session.#state = state;
    session.data = data;
  }
}

/** Device data: neither the id nor the data of the session. */
export function infoOf({ place, facts, seenAtMs, deadlineMs }: OpenedSession): SessionInfo {
  return {
    handle: place.handle,
    createdAt: new Date(facts.createdAtMs),
    lastSeenAt: new Date(seenAtMs),
    expiresAt: new Date(deadlineMs),
    ip: facts.ip,
    userAgent: facts.userAgent,
  };
}
