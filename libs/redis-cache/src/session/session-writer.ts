import { InvalidArgumentError, RedisUnavailableError, SessionConflictError } from '../errors.js';
import type { DestroyedSessions } from './destroyed-sessions.js';
import type { Clock } from '../time.js';
import { Session, type SessionState } from './session.js';
import { applyPatch, decodeData, encodeData, type SessionPatch } from './session-data.js';
import type { SessionNames } from './session-names.js';
import type { SessionPolicy } from './session-options.js';
import type { SessionReader } from './session-reader.js';
import type { SessionFacts } from './session-record.js';
import type { SessionStore } from './session-store.js';

export type Device = Pick<SessionFacts, 'ip' | 'userAgent'>;

/** What a write makes of the data it finds. */
type Change = (base: SessionState) => Content | Promise<Content>;
type Content = Pick<SessionState, 'stored' | 'baseline'>;

/** Each lost attempt means that somebody else's succeeded. */
const MAX_ATTEMPTS = 100;
/** Attempts come this much later with each that is lost, on average half of it: dozens of writers would else meet again and again. */
const BACKOFF_MS = { step: 1, most: 50 };

/**
 * Every write is based on the version that was read: Redis refuses it when the session has changed since, and it is then
 * made again from what is there, or dropped when nothing is.
 */
export class SessionWriter<Data extends object> {
  constructor(
    private readonly store: SessionStore,
    private readonly names: SessionNames,
    private readonly policy: SessionPolicy<Data>,
    private readonly reader: SessionReader<Data>,
    private readonly destroyed: DestroyedSessions,
    private readonly clock: Clock,
  ) {}

  async insert(
    stored: string,
    userId: string | undefined,
    device: Device,
    id = this.names.newId(userId),
  ): Promise<SessionState> {
    const place = this.names.placeOf(id);
    const nowMs = await this.store.nowMs(place);
    const deadlineMs = nowMs + this.policy.absoluteMs;
    const facts = { userId, createdAtMs: nowMs, issuedAtMs: nowMs, ...device };
    const state = { id, place, version: 1, deadlineMs, seenAtMs: nowMs, nowMs, facts, stored, baseline: stored };
    const isStored = await this.store.create(place, userId, { record: this.#seal(state), deadlineMs });
    if (!isStored) throw new RedisUnavailableError('Redis created a session after its deadline only.');
    return state;
  }

  /**
   * @param isInData whether `session.data` show the change already; they then stay the same object unless others wrote too
   * @returns `false` when the session is gone
   */
  async patch(session: Session<Data>, patch: SessionPatch, isInData: boolean): Promise<boolean> {
    const before = Session.stateOf(session);
    const written = await this.#write(before, (base) => patched(base, patch));
    if (written === undefined) return false;
    const isUndisturbed = written.id === before.id && written.version === before.version + 1;
    Session.replace(
      session,
      written,
      isInData && isUndisturbed ? session.data : (decodeData(written.baseline) as Data),
    );
    return true;
  }

  /** @returns `false` when the session is gone */
  async compute(session: Session<Data>, change: (data: Data) => unknown): Promise<boolean> {
    const written = await this.#write(Session.stateOf(session), async ({ baseline }) => {
      const data = decodeData(baseline) as Data;
      await change(data);
      const stored = encodeData(data);
      return { stored, baseline: stored };
    });
    if (written === undefined) return false;
    Session.replace(session, written, decodeData(written.baseline) as Data);
    return true;
  }

  /** A new id in the same slot, which takes one script. @returns `false` when the session is gone */
  async rename(session: Session<Data>, withGrace: boolean): Promise<boolean> {
    const patch = Session.changesOf(session);
    const graceMs = withGrace ? this.policy.graceMs : 0;
    let base = Session.stateOf(session);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const next = this.#renamed(base, patch);
      const grace = graceMs === 0 ? undefined : { record: this.#sealSuccessor(base, next.id), ms: graceMs };
      const mark = this.destroyed.mark();
      const reply = await this.store.rotate(
        { place: base.place, version: base.version, userId: base.facts.userId },
        { place: next.place, record: this.#seal(next), deadlineMs: next.deadlineMs },
        grace,
      );
      if (reply === 'gone') return false;
      if ('nowMs' in reply) {
        this.destroyed.applied(base.place.key, mark);
        const state = { ...next, nowMs: reply.nowMs, seenAtMs: reply.nowMs };
        Session.replace(session, state, attempt === 0 ? session.data : (decodeData(next.baseline) as Data));
        return true;
      }
      const fresh = await this.reader.reread(base.id, reply.stale);
      if (typeof fresh === 'string') return false;
      base = Session.stateOf(fresh);
      // A rotation by the clock is done when anybody has done it.
      if (withGrace && reply.stale.isSuperseded) return this.#adopt(session, base, patch);
    }
    throw new SessionConflictError();
  }

  /**
   * A new session of a user in place of another one, which may be nobody's and lie in another slot. First the new one, which
   * nobody can use before its id is told; then the old one goes, with what parallel requests wrote to it.
   *
   * @returns `false` when the old one was a user's, or the new one is, and has been ended meanwhile
   */
  async replace(session: Session<Data>, userId: string, device: Device): Promise<boolean> {
    const patch = Session.changesOf(session);
    let base = Session.stateOf(session);
    let next: SessionState | undefined = await this.insert(patched(base, patch).stored, userId, device);
    const { place } = next;
    const isReplaced = await this.orQueue([place.key], async () => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS && next !== undefined; attempt++) {
        const fresh = await this.#take(base);
        if (fresh === 'gone' && base.facts.userId !== undefined) return false;
        if (fresh === 'gone' || fresh === 'taken') {
          Session.replace(session, next, decodeData(next.baseline) as Data);
          return true;
        }
        base = fresh;
        next = await this.#write(next, () => patched(fresh, patch));
      }
      return false;
    });
    if (!isReplaced) await this.remove([place.key], () => this.store.destroy(place, userId));
    return isReplaced;
  }

  /** Carries out a removal, of which a failover may make Redis forget. */
  async remove<T>(keys: readonly string[], removal: () => Promise<T>): Promise<T> {
    const mark = this.destroyed.mark();
    const result = await this.orQueue(keys, removal);
    for (const key of keys) this.destroyed.applied(key, mark);
    return result;
  }

  /** When `work` fails, these sessions count as removed here, and that is made up for when Redis is back. */
  async orQueue<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      for (const key of keys) this.destroyed.queue(key);
      throw error;
    }
  }

  async #write(before: SessionState, change: Change): Promise<SessionState | undefined> {
    let base = before;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const next = { ...base, ...(await change(base)), version: base.version + 1 };
      const reply = await this.store.save({ place: base.place, version: base.version, record: this.#seal(next) });
      if (reply === 'gone') return undefined;
      if ('nowMs' in reply) return { ...next, nowMs: reply.nowMs, seenAtMs: reply.nowMs };
      if (attempt > 0)
        await this.clock.sleep(this.clock.random() * Math.min(attempt * BACKOFF_MS.step, BACKOFF_MS.most));
      // Read again after a pause, in which it may have changed again.
      const fresh = await (attempt > 0
        ? this.reader.read(base.id, undefined)
        : this.reader.reread(base.id, reply.stale));
      if (typeof fresh === 'string') return undefined;
      base = Session.stateOf(fresh);
    }
    throw new SessionConflictError();
  }

  /** Somebody else has rotated the session: goes on with the new id. */
  async #adopt(session: Session<Data>, state: SessionState, patch: SessionPatch | undefined): Promise<boolean> {
    Session.replace(session, state, decodeData(patched(state, patch).baseline) as Data);
    return patch === undefined || this.patch(session, patch, true);
  }

  /** @returns the session as it is, when it is not as it was read */
  async #take({ id, place, version, facts }: SessionState): Promise<'taken' | 'gone' | SessionState> {
    const mark = this.destroyed.mark();
    const reply = await this.store.take(place, version, facts.userId);
    if (reply === 'gone') return 'gone';
    if ('stale' in reply) {
      const fresh = await this.reader.reread(id, reply.stale);
      return typeof fresh === 'string' ? 'gone' : Session.stateOf(fresh);
    }
    this.destroyed.applied(place.key, mark);
    return 'taken';
  }

  #renamed(base: SessionState, patch: SessionPatch | undefined): SessionState {
    const id = this.names.newIdBeside(base.id);
    const facts = { ...base.facts, issuedAtMs: base.nowMs };
    return { ...base, ...patched(base, patch), id, place: this.names.placeOf(id), version: 1, facts };
  }

  #seal({ place, version, deadlineMs, facts, stored }: SessionState): Buffer {
    const binding = { namespace: this.names.namespace, handle: place.handle, version, deadlineMs };
    const record = this.reader.codec.sealContent(binding, { ...facts, data: stored });
    const { maxBytes } = this.policy;
    if (record.length <= maxBytes) return record;
    throw new InvalidArgumentError(
      `The session would have ${record.length} bytes; maxBytes is ${maxBytes}. Keep less in it.`,
    );
  }

  /** For the place and version that the old id will have when it leads to a new one. */
  #sealSuccessor({ place, version, deadlineMs }: SessionState, id: string): Buffer {
    const binding = { namespace: this.names.namespace, handle: place.handle, version: version + 1, deadlineMs };
    return this.reader.codec.sealSuccessor(binding, id);
  }
}

function patched({ stored, baseline }: SessionState, patch: SessionPatch | undefined): Content {
  return patch === undefined
    ? { stored, baseline }
    : { stored: applyPatch(stored, patch), baseline: applyPatch(baseline, patch) };
}
