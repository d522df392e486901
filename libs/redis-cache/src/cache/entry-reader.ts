import type { MissReason } from '../events.js';
import { type CacheCore, isUnanswered } from './backend.js';
import { CachedValue } from './cached-value.js';
import { decodeEnvelope, ENTRY_ID_BYTES, ENTRY_ID_OFFSET, type Envelope, type TagId } from './envelope.js';
import type { Entry } from './memory-tier.js';
import type { Policy } from './policy.js';
import type { Trust } from './trust.js';
import { CorruptValueError } from './value.js';

/** What a read found. `seenId` is what stands where an entry has its id, for `acquire` to compare. */
export type Found =
  | { readonly state: 'fresh' | 'stale'; readonly entry: Entry; readonly seenId: Buffer; readonly ids: KnownIds }
  | { readonly state: 'none'; readonly reason: MissReason; readonly seenId: Buffer; readonly ids: KnownIds }
  | { readonly state: 'unavailable' };

/** Ids read for this call, by tag. */
export type KnownIds = ReadonlyMap<string, string | undefined>;

export interface ReadOptions {
  /** Tags whose ids a load would need: asked for together with the entry when they are not known. */
  readonly tags: readonly string[];
  /** Believe nothing this process remembers. */
  readonly isStrong: boolean;
}

interface RunningRead {
  promise: Promise<Found>;
  isCurrent: boolean;
}

const NO_IDS: KnownIds = new Map();
const NO_ENTRY = Buffer.alloc(0);
const NO_TRUSTS: readonly Trust[] = [];

/**
 * Reads entries of one cache from Redis and decides whether they may be used: readable, within their lifetime, and
 * with ids that are all current. Callers of one key share a read that is under way; a copy goes to memory only when the
 * read began under trust and no announcement overtook it (the announcement usually comes first).
 */
export class EntryReader {
  readonly #running = new Map<string, RunningRead>();

  constructor(private readonly core: CacheCore) {}

  /** Never rejects for anything Redis does. */
  read(key: string, policy: Policy, options: ReadOptions): Promise<Found> {
    if (options.isStrong) return this.#read(key, policy, options, { isCurrent: false });
    const running = this.#running.get(key);
    if (running !== undefined) return running.promise;
    const read = { isCurrent: true } as RunningRead;
    this.#running.set(key, read);
    read.promise = this.#read(key, policy, options, read).finally(() => {
      if (this.#running.get(key) === read) this.#running.delete(key);
    });
    return read.promise;
  }

  /** Whether an entry may be used, wherever it was read. `ids` are those read for this call. */
  async judge(key: string, raw: Buffer, policy: Policy, ids: KnownIds, isStrong: boolean): Promise<Found> {
    const envelope = decodeEnvelope(raw);
    if (envelope === undefined || envelope.codecName !== (policy.codec?.name ?? '')) return none('corrupt', raw, ids);
    const slotKey = this.core.slotKey(key);
    const recorded = this.#recordedIds(slotKey, envelope);
    const version = this.core.backend.tagTable.version;
    if (!this.#allKnown(recorded, ids) && !(await this.#areCurrent(recorded, ids, isStrong))) {
      return none('invalidated', raw, ids);
    }
    if (recorded.some(({ tag }) => this.core.backend.redis?.journal.covers('tag', tag)))
      return none('invalidated', raw, ids);
    const nowMs = this.core.backend.serverClockOf(slotKey).nowMs();
    if (nowMs >= envelope.servableUntilMs || isExpiredWithoutGrace(envelope)) return none('expired', raw, ids);
    const entry = this.#entry(slotKey, envelope, recorded, version, policy);
    if (entry === undefined) return none('corrupt', raw, ids);
    const isFresh = !envelope.softExpired && nowMs < envelope.freshUntilMs;
    return { state: isFresh ? 'fresh' : 'stale', entry, seenId: idBytes(raw), ids };
  }

  overtake(key: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    running.isCurrent = false;
    this.#running.delete(key);
  }

  overtakeAll(): void {
    for (const key of [...this.#running.keys()]) this.overtake(key);
  }

  /** Whether all ids are current as far as this process knows without asking. */
  areKnownCurrent(ids: readonly TagId[]): boolean {
    const { tagTable } = this.core.backend;
    for (const { tag, id } of ids) if (tagTable.known(tag) !== id) return false;
    return true;
  }

  async #read(key: string, policy: Policy, options: ReadOptions, read: { isCurrent: boolean }): Promise<Found> {
    const { core } = this;
    const { coherence, clock, redis } = core.backend;
    if (redis === undefined) return this.#readMemory(key);
    const slotKey = core.slotKey(key);
    const ticket = options.isStrong ? 0 : coherence.ticket(slotKey);
    const startedAtMs = clock.nowMs();
    const { carriedOut } = redis.journal;
    core.stats.readsL2 += 1;
    try {
      const tags = [...core.reserved.of(slotKey), ...options.tags];
      const unknown = options.isStrong ? tags : this.#unknown(tags);
      const [raw, ids] = await Promise.all([
        redis.tier.get(slotKey),
        unknown.length === 0 ? NO_IDS : this.#ask(unknown, options.isStrong, ticket !== 0),
      ]);
      core.stats.recordRead(clock.nowMs() - startedAtMs);
      let found = await this.#foundAt(key, slotKey, raw, policy, ids, options.isStrong);
      // What was journaled when this read began, and carried out since, was perhaps read before that.
      if (redis.journal.carriedOut !== carriedOut) found = none('invalidated', raw, ids);
      if (found.state === 'none') core.stats.missesL2 += 1;
      const { memory } = core;
      if ((found.state === 'fresh' || found.state === 'stale') && policy.usesMemory && memory !== undefined) {
        if (read.isCurrent && coherence.isValid(ticket)) memory.set(key, found.entry);
      }
      return found;
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      core.stats.errorsL2 += 1;
      return { state: 'unavailable' };
    }
  }

  async #foundAt(
    key: string,
    slotKey: string,
    raw: Buffer | null,
    policy: Policy,
    ids: KnownIds,
    isStrong: boolean,
  ): Promise<Found> {
    if (this.core.backend.redis?.journal.covers('entry', slotKey) === true) return none('invalidated', raw, ids);
    if (raw === null) return none('absent', raw, ids);
    const found = await this.judge(key, raw, policy, ids, isStrong);
    if (found.state === 'none' && found.reason === 'corrupt') this.core.foundCorrupt(key);
    return found;
  }

  #readMemory(key: string): Found {
    const { memory, backend } = this.core;
    const entry = memory?.get(key);
    if (entry === undefined) return none('absent', null, NO_IDS);
    const nowMs = backend.clock.nowMs();
    if (nowMs >= entry.servableUntilMs) return none('expired', null, NO_IDS);
    if (!this.areKnownCurrent(entry.ids)) return none('invalidated', null, NO_IDS);
    return { state: nowMs < entry.freshUntilMs ? 'fresh' : 'stale', entry, seenId: NO_ENTRY, ids: NO_IDS };
  }

  #entry(
    slotKey: string,
    envelope: Envelope,
    ids: readonly TagId[],
    version: number,
    policy: Policy,
  ): Entry | undefined {
    const { serverClockOf, coherence, clock } = this.core.backend;
    const serverClock = serverClockOf(slotKey);
    const trust = coherence.trustOf(slotKey);
    let value: CachedValue;
    try {
      value = new CachedValue(envelope.value, policy);
    } catch (error) {
      if (error instanceof CorruptValueError) return undefined;
      throw error;
    }
    const freshUntilMs = envelope.softExpired ? -Infinity : serverClock.toLocalMs(envelope.freshUntilMs);
    return {
      id: envelope.id,
      value,
      createdAtMs: serverClock.toLocalMs(envelope.createdAtMs),
      freshUntilMs,
      servableUntilMs: serverClock.toLocalMs(envelope.servableUntilMs),
      hotUntilMs: hotUntil(freshUntilMs, envelope.loadMs, policy, clock.random()),
      keptUntilMs: clock.nowMs() + policy.memoryTtlMs,
      loadMs: envelope.loadMs,
      ids,
      trust,
      tagTrusts: this.#tagTrusts(trust, ids),
      verifiedAtVersion: version,
      isOutage: false,
      bytes: value.bytes,
    };
  }

  /** Empty but for a cluster, whose tags may be on other nodes than their entries. */
  #tagTrusts(own: Trust, ids: readonly TagId[]): readonly Trust[] {
    const { coherence } = this.core.backend;
    const others = new Set(ids.map(({ tag }) => coherence.trustOf(tag)));
    others.delete(own);
    return others.size === 0 ? NO_TRUSTS : [...others];
  }

  #recordedIds(slotKey: string, envelope: Envelope): readonly TagId[] {
    const [namespace, cache] = this.core.reserved.of(slotKey);
    return [{ tag: namespace, id: envelope.namespaceId }, { tag: cache, id: envelope.cacheId }, ...envelope.tags];
  }

  #unknown(tags: readonly string[]): string[] {
    const { tagTable } = this.core.backend;
    return tags.filter((tag) => tagTable.known(tag) === undefined);
  }

  async #ask(
    tags: readonly string[],
    isStrong: boolean,
    createMissing: boolean,
  ): Promise<Map<string, string | undefined>> {
    const { tagTable, redis } = this.core.backend;
    const answers = await Promise.all(
      tags.map((tag) => {
        if (isStrong && redis !== undefined) return redis.tier.read(tag);
        return createMissing ? tagTable.ensure(tag) : tagTable.read(tag);
      }),
    );
    return new Map(tags.map((tag, index) => [tag, answers[index]]));
  }

  #allKnown(recorded: readonly TagId[], ids: KnownIds): boolean {
    if (ids.size === 0) return this.areKnownCurrent(recorded);
    return recorded.every(({ tag, id }) => ids.get(tag) === id);
  }

  /** Asks Redis for every id that is unknown or differs: the table may lag behind. */
  async #areCurrent(recorded: readonly TagId[], ids: KnownIds, isStrong: boolean): Promise<boolean> {
    const { tagTable } = this.core.backend;
    const doubtful = recorded.filter(({ tag, id }) => {
      if (ids.has(tag)) return ids.get(tag) !== id;
      return isStrong || tagTable.known(tag) !== id;
    });
    // An id that was read for this very call and differs is not asked for again.
    if (doubtful.some(({ tag }) => ids.has(tag))) return false;
    const answers = await this.#ask(
      doubtful.map(({ tag }) => tag),
      isStrong,
      false,
    );
    return doubtful.every(({ tag, id }) => answers.get(tag) === id);
  }
}

/**
 * Until when an entry answers without a second thought. With early refresh that is before it expires, by a random share of
 * its load time (XFetch, Vattani et al., VLDB 2015): each copy draws once when it is made.
 */
export function hotUntil(freshUntilMs: number, loadMs: number, policy: Policy, random: number): number {
  return policy.earlyBeta === 0 ? freshUntilMs : freshUntilMs + loadMs * policy.earlyBeta * Math.log(1 - random);
}

/** Expired by hand, and stored by somebody who did not want it answered stale. */
function isExpiredWithoutGrace({ softExpired, freshUntilMs, servableUntilMs }: Envelope): boolean {
  return softExpired && servableUntilMs <= freshUntilMs;
}

function none(reason: MissReason, raw: Buffer | null, ids: KnownIds): Found {
  return { state: 'none', reason, seenId: raw === null ? NO_ENTRY : idBytes(raw), ids };
}

function idBytes(raw: Buffer): Buffer {
  return raw.subarray(ENTRY_ID_OFFSET, ENTRY_ID_OFFSET + ENTRY_ID_BYTES);
}
