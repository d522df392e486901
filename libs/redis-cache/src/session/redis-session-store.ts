import { LRUCache } from 'lru-cache';
import { Session } from './session.js';
import { changesOf, encodeData, type SessionData } from './session-data.js';
import { foreignId } from './session-names.js';
import { type SessionParts, SessionService } from './session.service.js';

type Done = (error?: unknown) => void;

/** What express-session and @fastify/session ask of a store. */
export interface SessionStoreMethods {
  /** The type of the session is that of the library, of which nothing is known here. */
  get(sid: string, callback: (error: unknown, session?: never) => void): void;
  set(sid: string, session: object, callback?: Done): void;
  destroy(sid: string, callback?: Done): void;
  /** Does nothing: `get` has counted as activity. */
  touch(sid: string, session: object, callback?: Done): void;
}

/** Ids of sessions that are known to have been stored: to set one of them again is never to create it. */
const MAX_KNOWN = 100_000;

/**
 * A store for express-session or @fastify/session over the sessions of this module: sealed, named by HMAC, with their
 * lifetimes. A late save never brings back a session that was destroyed. Under express-session, parallel requests keep
 * each other's fields; @fastify/session does not tell from which read a session came, so there the last one wins.
 *
 *     app.use(session({ store: redisSessionStore(session.Store, sessions), secret, resave: false, saveUninitialized: false }))
 *
 * @param Store `session.Store` of express-session, or `EventEmitter`
 */
export function redisSessionStore<Base extends abstract new () => object, Data extends object>(
  Store: Base,
  sessions: SessionService<Data>,
): InstanceType<Base> & SessionStoreMethods {
  const foreign = new ForeignSessions(SessionService.partsOf(sessions));
  class RedisSessionStore extends (Store as unknown as new () => ExpressStore) implements SessionStoreMethods {
    get(sid: string, callback: (error: unknown, session?: never) => void): void {
      void settle(foreign.read(sid) as Promise<never>, callback);
    }

    set(sid: string, session: object, callback: Done = ignore): void {
      void settle(foreign.write(sid, session), callback);
    }

    destroy(sid: string, callback: Done = ignore): void {
      void settle(foreign.destroy(sid), callback);
    }

    touch(_sid: string, _session: object, callback: Done = ignore): void {
      callback();
    }

    /** Called by express-session only. */
    override createSession(request: object, data: SessionData): object {
      const session = super.createSession(request, data);
      foreign.derived(session, data);
      return session;
    }
  }
  return new RedisSessionStore() as unknown as InstanceType<Base> & SessionStoreMethods;
}

interface ExpressStore {
  createSession(request: object, data: SessionData): object;
}

/** Sessions under ids, and in objects, that another library makes. */
class ForeignSessions {
  readonly #known = new LRUCache<string, true>({ max: MAX_KNOWN });
  /** By the objects of that library: the session they belong to, and its data as they last had them. */
  readonly #origins = new WeakMap<object, { session: Session; seen: string }>();

  constructor(private readonly parts: SessionParts) {}

  async read(sid: string): Promise<SessionData | null> {
    const session = await this.#find(sid);
    if (session === undefined) return null;
    this.#known.set(sid, true);
    this.#origins.set(session.data, { session, seen: encodeData(session.data) });
    return session.data;
  }

  /** An object was made of data that were read. */
  derived(object: object, data: object): void {
    const origin = this.#origins.get(data);
    if (origin !== undefined) this.#origins.set(object, origin);
  }

  async write(sid: string, object: object): Promise<void> {
    // What the library sees in JSON, such as its cookie, and nothing else.
    const data = JSON.parse(JSON.stringify(object)) as SessionData;
    const stored = encodeData(data);
    const origin = this.#origins.get(object) ?? (await this.#current(sid));
    if (origin !== undefined) {
      const patch = changesOf(origin.seen, data);
      if (patch !== undefined) await this.parts.writer.patch(origin.session, patch, false);
      this.#origins.set(object, { session: origin.session, seen: stored });
    } else if (!this.#known.has(sid)) {
      const state = await this.parts.writer.insert(stored, undefined, NO_DEVICE, foreignId(sid));
      this.#known.set(sid, true);
      this.#origins.set(object, { session: new Session(state, data), seen: stored });
    }
  }

  async destroy(sid: string): Promise<void> {
    await this.parts.remove(foreignId(sid));
  }

  /** What is there now, for an object of which nobody knows where it came from. */
  async #current(sid: string): Promise<{ session: Session; seen: string } | undefined> {
    const session = this.#known.has(sid) ? await this.#find(sid) : undefined;
    return session && { session, seen: encodeData(session.data) };
  }

  async #find(sid: string): Promise<Session | undefined> {
    const found = await this.parts.reader.read(foreignId(sid), this.parts.touchMs);
    return typeof found === 'string' ? undefined : (found as Session);
  }
}

const NO_DEVICE = { ip: undefined, userAgent: undefined };

async function settle<T>(work: Promise<T>, callback: (error: unknown, value?: T) => void): Promise<void> {
  let outcome: [error: unknown, value?: T];
  try {
    outcome = [null, await work];
  } catch (error) {
    outcome = [error];
  }
  // Outside, so that what the callback throws is not passed to it, nor lost in a promise.
  process.nextTick(callback, ...outcome);
}

function ignore(): void {}
