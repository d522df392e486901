import { RedisRefusedError, RedisUnavailableError } from '../errors.js';
import { Session } from './session.js';
import type { SessionData } from './session-data.js';
import type { SessionService } from './session.service.js';

/** What is read of a request, or of the handshake of a WebSocket. */
export interface SessionRequest {
  readonly headers: { readonly cookie?: string; readonly 'user-agent'?: string };
  /** Of the client, as the adapter's `trust proxy` setting makes it. */
  readonly ip?: string;
}

/**
 * The session of one request. It is read when something asks for it, and written once at the end: what the handler did
 * before is not undone by that, but the answer waits for it.
 *
 *     @Post('login')
 *     async login(@CurrentSession() session: RequestSession<MySession>, @Body() body: LoginDto) {
 *       const user = await this.users.authenticate(body);
 *       await session.login(user.id, { role: user.role });
 *     }
 */
export class RequestSession<Data extends object = SessionData> {
  /** The id the client has, as far as it is told. */
  #clientId: string | undefined;
  #loading: Promise<void> | undefined;
  #failure: RedisUnavailableError | RedisRefusedError | undefined;
  #stored: Session<Data> | undefined;
  /** The data as long as there is no session. */
  #unstored = {} as Data;
  #isLoggedOut = false;

  constructor(
    private readonly sessions: SessionService<Data>,
    private readonly request: SessionRequest,
  ) {
    this.#clientId = sessions.readCookie(request.headers.cookie);
  }

  /**
   * Reads the session, once. The other members show it only afterwards; `@CurrentSession()` has done it.
   *
   * @throws RedisUnavailableError, RedisRefusedError
   */
  async load(): Promise<this> {
    await this.settle();
    if (this.#failure !== undefined) throw this.#failure;
    return this;
  }

  /** Like `load`, but a failure is told only to who looks at the session: a logout works without. */
  async settle(): Promise<this> {
    this.#loading ??= this.#load();
    await this.#loading;
    return this;
  }

  /** The session in Redis; `undefined` when there is none. @throws what the read failed with */
  get stored(): Session<Data> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#stored;
  }

  /** `undefined` when nobody is logged in. @throws what the read failed with */
  get userId(): string | undefined {
    return this.stored?.userId;
  }

  /**
   * To be read and changed. When there is no session it is an empty object, and a session of nobody in particular begins
   * with what is put into it.
   *
   * @throws what the read failed with
   */
  get data(): Data {
    return this.stored?.data ?? this.#unstored;
  }

  /**
   * Begins a session of this user under a new id. The data of the one before come along, unless it was another user's, and
   * its id is dead.
   *
   * @throws RedisUnavailableError, RedisRefusedError: nobody is logged in
   */
  async login(userId: string, changes: Partial<Data> = {}): Promise<void> {
    const { stored } = await this.load();
    const options = { userId, ...this.#device };
    const isOfAnother = stored?.userId !== undefined && stored.userId !== userId;
    if (!isOfAnother) Object.assign(this.data, changes);
    try {
      if (isOfAnother) await this.sessions.destroy(stored);
      if (stored === undefined) this.#stored = await this.sessions.create(this.#unstored, options);
      // It may also have been ended meanwhile, and its data with it.
      else if (isOfAnother || !(await this.sessions.rotate(stored, options))) {
        this.#stored = await this.sessions.create(changes as Data, options);
      }
    } catch (error) {
      // What was meant for a user must not be saved in a session of nobody.
      this.#forget();
      throw error;
    }
    this.#isLoggedOut = false;
  }

  /**
   * Ends the session. The client forgets it in any case.
   *
   * @throws RedisUnavailableError, RedisRefusedError: it ends as soon as Redis can be reached
   */
  async logout(): Promise<void> {
    const ended = this.#stored ?? this.#clientId;
    this.#forget();
    this.#isLoggedOut = true;
    if (ended !== undefined) await this.sessions.destroy(ended);
  }

  /** Gives the session a new id, as after a change of rights. Changes of `data` are saved with it. */
  async rotate(): Promise<void> {
    const { stored } = await this.load();
    if (stored !== undefined) await this.sessions.rotate(stored);
  }

  /**
   * Writes what has changed, and rotates the id when it is time. Called by `SessionInterceptor` at the end of a request; by
   * you only where you send the response yourself, and then before that.
   *
   * @returns the `Set-Cookie` header the response needs, if any
   */
  async commit(): Promise<string | undefined> {
    if (this.#loading !== undefined && this.#failure === undefined) await this.#write();
    const stored = this.#stored;
    if (stored !== undefined && stored.id !== this.#clientId) {
      this.#clientId = stored.id;
      return this.sessions.setCookie(stored);
    }
    if (stored !== undefined || !this.#isLoggedOut || this.#clientId === undefined) return undefined;
    this.#clientId = undefined;
    return this.sessions.clearCookie();
  }

  async #load(): Promise<void> {
    const id = this.#clientId;
    try {
      this.#stored = id === undefined ? undefined : await this.sessions.get(id);
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      this.#failure = error;
    }
  }

  async #write(): Promise<void> {
    const stored = this.#stored;
    if (stored === undefined) {
      if (Object.keys(this.#unstored).length > 0)
        this.#stored = await this.sessions.create(this.#unstored, this.#device);
    } else if (this.sessions.isRotationDue(stored)) {
      await this.#rotateByTheClock(stored);
    } else {
      await this.sessions.save(stored);
    }
  }

  async #rotateByTheClock(stored: Session<Data>): Promise<void> {
    const mustBeSaved = Session.changesOf(stored) !== undefined;
    try {
      await this.sessions.rotate(stored, { grace: true });
    } catch (error) {
      // A later request can do it as well.
      if (mustBeSaved || !isUnanswered(error)) throw error;
    }
  }

  #forget(): void {
    this.#loading = Promise.resolve();
    this.#failure = undefined;
    this.#stored = undefined;
    this.#unstored = {} as Data;
  }

  get #device(): { ip: string | undefined; userAgent: string | undefined } {
    return { ip: this.request.ip, userAgent: this.request.headers['user-agent'] };
  }
}

const attached = new WeakMap<object, RequestSession>();
const lookedAfter = new WeakSet<RequestSession>();

/** Somebody will `commit` it when its request is done. */
export function lookAfter(session: RequestSession): void {
  lookedAfter.add(session);
}

export function isLookedAfter(session: RequestSession): boolean {
  return lookedAfter.has(session);
}

/** The session of this request: one, whoever asks for it. */
export function sessionOf(request: SessionRequest, sessions: SessionService): RequestSession {
  const key = keyOf(request);
  const known = attached.get(key);
  if (known !== undefined) return known;
  const session = new RequestSession(sessions, request);
  attached.set(key, session);
  return session;
}

/** The session of a request that a guard or the interceptor has seen. */
export function attachedSession(request: SessionRequest): RequestSession | undefined {
  return attached.get(keyOf(request));
}

/** Forgets what was read, so that the next who asks reads anew. */
export function detachSession(request: SessionRequest): void {
  attached.delete(keyOf(request));
}

/** Whether a session could not be read or written because of Redis. */
export function isUnanswered(error: unknown): error is RedisUnavailableError | RedisRefusedError {
  return error instanceof RedisUnavailableError || error instanceof RedisRefusedError;
}

// Fastify wraps the request of Node; middleware sees the bare one.
function keyOf(request: SessionRequest & { readonly raw?: object }): object {
  return request.raw ?? request;
}
