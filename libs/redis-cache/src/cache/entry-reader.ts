import { type CacheCore, isUnanswered } from './backend.js';
import { type EntryJudge, type Found, type KnownIds, none } from './entry-judge.js';
import type { ValueReceiver } from '../redis/merged-reads.js';
import type { Policy } from './policy.js';
import type { RedisTier } from './redis-tier.js';
import { TransitMap } from './transit-map.js';
import type { Trust } from './trust.js';

export interface ReadOptions {
  /** Tags whose ids a load would need: asked for together with the entry when they are not known. */
  readonly tags: readonly string[];
  /** Believe nothing this process remembers. */
  readonly isStrong: boolean;
}

/** Who waits for a read. Told once, never at once; must not throw. */
export interface ReadListener {
  /**
   * @param isCurrent no announcement has overtaken it, which is never known of a strong read
   * @param atMs when it was judged, where that is known
   */
  found(found: Found, isCurrent: boolean, atMs?: number): void;
  /** Never for anything Redis does. */
  failed(error: unknown): void;
}

/** Reads of one call that are asked for together. Nobody joins them. */
export class ReadBatch {
  readonly reads: ValueReceiver[] = [];
  /** Not told yet. */
  left = 0;
  #isOvertaken = false;
  #overtaken: Set<string> | undefined;

  overtake(key: string): void {
    (this.#overtaken ??= new Set()).add(key);
  }

  overtakeAll(): void {
    this.#isOvertaken = true;
  }

  isCurrent(key: string): boolean {
    return !this.#isOvertaken && this.#overtaken?.has(key) !== true;
  }
}

/** What a read answers to. */
interface Host {
  arrived(reading: Reading, raw: Buffer | null, ids: KnownIds, nowMs: number): void;
  failed(reading: Reading, error: unknown): void;
}

/** A read that is under way. */
class Reading implements ValueReceiver {
  #isCurrent: boolean;
  #others: ReadListener[] | undefined;

  constructor(
    private readonly host: Host,
    private readonly listener: ReadListener,
    readonly key: string,
    readonly slotKey: string,
    readonly redisKey: string,
    readonly policy: Policy,
    readonly isStrong: boolean,
    /** 0 for one whose entry must not be remembered. */
    readonly ticket: number,
    readonly startedAtMs: number,
    /** Of the journal, when the read began. */
    readonly carriedOut: number,
    readonly batch: ReadBatch | undefined,
  ) {
    this.#isCurrent = !isStrong;
  }

  /** Until an announcement overtakes it. */
  get isCurrent(): boolean {
    return this.#isCurrent && this.batch?.isCurrent(this.key) !== false;
  }

  overtake(): void {
    this.#isCurrent = false;
  }

  join(listener: ReadListener): void {
    (this.#others ??= []).push(listener);
  }

  received(raw: Buffer | null, nowMs: number): void {
    this.host.arrived(this, raw, NO_IDS, nowMs);
  }

  failed(error: unknown): void {
    this.host.failed(this, error);
  }

  tell(found: Found, atMs?: number): void {
    const { isCurrent } = this;
    this.listener.found(found, isCurrent, atMs);
    if (this.#others !== undefined) for (const listener of this.#others) listener.found(found, isCurrent, atMs);
  }

  tellFailure(error: unknown): void {
    for (const listener of [this.listener, ...(this.#others ?? [])]) listener.failed(error);
  }
}

const NO_IDS: KnownIds = new Map();

/**
 * Reads entries of one cache from Redis. Callers of one key share a read that is under way; a copy goes to memory only when
 * the read began under trust and no announcement overtook it (the announcement usually comes first).
 */
export class EntryReader {
  readonly #running = new TransitMap<string, Reading>();
  readonly #batches = new TransitMap<ReadBatch, true>();
  /** When the ids of namespace and cache were last known, for each copy of them. */
  readonly #reservedKnown = new Map<readonly string[], { version: number; trust: Trust }>();
  readonly #host: Host = {
    arrived: (reading, raw, ids, nowMs) => {
      this.#arrived(reading, raw, ids, nowMs);
    },
    failed: (reading, error) => {
      this.#failed(reading, error);
    },
  };

  constructor(
    private readonly core: CacheCore,
    private readonly judge: EntryJudge,
  ) {}

  read(key: string, policy: Policy, options: ReadOptions): Promise<Found> {
    return new Promise((found, failed) => {
      this.readFor({ found, failed }, key, policy, options);
    });
  }

  /**
   * Like `read`, which most often is all there is to a call: no promise is made for it. Says whether it joins another.
   *
   * @param batch takes what is to be asked for with others, by `ask`
   */
  readFor(
    listener: ReadListener,
    key: string,
    policy: Policy,
    { tags, isStrong }: ReadOptions,
    nowMs = this.core.backend.clock.nowMs(),
    batch?: ReadBatch,
  ): boolean {
    const { redis, coherence } = this.core.backend;
    if (redis === undefined) {
      const found = this.#readMemory(key);
      queueMicrotask(() => {
        listener.found(found, true);
      });
      return false;
    }
    const running = isStrong || batch !== undefined ? undefined : this.#running.get(key);
    if (running !== undefined) {
      if (this.core.isShareable(running.slotKey, running.startedAtMs, nowMs)) {
        running.join(listener);
        return true;
      }
      this.#overtakeShared(key);
    }
    const slotKey = this.core.slotKey(key);
    const reading = new Reading(
      this.#host,
      listener,
      key,
      slotKey,
      redis.tier.entryKey(slotKey),
      policy,
      isStrong,
      isStrong ? 0 : coherence.ticket(slotKey, nowMs),
      nowMs,
      redis.journal.carriedOut,
      batch,
    );
    if (batch !== undefined) batch.left += 1;
    else if (!isStrong) this.#running.set(key, reading);
    this.core.stats.readsL2 += 1;
    const unknown = this.#unknown(reading, tags);
    if (unknown !== undefined) this.#askWithIds(redis.tier, reading, unknown);
    else if (batch === undefined) redis.tier.ask(reading);
    else batch.reads.push(reading);
    return false;
  }

  ask(batch: ReadBatch): void {
    if (batch.left === 0) return;
    this.#batches.set(batch, true);
    this.core.backend.redis?.tier.askAll(batch.reads);
  }

  #askWithIds(tier: RedisTier, reading: Reading, unknown: readonly string[]): void {
    const { slotKey, isStrong, ticket } = reading;
    Promise.all([tier.get(slotKey), this.judge.ask(unknown, isStrong, ticket !== 0)]).then(
      ([value, ids]) => {
        this.#arrived(reading, value, ids, this.core.backend.clock.nowMs());
      },
      (error: unknown) => {
        this.#failed(reading, error);
      },
    );
  }

  overtake(key: string): void {
    if (this.#batches.size > 0) for (const batch of this.#batches.keys()) batch.overtake(key);
    this.#overtakeShared(key);
  }

  overtakeAll(): void {
    for (const batch of this.#batches.keys()) batch.overtakeAll();
    for (const key of this.#running.keys()) this.#overtakeShared(key);
  }

  /** The one read of a key that others may join: they do so no more. */
  #overtakeShared(key: string): void {
    const reading = this.#running.get(key);
    if (reading === undefined) return;
    reading.overtake();
    this.#running.delete(key);
  }

  /** Answers at once when nothing has to be asked, which is nearly always. */
  #arrived(reading: Reading, raw: Buffer | null, ids: KnownIds, nowMs: number): void {
    this.core.stats.recordRead(nowMs - reading.startedAtMs);
    let found: Found | Promise<Found>;
    try {
      found = this.#foundAt(reading, raw, ids, nowMs);
      if (!(found instanceof Promise)) found = this.#finished(reading, raw, ids, found);
    } catch (error) {
      this.#failed(reading, error);
      return;
    }
    if (!(found instanceof Promise)) {
      reading.tell(found, nowMs);
      return;
    }
    found
      .then((later) => this.#finished(reading, raw, ids, later))
      .then(
        (later) => {
          reading.tell(later);
        },
        (error: unknown) => {
          this.#failed(reading, error);
        },
      );
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

  #failed(reading: Reading, error: unknown): void {
    this.#ended(reading);
    if (!isUnanswered(error)) {
      reading.tellFailure(error);
      return;
    }
    this.core.stats.errorsL2 += 1;
    reading.tell({ state: 'unavailable' });
  }

  #ended(reading: Reading): void {
    const { batch, key } = reading;
    if (batch === undefined) {
      if (this.#running.get(key) === reading) this.#running.delete(key);
      return;
    }
    batch.left -= 1;
    if (batch.left === 0) this.#batches.delete(batch);
  }

  #foundAt(reading: Reading, raw: Buffer | null, ids: KnownIds, nowMs: number): Found | Promise<Found> {
    const { key, slotKey, policy, isStrong } = reading;
    if (this.core.backend.redis?.journal.covers('entry', slotKey) === true) return none('invalidated', raw, ids);
    if (raw === null) return none('absent', raw, ids);
    const found = this.judge.judge(slotKey, raw, policy, ids, isStrong, nowMs);
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
    if (!this.judge.areKnownCurrent(entry.grounds.ids, nowMs)) return none('invalidated', null, NO_IDS);
    return { state: nowMs < entry.freshUntilMs ? 'fresh' : 'stale', entry, raw: null, ids: NO_IDS };
  }

  /** The tags whose ids have to be asked for, `undefined` when there are none. */
  #unknown(reading: Reading, tags: readonly string[]): readonly string[] | undefined {
    const reserved = this.core.reserved.of(reading.slotKey);
    if (this.#isReservedKnown(reserved, reading) && this.#areKnown(tags, reading)) return undefined;
    return [...reserved, ...tags].filter((tag) => !this.#areKnown([tag], reading));
  }

  /** A load that finds them forgotten after all asks for them itself. */
  #isReservedKnown(reserved: readonly string[], reading: Reading): boolean {
    const { tagTable, coherence } = this.core.backend;
    const last = this.#reservedKnown.get(reserved);
    const isUnchanged = last?.version === tagTable.version && reading.startedAtMs < last.trust.untilMs;
    if (isUnchanged && !reading.isStrong) return true;
    if (!this.#areKnown(reserved, reading)) return false;
    const trust = coherence.trustOf(reserved[0] as string);
    this.#reservedKnown.set(reserved, { version: tagTable.version, trust });
    return true;
  }

  #areKnown(tags: readonly string[], { isStrong, startedAtMs }: Reading): boolean {
    const { tagTable } = this.core.backend;
    // By index, as in every loop that a read runs through: iterators are garbage.
    for (let index = 0; index < tags.length; index++) {
      if (isStrong || !tagTable.isKnown(tags[index] as string, startedAtMs)) return false;
    }
    return true;
  }
}
