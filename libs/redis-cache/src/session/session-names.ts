import { createHmac, type KeyObject, randomBytes, randomInt } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Keyspace } from '../redis/keyspace.js';

/**
 * The id of a session, as the cookie holds it: two characters that say where Redis keeps it, and 256 random bits. Redis
 * holds only its handle, an HMAC of the whole.
 *
 * All sessions of a user lie in the same slot of a cluster as their index, so that each change of both is one script.
 * The two characters are twelve bits of the HMAC of the user's id: one of 4,096 groups, and no user can be told by it.
 */
const ID = /^[A-Za-z0-9_-]{45}$/;
const HANDLE = /^[A-Za-z0-9_-]{43}$/;
const ID_BYTES = 32;
/** Places kept, so that a request needs one HMAC at most. */
const MAX_PLACES = 10_000;
const GROUP_LENGTH = 2;
const GROUP_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Whether a text may be sent to Redis as the id of a session, by its handle. */
export function isSessionId(text: unknown): text is string {
  return typeof text === 'string' && ID.test(text);
}

/** An id that another library made, apart from all of ours. */
export function foreignId(id: string): string {
  return `~${id}`;
}

/** Whether a text may name a session in a key. */
export function isHandle(text: unknown): text is string {
  return typeof text === 'string' && HANDLE.test(text);
}

/** Where a session is in Redis. */
export interface SessionPlace {
  /** HMAC of the id, in base64url: names the session to its user and in events. It opens nothing. */
  readonly handle: string;
  readonly key: string;
}

/** Makes ids, and spells what Redis holds of them. */
export class SessionNames {
  readonly #places = new LRUCache<string, SessionPlace>({ max: MAX_PLACES });

  constructor(
    private readonly keyspace: Keyspace,
    private readonly indexKey: KeyObject,
  ) {}

  get namespace(): string {
    return this.keyspace.namespace;
  }

  /** An id nobody has, in the slot of the user's other sessions; in any slot without a user. */
  newId(userId: string | undefined): string {
    return this.#groupOf(userId) + randomPart();
  }

  /** An id nobody has, in the same slot as another one. */
  newIdBeside(id: string): string {
    return id.slice(0, GROUP_LENGTH) + randomPart();
  }

  placeOf(id: string): SessionPlace {
    let place = this.#places.get(id);
    if (place === undefined) {
      const group = isSessionId(id) ? id.slice(0, GROUP_LENGTH) : this.#groupOf(id);
      place = this.#place(group, this.#hmac('session', id));
      this.#places.set(id, place);
    }
    return place;
  }

  /** Of a session that is known by its handle. */
  placeFor(userId: string, handle: string): SessionPlace {
    return this.#place(this.#groupOf(userId), handle);
  }

  userKey(userId: string): string {
    return this.keyspace.userSessions(this.#groupOf(userId), this.#hmac('user', userId));
  }

  #place(group: string, handle: string): SessionPlace {
    return { handle, key: this.keyspace.session(group, handle) };
  }

  #groupOf(userId: string | undefined): string {
    if (userId !== undefined) return this.#hmac('group', userId).slice(0, GROUP_LENGTH);
    return Array.from({ length: GROUP_LENGTH }, () => GROUP_ALPHABET[randomInt(GROUP_ALPHABET.length)]).join('');
  }

  #hmac(purpose: 'session' | 'user' | 'group', text: string): string {
    return createHmac('sha256', this.indexKey).update(`${purpose}\0${text}`).digest('base64url');
  }
}

function randomPart(): string {
  return randomBytes(ID_BYTES).toString('base64url');
}
