import type { EventChannel, SessionOperation, SessionResult } from '../events.js';
import { InvalidArgumentError, RedisRefusedError, RedisUnavailableError, SessionConflictError } from '../errors.js';
import type { Keyspace } from '../redis/keyspace.js';
import type { DestroyedSessions } from './destroyed-sessions.js';
import type { Clock } from '../time.js';
import { infoOf, Session, type SessionInfo } from './session.js';
import type { CreateSessionOptions, RotateSessionOptions, SaveResult, SessionChange } from './session-calls.js';
import { applyPatch, decodeData, encodeData, patchOf, type SessionData } from './session-data.js';
import { isHandle, isSessionId, SessionNames, type SessionPlace } from './session-names.js';
import { resolveSessionOptions, type SessionOptions, type SessionPolicy } from './session-options.js';
import { SessionReader } from './session-reader.js';
import { type SessionConnection, SessionStore } from './session-store.js';
import { type Device, SessionWriter } from './session-writer.js';

/** What stands behind the sessions of an application. */
export interface SessionBackend {
  readonly connection: SessionConnection;
  readonly keyspace: Keyspace;
  readonly events: EventChannel;
  readonly destroyed: DestroyedSessions;
  readonly clock: Clock;
}

export interface SessionParts {
  readonly reader: SessionReader<object>;
  readonly writer: SessionWriter<object>;
  readonly touchMs: number;
  remove(id: string): Promise<boolean>;
}

const MAX_USER_AGENT_LENGTH = 256;
const MAX_IP_LENGTH = 64;

/**
 * Sessions in Redis. Fails closed: when Redis does not answer, every method rejects with `RedisUnavailableError`, and with
 * `RedisRefusedError` when it says no; `undefined`, `false` and `gone` mean that Redis has no such session. Nothing is
 * answered from memory. A record that cannot be opened counts as absent and is reported as an event.
 *
 *     const session = await sessions.create({ cart: [] }, { userId: '42' });
 *     session.data.cart.push('A-1');
 *     await sessions.save(session);
 */
export class SessionService<Data extends object = SessionData> {
  readonly #policy: SessionPolicy<Data>;
  readonly #names: SessionNames;
  readonly #store: SessionStore;
  readonly #reader: SessionReader<Data>;
  readonly #writer: SessionWriter<Data>;

  /** @throws InvalidOptionsError */
  constructor(
    private readonly backend: SessionBackend,
    options: SessionOptions<Data>,
  ) {
    const { connection, keyspace, destroyed, clock } = backend;
    this.#policy = resolveSessionOptions(options);
    this.#names = new SessionNames(keyspace, this.#policy.indexKey);
    this.#store = new SessionStore(connection, this.#names, this.#policy.idleMs);
    this.#reader = new SessionReader(this.#store, this.#names, this.#policy, destroyed);
    this.#writer = new SessionWriter(this.#store, this.#names, this.#policy, this.#reader, destroyed, clock);
  }

  /** For `redisSessionStore`: what reads and writes. */
  static partsOf<Data extends object>(sessions: SessionService<Data>): SessionParts {
    const { reader, writer, touchMs } = { reader: sessions.#reader, writer: sessions.#writer, ...sessions.#policy };
    return {
      reader: reader,
      writer: writer,
      touchMs,
      remove: (id) => sessions.#remove(sessions.#names.placeOf(id), undefined),
    };
  }

  /**
   * A new session with a new id.
   *
   * @throws InvalidArgumentError for data that are not JSON or too large, and for an unusable user id
   */
  async create(data: Data, { userId, ...device }: CreateSessionOptions = {}): Promise<Session<Data>> {
    if (userId !== undefined) checkUserId(userId);
    const stored = encodeData(data);
    return this.#reported('create', undefined, async () => {
      const state = await this.#writer.insert(stored, userId, trimmed(device));
      return ['ok', new Session<Data>(state, decodeData(stored) as Data)];
    });
  }

  /** The id in a `Cookie` header, such as that of a WebSocket's handshake; `undefined` for none, and for what is no id. */
  readCookie(header: string | undefined): string | undefined {
    const reading = this.#policy.cookie.read(header);
    if (typeof reading === 'object') return reading.id;
    if (reading !== 'absent')
      this.backend.events.emit('session', { operation: 'cookie', result: reading, session: undefined });
    return undefined;
  }

  /** The `Set-Cookie` header that gives a session to its client. */
  setCookie(session: Session<Data>): string {
    const { deadlineMs, nowMs } = Session.stateOf(session);
    return this.#policy.cookie.set(session.id, deadlineMs - nowMs);
  }

  /** The `Set-Cookie` header that makes a client forget its session. */
  clearCookie(): string {
    return this.#policy.cookie.clear();
  }

  /** Whether pages of that origin may send requests that change something, besides those of the own one. */
  isTrustedOrigin(origin: string): boolean {
    return this.#policy.trustedOrigins.has(origin);
  }

  /** The session with that id, read from Redis. Counts as activity. `undefined` also for what cannot be an id. */
  async get(id: string): Promise<Session<Data> | undefined> {
    return this.#read('read', id, this.#policy.touchMs);
  }

  /** Counts as activity. @returns `false` when there is no such session */
  async touch(id: string): Promise<boolean> {
    return (await this.#read('touch', id, 0)) !== undefined;
  }

  /**
   * Writes the changes of `session.data`, if there are any. Fields that others changed meanwhile keep what they wrote, and
   * are then in `session.data`, which is another object in that case.
   *
   * @throws InvalidArgumentError for data that are not JSON or too large
   * @throws SessionConflictError when others kept writing
   */
  async save(session: Session<Data>): Promise<SaveResult> {
    const patch = Session.changesOf(session);
    if (patch === undefined) return 'unchanged';
    const isWritten = await this.#found('save', session.handle, () => this.#writer.patch(session, patch, true));
    return isWritten ? 'saved' : 'gone';
  }

  /**
   * Changes what Redis holds, at once. A function gets the newest data and is called again when somebody else was faster,
   * so that it may count; it must not have effects of its own. Unsaved changes of `session.data` stay unsaved.
   *
   * @returns `false` when the session has ended meanwhile
   * @throws as `save`
   */
  async update(session: Session<Data>, change: SessionChange<Data>): Promise<boolean> {
    const unsaved = Session.changesOf(session);
    const isWritten = await this.#found('save', session.handle, () =>
      typeof change === 'function'
        ? this.#writer.compute(session, change)
        : this.#writer.patch(session, patchOf(change), false),
    );
    if (isWritten && unsaved !== undefined) {
      session.data = decodeData(applyPatch(Session.stateOf(session).baseline, unsaved)) as Data;
    }
    return isWritten;
  }

  /**
   * Gives the session a new id, and saves it with that. The old id is dead at once, unless `grace` is asked for.
   *
   * @returns `false` when the session has ended meanwhile; it then has no new id
   * @throws as `save`
   */
  async rotate(session: Session<Data>, options: RotateSessionOptions = {}): Promise<boolean> {
    const { userId, grace = false, ip = session.ip, userAgent = session.userAgent } = options;
    if (userId !== undefined) checkUserId(userId);
    return this.#found('rotate', session.handle, () =>
      userId === undefined
        ? this.#writer.rename(session, grace)
        : this.#writer.replace(session, userId, trimmed({ ip, userAgent })),
    );
  }

  /** Whether the session has had its id for longer than `rotateEvery`. */
  isRotationDue(session: Session<Data>): boolean {
    const { nowMs, facts } = Session.stateOf(session);
    return nowMs - facts.issuedAtMs >= (this.#policy.rotateMs ?? Infinity);
  }

  /**
   * Ends a session. When Redis does not confirm that, this rejects, the session counts as absent in this process, and it is
   * removed as soon as Redis can be reached.
   *
   * @returns `false` when there was none
   */
  async destroy(session: Session<Data> | string): Promise<boolean> {
    if (session instanceof Session) {
      return this.#found('destroy', session.handle, () =>
        this.#remove(this.#names.placeOf(session.id), session.userId),
      );
    }
    if (!isSessionId(session)) return false;
    const place = this.#names.placeOf(session);
    return this.#found('destroy', place.handle, async () => {
      // An id that was rotated of late leads to another one, and the session to its user.
      const found = await this.#writer.orQueue([place.key], () => this.#reader.read(session, undefined));
      const isKnown = typeof found !== 'string';
      return this.#remove(isKnown ? this.#names.placeOf(found.id) : place, isKnown ? found.userId : undefined);
    });
  }

  /** Ends a session of a user by its handle, one from `listOf`. @returns `false` when that user has none like that */
  async destroyOf(userId: string, handle: string): Promise<boolean> {
    checkUserId(userId);
    if (!isHandle(handle)) return false;
    return this.#found('destroy', handle, () => this.#remove(this.#names.placeFor(userId, handle), userId, true));
  }

  /**
   * Ends all sessions a user has now, but for `except`. None of them can escape by being rotated meanwhile; a login that
   * comes later is not concerned. When it rejects, call it again.
   *
   * @returns how many there were
   */
  async destroyAllOf(userId: string, { except }: { except?: Session<Data> | string } = {}): Promise<number> {
    checkUserId(userId);
    return this.#reported('revoke', undefined, async () => {
      const handles = await this.#revoke(userId, typeof except === 'string' ? except : except?.id);
      const keys = handles.map((handle) => this.#names.placeFor(userId, handle).key);
      return ['ok', await this.#writer.remove(keys, () => this.#store.sweep(userId, handles))];
    });
  }

  /** The sessions of a user, the last used first. */
  async listOf(userId: string): Promise<SessionInfo[]> {
    checkUserId(userId);
    return this.#reported('list', undefined, async () => {
      const handles = await this.#store.list(userId);
      const found = await Promise.all(handles.map((handle) => this.#reader.peek(this.#names.placeFor(userId, handle))));
      const missing = handles.filter((_, index) => found[index] === 'absent');
      if (missing.length > 0) await this.#store.heal(userId, missing);
      const devices = found.filter((each) => typeof each !== 'string').map(infoOf);
      return ['ok', devices.sort((a, b) => b.lastSeenAt.getTime() - a.lastSeenAt.getTime())];
    });
  }

  /** How many sessions a user has; without one, how many there are, for which it walks through all keys in Redis. */
  async count(userId?: string): Promise<number> {
    if (userId !== undefined) checkUserId(userId);
    return this.#reported('count', undefined, async () => {
      if (userId !== undefined) return ['ok', await this.#store.heal(userId, await this.#store.list(userId))];
      const { connection, keyspace } = this.backend;
      const keys = new Set<string>();
      await connection.scan(keyspace.sessionsGlob, async (page) => {
        for (const key of page) keys.add(key);
      });
      return ['ok', keys.size];
    });
  }

  async #read(operation: SessionOperation, id: string, touchMs: number): Promise<Session<Data> | undefined> {
    if (!isSessionId(id)) return undefined;
    return this.#reported(operation, this.#names.placeOf(id).handle, async () => {
      const found = await this.#reader.read(id, touchMs);
      return typeof found === 'string' ? [found, undefined] : ['ok', found];
    });
  }

  #remove(place: SessionPlace, userId: string | undefined, mustBeListed = false): Promise<boolean> {
    return this.#writer.remove([place.key], () => this.#store.destroy(place, userId, mustBeListed));
  }

  async #revoke(userId: string, spared: string | undefined): Promise<string[]> {
    const handle = spared === undefined ? undefined : this.#names.placeOf(spared).handle;
    const revoked = await this.#store.revoke(userId, handle);
    if (revoked !== undefined) return revoked;
    // The one to spare has another id by now, or has ended.
    const found = isSessionId(spared) ? await this.#reader.read(spared, undefined) : 'absent';
    const isRenamed = typeof found !== 'string' && found.userId === userId && found.handle !== handle;
    return this.#revoke(userId, isRenamed ? found.id : undefined);
  }

  #found(operation: SessionOperation, handle: string, work: () => Promise<boolean>): Promise<boolean> {
    return this.#reported(operation, handle, async () => {
      const isFound = await work();
      return [isFound ? 'ok' : 'absent', isFound];
    });
  }

  /** Reports how an operation ends, one way or the other. */
  async #reported<T>(
    operation: SessionOperation,
    handle: string | undefined,
    work: () => Promise<[result: SessionResult, value: T]>,
  ): Promise<T> {
    const report = (result: SessionResult): void => {
      this.backend.events.emit('session', { operation, result, session: handle });
    };
    try {
      const [result, value] = await work();
      report(result);
      return value;
    } catch (error) {
      if (error instanceof RedisUnavailableError) report('unavailable');
      else if (error instanceof RedisRefusedError) report('refused');
      else if (error instanceof SessionConflictError) report('conflict');
      throw error;
    }
  }
}

function trimmed({ ip, userAgent }: { ip?: string; userAgent?: string }): Device {
  return { ip: ip?.slice(0, MAX_IP_LENGTH), userAgent: userAgent?.slice(0, MAX_USER_AGENT_LENGTH) };
}

function checkUserId(userId: string): void {
  // Half a surrogate pair is lost in UTF-8, and two users would become one.
  if (typeof userId === 'string' && userId !== '' && Buffer.from(userId).toString() === userId) return;
  throw new InvalidArgumentError('userId must be text that is not empty, such as the primary key of the user.');
}
