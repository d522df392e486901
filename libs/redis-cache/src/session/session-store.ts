import type { RedisConnection } from '../redis/redis-connection.js';
import type { Script, ScriptArgument } from '../redis/script.js';
import type { SessionNames, SessionPlace } from './session-names.js';
import {
  CREATE,
  CREATE_ANONYMOUS,
  DESTROY,
  DESTROY_ANONYMOUS,
  heal,
  LIST,
  NOW,
  READ,
  REVOKE,
  ROTATE,
  ROTATE_ANONYMOUS,
  SAVE,
  sweep,
  TAKE,
  TAKE_ANONYMOUS,
} from './session-scripts.js';

/** What sessions need of the door to Redis. */
export type SessionConnection = Pick<RedisConnection, 'run' | 'runDurably' | 'scan' | 'shards'>;

/** A session in Redis, still sealed. */
export interface StoredSession {
  readonly version: number;
  readonly record: Buffer;
  readonly deadlineMs: number;
  readonly seenAtMs: number;
  /** Its id was rotated, and the record leads to the new one. */
  readonly isSuperseded: boolean;
  /** Time of the server when it answered. */
  readonly nowMs: number;
}

/** How a conditional write ended: a stale one was refused because the session is no longer as it was read. */
export type WriteReply = 'gone' | { readonly nowMs: number } | { readonly stale: StoredSession };

/** The sealed new record of a session, for a conditional write. */
export interface RecordUpdate {
  readonly place: SessionPlace;
  /** The one the write is based on. */
  readonly version: number;
  readonly record: Buffer;
}

const SWEEP_BATCH = 100;

/** The scripts of sessions as methods: spells keys, picks the lane, reads replies. Knows nothing of what records hold. */
export class SessionStore {
  constructor(
    private readonly connection: SessionConnection,
    private readonly names: SessionNames,
    private readonly idleMs: number,
  ) {}

  /** The time of the server that holds a session, or will. */
  async nowMs({ key }: SessionPlace): Promise<number> {
    return Number(await this.connection.run('data', NOW, [key]));
  }

  /** @param touchMs counts as activity if the last one was this long ago; `undefined`: never */
  async read({ key }: SessionPlace, touchMs: number | undefined): Promise<StoredSession | undefined> {
    const reply = await this.connection.run('data', READ, [key, this.idleMs, touchMs ?? '']);
    return storedOf(reply as Reply);
  }

  /** `false` when the deadline has passed, or there is a session with that id. */
  async create(
    place: SessionPlace,
    userId: string | undefined,
    { record, deadlineMs }: { record: Buffer; deadlineMs: number },
  ): Promise<boolean> {
    const keys = userId === undefined ? [place.key] : [place.key, this.names.userKey(userId)];
    const script = userId === undefined ? CREATE_ANONYMOUS : CREATE;
    return (
      (await this.connection.run('control', script, [...keys, place.handle, record, deadlineMs, this.idleMs])) === 1
    );
  }

  async save({ place, version, record }: RecordUpdate): Promise<WriteReply> {
    const reply = await this.connection.run('data', SAVE, [place.key, version, record, this.idleMs]);
    return writeReplyOf(reply as Reply);
  }

  /** @param grace the record that stays under the old id, for how long */
  async rotate(
    from: { place: SessionPlace; version: number; userId: string | undefined },
    to: { place: SessionPlace; record: Buffer; deadlineMs: number },
    grace: { record: Buffer; ms: number } | undefined,
  ): Promise<WriteReply> {
    const keys = [from.place.key, to.place.key];
    if (from.userId !== undefined) keys.push(this.names.userKey(from.userId));
    const handles = [from.place.handle, to.place.handle];
    const script = from.userId === undefined ? ROTATE_ANONYMOUS : ROTATE;
    const args = [from.version, to.record, this.idleMs, ...handles, to.deadlineMs, grace?.record ?? '', grace?.ms ?? 0];
    return writeReplyOf((await this.connection.run('control', script, [...keys, ...args])) as Reply);
  }

  /** Removes a session that another one replaces. */
  async take(place: SessionPlace, version: number, userId: string | undefined): Promise<WriteReply> {
    const keys = userId === undefined ? [place.key] : [place.key, this.names.userKey(userId)];
    const script = userId === undefined ? TAKE_ANONYMOUS : TAKE;
    return writeReplyOf((await this.#remove(script, [...keys, version, this.idleMs, place.handle])) as Reply);
  }

  /** @param mustBeListed leaves alone what is not in the index of the user */
  async destroy(place: SessionPlace, userId: string | undefined, mustBeListed = false): Promise<boolean> {
    const keys = userId === undefined ? [place.key] : [place.key, this.names.userKey(userId)];
    const script = userId === undefined ? DESTROY_ANONYMOUS : DESTROY;
    return (await this.#remove(script, [...keys, place.handle, mustBeListed ? 'listed' : ''])) === 1;
  }

  async list(userId: string): Promise<string[]> {
    return textsOf(await this.connection.run('data', LIST, [this.names.userKey(userId)]));
  }

  /** Handles of the sessions that cannot be rotated any more; `undefined`, and nothing done, when the spared one is not there. */
  async revoke(userId: string, spared: string | undefined): Promise<string[] | undefined> {
    const reply = await this.#remove(REVOKE, [this.names.userKey(userId), spared ?? '']);
    return reply === null ? undefined : textsOf(reply);
  }

  /** Removes sessions of a user; resolves to how many of them there were. */
  sweep(userId: string, handles: readonly string[]): Promise<number> {
    return this.#inBatches(userId, handles, async (count, keysAndArgs) => this.#remove(sweep(count), keysAndArgs));
  }

  /** How many of the sessions are alive; the others leave the index. */
  heal(userId: string, handles: readonly string[]): Promise<number> {
    return this.#inBatches(userId, handles, async (count, keysAndArgs) =>
      this.connection.run('control', heal(count), keysAndArgs),
    );
  }

  async #inBatches(
    userId: string,
    handles: readonly string[],
    run: (count: number, keysAndArgs: ScriptArgument[]) => Promise<unknown>,
  ): Promise<number> {
    let total = 0;
    for (let begin = 0; begin < handles.length; begin += SWEEP_BATCH) {
      const batch = handles.slice(begin, begin + SWEEP_BATCH);
      const keys = batch.map((handle) => this.names.placeFor(userId, handle).key);
      total += Number(await run(batch.length, [this.names.userKey(userId), ...keys, ...batch]));
    }
    return total;
  }

  /** What ends a session must outlive a failover; what begins one may be begun again. */
  #remove(script: Script, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    return this.connection.runDurably(script, keysAndArgs);
  }
}

type Reply = readonly (Buffer | number)[];

function storedOf(reply: Reply): StoredSession | undefined {
  if (reply.length === 0) return undefined;
  const [version, record, deadlineMs, seenAtMs, graceUntil, nowMs] = reply;
  return {
    version: Number(version),
    record: record as Buffer,
    deadlineMs: Number(deadlineMs),
    seenAtMs: Number(seenAtMs),
    isSuperseded: String(graceUntil) !== '',
    nowMs: Number(nowMs),
  };
}

function writeReplyOf(reply: Reply): WriteReply {
  const [state, ...rest] = reply;
  if (state === undefined) return 'gone';
  if (String(state) === 'saved') return { nowMs: Number(rest[0]) };
  return { stale: storedOf(rest) as StoredSession };
}

function textsOf(reply: unknown): string[] {
  return (reply as Buffer[]).map(String);
}
