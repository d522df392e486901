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

/** A read that is under way. */
interface Reading {
  readonly key: string;
  readonly slotKey: string;
  readonly policy: Policy;
  readonly isStrong: boolean;
  /** 0 for one whose entry must not be remembered. */
  readonly ticket: number;
  readonly startedAtMs: number;
  /** Of the journal, when the read began. */
  readonly carriedOut: number;
  /** Until an announcement overtakes it. */
  isCurrent: boolean;
}

interface RunningRead {
  readonly reading: Reading;
  promise: Promise<Found>;
}

/** An entry that was read, and under what its ids were found current. */
interface Judged {
  readonly slotKey: string;
  readonly raw: Buffer;
  readonly envelope: Envelope;
  readonly recorded: readonly TagId[];
  /** Of the tag table, when its ids were looked at. */
  readonly version: number;
  readonly policy: Policy;
  readonly ids: KnownIds;
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
  #lastIds: readonly TagId[] = [];

  constructor(private readonly core: CacheCore) {}

  /** Never rejects for anything Redis does. */
  read(
    key: string,
    policy: Policy,
    { tags, isStrong }: ReadOptions,
    nowMs = this.core.backend.clock.nowMs(),
  ): Promise<Found> {
    const { redis, coherence } = this.core.backend;
    if (redis === undefined) return Promise.resolve(this.#readMemory(key));
    const running = isStrong ? undefined : this.#running.get(key);
    if (running !== undefined) return running.promise;
    const slotKey = this.core.slotKey(key);
    const reading: Reading = {
      key,
      slotKey,
      policy,
      isStrong,
      ticket: isStrong ? 0 : coherence.ticket(slotKey, nowMs),
      startedAtMs: nowMs,
      carriedOut: redis.journal.carriedOut,
      isCurrent: !isStrong,
    };
    this.core.stats.readsL2 += 1;
    const raw = redis.tier.get(slotKey);
    const unknown = this.#unknown(reading, tags);
    const promise =
      unknown === undefined
        ? raw.then(
            (value) => this.#arrived(reading, value, NO_IDS),
            (error: unknown) => this.#failed(reading, error),
          )
        : Promise.all([raw, this.#ask(unknown, isStrong, reading.ticket !== 0)]).then(
            ([value, ids]) => this.#arrived(reading, value, ids),
            (error: unknown) => this.#failed(reading, error),
          );
    if (!isStrong) this.#running.set(key, { reading, promise });
    return promise;
  }

  /** Whether an entry may be used, wherever it was read. `ids` are those read for this call. */
  judge(
    key: string,
    raw: Buffer,
    policy: Policy,
    ids: KnownIds,
    isStrong: boolean,
    nowMs = this.core.backend.clock.nowMs(),
  ): Found | Promise<Found> {
    const envelope = decodeEnvelope(raw);
    if (envelope === undefined || envelope.codecName !== (policy.codec?.name ?? '')) return none('corrupt', raw, ids);
    const slotKey = this.core.slotKey(key);
    const recorded = this.#recordedIds(slotKey, envelope);
    const version = this.core.backend.tagTable.version;
    const judged: Judged = { slotKey, raw, envelope, recorded, version, policy, ids };
    if (this.#allKnown(recorded, ids, nowMs)) return this.#use(judged, nowMs);
    return this.#areCurrent(recorded, ids, isStrong).then((are) =>
      are ? this.#use(judged, this.core.backend.clock.nowMs()) : none('invalidated', raw, ids),
    );
  }

  overtake(key: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    running.reading.isCurrent = false;
    this.#running.delete(key);
  }

  overtakeAll(): void {
    for (const key of [...this.#running.keys()]) this.overtake(key);
  }

  /** Whether all ids are current as far as this process knows without asking. */
  areKnownCurrent(ids: readonly TagId[], nowMs: number): boolean {
    const { tagTable } = this.core.backend;
    for (const { tag, id } of ids) if (tagTable.known(tag, nowMs) !== id) return false;
    return true;
  }

  /** Answers at once when nothing has to be asked, which is nearly always. */
  #arrived(reading: Reading, raw: Buffer | null, ids: KnownIds): Found | Promise<Found> {
    const nowMs = this.core.backend.clock.nowMs();
    this.core.stats.recordRead(nowMs - reading.startedAtMs);
    try {
      const found = this.#foundAt(reading, raw, ids, nowMs);
      if (!(found instanceof Promise)) return this.#finished(reading, raw, ids, found);
      return found.then(
        (later) => this.#finished(reading, raw, ids, later),
        (error: unknown) => this.#failed(reading, error),
      );
    } catch (error) {
      return this.#failed(reading, error);
    }
  }

  #finished(reading: Reading, raw: Buffer | null, ids: KnownIds, judged: Found): Found {
    this.#ended(reading);
    const { memory, stats, backend } = this.core;
    // What was journaled when this read began, and carried out since, was perhaps read before that.
    const found = backend.redis?.journal.carriedOut === reading.carriedOut ? judged : none('invalidated', raw, ids);
    if (found.state === 'none') stats.missesL2 += 1;
    else if (found.state !== 'unavailable' && reading.policy.usesMemory && memory !== undefined) {
      if (reading.isCurrent && backend.coherence.isValid(reading.ticket)) memory.set(reading.key, found.entry);
    }
    return found;
  }

  #failed(reading: Reading, error: unknown): Found {
    this.#ended(reading);
    if (!isUnanswered(error)) throw error;
    this.core.stats.errorsL2 += 1;
    return { state: 'unavailable' };
  }

  #ended(reading: Reading): void {
    if (this.#running.get(reading.key)?.reading === reading) this.#running.delete(reading.key);
  }

  #foundAt(reading: Reading, raw: Buffer | null, ids: KnownIds, nowMs: number): Found | Promise<Found> {
    const { key, slotKey, policy, isStrong } = reading;
    if (this.core.backend.redis?.journal.covers('entry', slotKey) === true) return none('invalidated', raw, ids);
    if (raw === null) return none('absent', raw, ids);
    const found = this.judge(key, raw, policy, ids, isStrong, nowMs);
    if (!(found instanceof Promise)) return this.#noteCorrupt(key, found);
    return found.then((later) => this.#noteCorrupt(key, later));
  }

  #noteCorrupt(key: string, found: Found): Found {
    if (found.state === 'none' && found.reason === 'corrupt') this.core.foundCorrupt(key);
    return found;
  }

  #readMemory(key: string): Found {
    const { memory, backend } = this.core;
    const entry = memory?.get(key);
    if (entry === undefined) return none('absent', null, NO_IDS);
    const nowMs = backend.clock.nowMs();
    if (nowMs >= entry.servableUntilMs) return none('expired', null, NO_IDS);
    if (!this.areKnownCurrent(entry.ids, nowMs)) return none('invalidated', null, NO_IDS);
    return { state: nowMs < entry.freshUntilMs ? 'fresh' : 'stale', entry, seenId: NO_ENTRY, ids: NO_IDS };
  }

  /** An entry whose ids are current, unless its time is over or its value cannot be read. */
  #use(judged: Judged, nowMs: number): Found {
    const { slotKey, raw, envelope, recorded, ids } = judged;
    const { redis, serverClockOf } = this.core.backend;
    if (redis !== undefined && redis.journal.queued > 0) {
      if (recorded.some(({ tag }) => redis.journal.covers('tag', tag))) return none('invalidated', raw, ids);
    }
    const serverNowMs = serverClockOf(slotKey).toServerMs(nowMs);
    if (serverNowMs >= envelope.servableUntilMs || isExpiredWithoutGrace(envelope)) return none('expired', raw, ids);
    const entry = this.#entry(judged);
    if (entry === undefined) return none('corrupt', raw, ids);
    const isFresh = !envelope.softExpired && serverNowMs < envelope.freshUntilMs;
    return { state: isFresh ? 'fresh' : 'stale', entry, seenId: idBytes(raw), ids };
  }

  #entry({ slotKey, envelope, recorded, version, policy }: Judged): Entry | undefined {
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
      keptUntilMs: policy.memoryTtlMs === Infinity ? Infinity : clock.nowMs() + policy.memoryTtlMs,
      loadMs: envelope.loadMs,
      ids: recorded,
      trust,
      tagTrusts: this.#tagTrusts(trust, recorded),
      verifiedAtVersion: version,
      isOutage: false,
      bytes: value.bytes,
      hasPlainKey: false,
    };
  }

  /** Empty but for a cluster, whose tags may be on other nodes than their entries. */
  #tagTrusts(own: Trust, ids: readonly TagId[]): readonly Trust[] {
    const { coherence } = this.core.backend;
    let others: Trust[] | undefined;
    for (const { tag } of ids) {
      const trust = coherence.trustOf(tag);
      if (trust !== own && others?.includes(trust) !== true) (others ??= []).push(trust);
    }
    return others ?? NO_TRUSTS;
  }

  /** Entries without tags nearly all have the same ids: one list for them costs nothing at every read. */
  #recordedIds(slotKey: string, { namespaceId, cacheId, tags }: Envelope): readonly TagId[] {
    const [namespace, cache] = this.core.reserved.of(slotKey);
    const [lastNamespace, lastCache] = this.#lastIds;
    const isSame =
      lastCache?.id === cacheId &&
      lastCache.tag === cache &&
      lastNamespace?.id === namespaceId &&
      lastNamespace.tag === namespace;
    if (isSame && tags.length === 0) return this.#lastIds;
    const ids = [{ tag: namespace, id: namespaceId }, { tag: cache, id: cacheId }, ...tags];
    if (tags.length === 0) this.#lastIds = ids;
    return ids;
  }

  /** The tags whose ids have to be asked for, `undefined` when there are none. */
  #unknown({ slotKey, isStrong, startedAtMs }: Reading, tags: readonly string[]): readonly string[] | undefined {
    const { tagTable } = this.core.backend;
    const isUnknown = (tag: string): boolean => isStrong || tagTable.known(tag, startedAtMs) === undefined;
    const reserved = this.core.reserved.of(slotKey);
    if (!reserved.some(isUnknown) && !tags.some(isUnknown)) return undefined;
    return [...reserved, ...tags].filter(isUnknown);
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

  #allKnown(recorded: readonly TagId[], ids: KnownIds, nowMs: number): boolean {
    if (ids.size === 0) return this.areKnownCurrent(recorded, nowMs);
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
