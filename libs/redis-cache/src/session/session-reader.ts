import type { DestroyedSessions } from './destroyed-sessions.js';
import type { SealFailure } from './record-seal.js';
import { type OpenedSession, Session } from './session.js';
import { decodeData } from './session-data.js';
import type { SessionNames, SessionPlace } from './session-names.js';
import type { SessionPolicy } from './session-options.js';
import { RecordCodec } from './session-record.js';
import type { SessionStore, StoredSession } from './session-store.js';

/** Why there is no session to give: none in Redis, or one that cannot be used. */
export type ReadFailure = 'absent' | 'invalid' | SealFailure;

/** Of two rotations the later one comes after the grace of the earlier, so one hop is usual and two are possible. */
const MAX_HOPS = 3;

/** From an id to a session: reads, opens, follows a rotated id, checks the schema. */
export class SessionReader<Data extends object> {
  readonly codec: RecordCodec;

  constructor(
    private readonly store: SessionStore,
    private readonly names: SessionNames,
    private readonly policy: SessionPolicy<Data>,
    private readonly destroyed: DestroyedSessions,
  ) {
    this.codec = new RecordCodec(policy.ring);
  }

  /** @param touchMs counts as activity if the last one was this long ago; `undefined`: never */
  async read(id: string, touchMs: number | undefined): Promise<Session<Data> | ReadFailure> {
    return this.#follow(id, undefined, touchMs);
  }

  /** Of a session that a write found to be another than it was read. */
  async reread(id: string, stored: StoredSession): Promise<Session<Data> | ReadFailure> {
    return this.#follow(id, stored, undefined);
  }

  /** A session known by its handle. An id that was rotated is not one. */
  async peek(place: SessionPlace): Promise<OpenedSession | ReadFailure> {
    const stored = await this.store.read(place, undefined);
    if (stored === undefined || stored.isSuperseded || this.destroyed.covers(place.key)) return 'absent';
    return this.#open(place, stored);
  }

  async #follow(
    id: string,
    found: StoredSession | undefined,
    touchMs: number | undefined,
  ): Promise<Session<Data> | ReadFailure> {
    const place = this.names.placeOf(id);
    let current = { id, place, stored: found ?? (await this.store.read(place, touchMs)) };
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const { stored } = current;
      if (stored === undefined || this.destroyed.covers(current.place.key)) return 'absent';
      if (!stored.isSuperseded) {
        const opened = this.#open(current.place, stored);
        return typeof opened === 'string' ? opened : this.#validated(current.id, opened);
      }
      const successor = this.codec.openSuccessor(this.#binding(current.place, stored), stored.record);
      if (typeof successor === 'string') return successor;
      const next = this.names.placeOf(successor.id);
      current = { id: successor.id, place: next, stored: await this.store.read(next, touchMs) };
    }
    return 'absent';
  }

  #open(place: SessionPlace, stored: StoredSession): OpenedSession | SealFailure {
    const opened = this.codec.openContent(this.#binding(place, stored), stored.record);
    if (typeof opened === 'string') return opened;
    const { data, ...facts } = opened;
    const { version, deadlineMs, seenAtMs, nowMs } = stored;
    return { place, version, deadlineMs, seenAtMs, nowMs, facts, stored: data };
  }

  async #validated(id: string, opened: OpenedSession): Promise<Session<Data> | 'invalid'> {
    const { schema } = this.policy;
    const data = decodeData(opened.stored) as Data;
    if (schema === undefined) return new Session({ ...opened, id, baseline: opened.stored }, data);
    const result = await schema['~standard'].validate(data);
    if (result.issues !== undefined) return 'invalid';
    return new Session({ ...opened, id, baseline: JSON.stringify(result.value) }, result.value);
  }

  #binding({ handle }: SessionPlace, { version, deadlineMs }: StoredSession) {
    return { namespace: this.names.namespace, handle, version, deadlineMs };
  }
}
