import type { MissReason } from '../events.js';
import type { CacheCore } from './backend.js';
import { type CachedValue, cachedValue } from './cached-value.js';
import { decodeEnvelope, type StoredEnvelope } from './envelope.js';
import { listOf, type Recorded, type TagId } from './recorded.js';
import { Entry, type Grounds } from './entry.js';
import type { Clock } from '../time.js';
import type { Policy } from './policy.js';
import type { Trust } from './trust.js';
import { CorruptValueError } from './value.js';

/** What a read found. `raw` is what stands there, `null` for nothing: `acquire` compares its id. */
export type Found =
  | {
      readonly state: 'fresh' | 'stale';
      readonly entry: Entry;
      readonly raw: Buffer | null;
      readonly ids: KnownIds;
    }
  | { readonly state: 'none'; readonly reason: MissReason; readonly raw: Buffer | null; readonly ids: KnownIds }
  | { readonly state: 'unavailable' };

/** Ids read for this call, by tag. */
export type KnownIds = ReadonlyMap<string, string | undefined>;

/** An entry that was read, and under what its ids were found current. */
interface Judged {
  readonly slotKey: string;
  readonly raw: Buffer;
  readonly envelope: StoredEnvelope;
  readonly grounds: Grounds;
  readonly policy: Policy;
  readonly ids: KnownIds;
}

export const NO_TRUSTS: readonly Trust[] = [];

/**
 * Decides whether entries of one cache may be used: readable, within their lifetime, and with ids that are all current.
 */
export class EntryJudge {
  /** By what entries recorded, which is one object for all that recorded the same. */
  readonly #grounds = new WeakMap<Recorded, Grounds>();

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
    const grounds = this.#groundsOf(slotKey, envelope.recorded);
    const recorded = grounds.ids;
    const judged: Judged = { slotKey, raw, envelope, grounds, policy, ids };
    if (ids.size === 0 ? this.holds(grounds, nowMs) : recorded.every(({ tag, id }) => ids.get(tag) === id)) {
      return this.#use(judged, nowMs);
    }
    return this.#areCurrent(recorded, ids, isStrong).then((are) =>
      are ? this.#use(judged, this.core.backend.clock.nowMs()) : none('invalidated', raw, ids),
    );
  }

  /**
   * Whether what was remembered on these grounds may be used without asking anybody. Only ids that the tag table knows count as
   * verified: one that was read for a single call may have been overtaken by the announcement of its end.
   */
  holds(grounds: Grounds, nowMs: number): boolean {
    if (nowMs >= grounds.trust.untilMs) return false;
    for (const { untilMs } of grounds.tagTrusts) if (nowMs >= untilMs) return false;
    const { tagTable } = this.core.backend;
    if (grounds.isOutage || grounds.verifiedAtVersion === tagTable.version) return true;
    if (!this.areKnownCurrent(grounds.ids, nowMs)) return false;
    grounds.verifiedAtVersion = tagTable.version;
    return true;
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
    const { slotKey, raw, envelope, grounds, ids } = judged;
    const { redis, serverClockOf } = this.core.backend;
    if (redis !== undefined && redis.journal.queued > 0) {
      if (grounds.ids.some(({ tag }) => redis.journal.covers('tag', tag))) return none('invalidated', raw, ids);
    }
    const serverNowMs = serverClockOf(slotKey).toServerMs(nowMs);
    if (serverNowMs >= envelope.servableUntilMs || isExpiredWithoutGrace(envelope)) return none('expired', raw, ids);
    const entry = this.#entry(judged);
    if (entry === undefined) return none('corrupt', raw, ids);
    const isFresh = !envelope.softExpired && serverNowMs < envelope.freshUntilMs;
    return { state: isFresh ? 'fresh' : 'stale', entry, raw, ids };
  }

  #entry({ slotKey, raw, envelope, grounds, policy }: Judged): Entry | undefined {
    const { serverClockOf, clock } = this.core.backend;
    const serverClock = serverClockOf(slotKey);
    let value: CachedValue;
    try {
      value = cachedValue(envelope.value, policy);
    } catch (error) {
      if (error instanceof CorruptValueError) return undefined;
      throw error;
    }
    const freshUntilMs = envelope.softExpired ? PAST_MS : whole(serverClock.toLocalMs(envelope.freshUntilMs));
    const servableUntilMs = keptUntil(whole(serverClock.toLocalMs(envelope.servableUntilMs)), policy, clock);
    const hotUntilMs = Math.min(servableUntilMs, hotUntil(freshUntilMs, envelope.loadMs, policy, clock));
    return new Entry(
      raw,
      value,
      {
        createdAtMs: whole(serverClock.toLocalMs(envelope.createdAtMs)),
        freshUntilMs,
        servableUntilMs,
        hotUntilMs,
        // Read from bytes it is a double, which V8 would keep in a box of its own.
        loadMs: envelope.loadMs >>> 0,
      },
      grounds,
    );
  }

  #groundsOf(slotKey: string, recorded: Recorded): Grounds {
    const { coherence, tagTable } = this.core.backend;
    const trust = coherence.trustOf(slotKey);
    const reserved = this.core.reserved.of(slotKey);
    const known = this.#grounds.get(recorded);
    const areSame = known?.ids[0]?.tag === reserved[0] && known.ids[1]?.tag === reserved[1];
    const ids = areSame ? known.ids : listOf(recorded, reserved);
    // Found anew for each entry: in a cluster, tags move from server to server.
    const tagTrusts = this.#tagTrusts(trust, ids);
    if (areSame && known.trust === trust && areSameTrusts(known.tagTrusts, tagTrusts)) return known;
    const grounds = { ids, trust, tagTrusts, verifiedAtVersion: tagTable.version - 1, isOutage: false };
    this.#grounds.set(recorded, grounds);
    return grounds;
  }

  /** Empty but for a cluster, whose tags may be on other nodes than their entries. */
  #tagTrusts(own: Trust, ids: readonly TagId[]): readonly Trust[] {
    const { coherence } = this.core.backend;
    if (!this.core.reserved.isSpread) return NO_TRUSTS;
    let others: Trust[] | undefined;
    for (let index = 0; index < ids.length; index++) {
      const trust = coherence.trustOf((ids[index] as TagId).tag);
      if (trust !== own && others?.includes(trust) !== true) (others ??= []).push(trust);
    }
    return others ?? NO_TRUSTS;
  }
}

function areSameTrusts(some: readonly Trust[], others: readonly Trust[]): boolean {
  return some === others || (some.length === others.length && some.every((trust, index) => trust === others[index]));
}

/**
 * Until when an entry answers without a second thought. With early refresh that is before it expires, by a random share of
 * its load time (XFetch, Vattani et al., VLDB 2015): each copy draws once when it is made.
 */
export function hotUntil(freshUntilMs: number, loadMs: number, { earlyBeta }: Policy, clock: Clock): number {
  return earlyBeta === 0 ? freshUntilMs : whole(freshUntilMs + loadMs * earlyBeta * Math.log(1 - clock.random()));
}

/** Before anything, on a monotonic clock. */
export const PAST_MS = -1;

/** Instants of entries are whole: V8 keeps such numbers in the object, and others apart, in 16 bytes each. */
export function whole(ms: number): number {
  return Math.floor(ms);
}

/** Until when this process may answer with its copy, by `l1.ttl` too. */
function keptUntil(servableUntilMs: number, { memoryTtlMs }: Policy, clock: Clock): number {
  return memoryTtlMs === Infinity ? servableUntilMs : Math.min(servableUntilMs, whole(clock.nowMs() + memoryTtlMs));
}

/** Expired by hand, and stored by somebody who did not want it answered stale. */
function isExpiredWithoutGrace({ softExpired, freshUntilMs, servableUntilMs }: StoredEnvelope): boolean {
  return softExpired && servableUntilMs <= freshUntilMs;
}

/** What a read found where nothing may be used. */
export function none(reason: MissReason, raw: Buffer | null, ids: KnownIds): Found {
  return { state: 'none', reason, raw, ids };
}
