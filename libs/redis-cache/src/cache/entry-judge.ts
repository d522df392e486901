import type { MissReason } from '../events.js';
import type { CacheCore } from './backend.js';
import { type CachedValue, cachedValue } from './cached-value.js';
import { decodeEnvelope, ENTRY_ID_BYTES, ENTRY_ID_OFFSET, type Envelope, type TagId } from './envelope.js';
import type { Entry, Grounds } from './memory-tier.js';
import type { Clock } from '../time.js';
import type { Policy } from './policy.js';
import type { Trust } from './trust.js';
import { CorruptValueError } from './value.js';

/** What a read found. `seenId` is what stands where an entry has its id, '' for nothing: `acquire` compares it. */
export type Found =
  | {
      readonly state: 'fresh' | 'stale';
      readonly entry: Entry;
      readonly seenId: string | Buffer;
      readonly ids: KnownIds;
    }
  | { readonly state: 'none'; readonly reason: MissReason; readonly seenId: string | Buffer; readonly ids: KnownIds }
  | { readonly state: 'unavailable' };

/** Ids read for this call, by tag. */
export type KnownIds = ReadonlyMap<string, string | undefined>;

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

export const NO_TRUSTS: readonly Trust[] = [];

/**
 * Decides whether entries of one cache may be used: readable, within their lifetime, and with ids that are all current.
 */
export class EntryJudge {
  #lastIds: readonly TagId[] = [];
  #lastGrounds: Grounds | undefined;

  constructor(private readonly core: CacheCore) {}

  /** Whether an entry may be used, wherever it was read. `ids` are those read for this call. */
  judge(
    slotKey: string,
    raw: Buffer,
    policy: Policy,
    ids: KnownIds,
    isStrong: boolean,
    nowMs = this.core.backend.clock.nowMs(),
  ): Found | Promise<Found> {
    const envelope = decodeEnvelope(raw);
    if (envelope === undefined || envelope.codecName !== (policy.codec?.name ?? '')) return none('corrupt', raw, ids);
    const recorded = this.#recordedIds(slotKey, envelope);
    const version = this.core.backend.tagTable.version;
    const judged: Judged = { slotKey, raw, envelope, recorded, version, policy, ids };
    if (this.#allKnown(recorded, ids, nowMs)) return this.#use(judged, nowMs);
    return this.#areCurrent(recorded, ids, isStrong).then((are) =>
      are ? this.#use(judged, this.core.backend.clock.nowMs()) : none('invalidated', raw, ids),
    );
  }

  /** Whether all ids are current as far as this process knows without asking. */
  areKnownCurrent(ids: readonly TagId[], nowMs: number): boolean {
    const { tagTable } = this.core.backend;
    for (let index = 0; index < ids.length; index++) {
      const { tag, id } = ids[index] as TagId;
      if (tagTable.known(tag, nowMs) !== id) return false;
    }
    return true;
  }

  /** The ids of tags from Redis, shared with whoever else asks unless the call is strong. */
  async ask(
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
    const answers = await this.ask(
      doubtful.map(({ tag }) => tag),
      isStrong,
      false,
    );
    return doubtful.every(({ tag, id }) => answers.get(tag) === id);
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
    return { state: isFresh ? 'fresh' : 'stale', entry, seenId: entry.id, ids };
  }

  #entry({ slotKey, envelope, recorded, version, policy }: Judged): Entry | undefined {
    const { serverClockOf, coherence, clock } = this.core.backend;
    const serverClock = serverClockOf(slotKey);
    let value: CachedValue;
    try {
      value = cachedValue(envelope.value, policy);
    } catch (error) {
      if (error instanceof CorruptValueError) return undefined;
      throw error;
    }
    const freshUntilMs = envelope.softExpired ? PAST_MS : whole(serverClock.toLocalMs(envelope.freshUntilMs));
    const servableUntilMs = whole(serverClock.toLocalMs(envelope.servableUntilMs));
    return {
      id: envelope.id,
      value,
      createdAtMs: whole(serverClock.toLocalMs(envelope.createdAtMs)),
      freshUntilMs,
      servableUntilMs,
      hotUntilMs: hotUntil(freshUntilMs, envelope.loadMs, policy, clock),
      keptUntilMs: keptUntil(servableUntilMs, policy, clock),
      // Read from bytes it is a double, which V8 would keep in a box of its own.
      loadMs: envelope.loadMs >>> 0,
      grounds: this.#grounds(recorded, coherence.trustOf(slotKey), version),
      hasPlainKey: false,
    };
  }

  #grounds(ids: readonly TagId[], trust: Trust, verifiedAtVersion: number): Grounds {
    const tagTrusts = this.#tagTrusts(trust, ids);
    const last = this.#lastGrounds;
    if (last?.ids === ids && last.trust === trust && last.tagTrusts === tagTrusts) return last;
    return (this.#lastGrounds = { ids, trust, tagTrusts, verifiedAtVersion, isOutage: false });
  }

  /** Empty but for a cluster, whose tags may be on other nodes than their entries. */
  #tagTrusts(own: Trust, ids: readonly TagId[]): readonly Trust[] {
    const { coherence } = this.core.backend;
    let others: Trust[] | undefined;
    for (let index = 0; index < ids.length; index++) {
      const trust = coherence.trustOf((ids[index] as TagId).tag);
      if (trust !== own && others?.includes(trust) !== true) (others ??= []).push(trust);
    }
    return others ?? NO_TRUSTS;
  }

  /** Entries without tags nearly all have the same ids: one list for them costs nothing at every read. */
  #recordedIds(slotKey: string, { namespaceId, cacheId, tags }: Envelope): readonly TagId[] {
    const reserved = this.core.reserved.of(slotKey);
    // By index: taking a list apart makes an iterator for each read.
    const namespace = reserved[0];
    const cache = reserved[1];
    const lastNamespace = this.#lastIds[0];
    const lastCache = this.#lastIds[1];
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
}

/**
 * Until when an entry answers without a second thought. With early refresh that is before it expires, by a random share of
 * its load time (XFetch, Vattani et al., VLDB 2015): each copy draws once when it is made.
 */
export function hotUntil(freshUntilMs: number, loadMs: number, { earlyBeta }: Policy, clock: Clock): number {
  return earlyBeta === 0 ? freshUntilMs : whole(freshUntilMs + loadMs * earlyBeta * Math.log(1 - clock.random()));
}

/** Before anything, on a monotonic clock. */
const PAST_MS = -1;

/** Instants of entries are whole: V8 keeps such numbers in the object, and others apart, in 16 bytes each. */
export function whole(ms: number): number {
  return Math.floor(ms);
}

function keptUntil(servableUntilMs: number, { memoryTtlMs }: Policy, clock: Clock): number {
  return memoryTtlMs === Infinity ? servableUntilMs : Math.min(servableUntilMs, whole(clock.nowMs() + memoryTtlMs));
}

/** Expired by hand, and stored by somebody who did not want it answered stale. */
function isExpiredWithoutGrace({ softExpired, freshUntilMs, servableUntilMs }: Envelope): boolean {
  return softExpired && servableUntilMs <= freshUntilMs;
}

/** What a read found where nothing may be used. */
export function none(reason: MissReason, raw: Buffer | null, ids: KnownIds): Found {
  return { state: 'none', reason, seenId: raw === null ? '' : idBytes(raw), ids };
}

function idBytes(raw: Buffer): Buffer {
  return raw.subarray(ENTRY_ID_OFFSET, ENTRY_ID_OFFSET + ENTRY_ID_BYTES);
}
