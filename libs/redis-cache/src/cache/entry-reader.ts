import { type CacheCore, isUnanswered } from './backend.js';
import { type EntryJudge, type Found, type KnownIds, none } from './entry-judge.js';
import type { Policy } from './policy.js';

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

const NO_IDS: KnownIds = new Map();

/**
 * Reads entries of one cache from Redis. Callers of one key share a read that is under way; a copy goes to memory only when
 * the read began under trust and no announcement overtook it (the announcement usually comes first).
 */
export class EntryReader {
  readonly #running = new Map<string, RunningRead>();

  constructor(
    private readonly core: CacheCore,
    private readonly judge: EntryJudge,
  ) {}

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
        : Promise.all([raw, this.judge.ask(unknown, isStrong, reading.ticket !== 0)]).then(
            ([value, ids]) => this.#arrived(reading, value, ids),
            (error: unknown) => this.#failed(reading, error),
          );
    if (!isStrong) this.#running.set(key, { reading, promise });
    return promise;
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
    const found = this.judge.judge(key, raw, policy, ids, isStrong, nowMs);
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
    if (!this.judge.areKnownCurrent(entry.ids, nowMs)) return none('invalidated', null, NO_IDS);
    return { state: nowMs < entry.freshUntilMs ? 'fresh' : 'stale', entry, seenId: entry.id, ids: NO_IDS };
  }

  /** The tags whose ids have to be asked for, `undefined` when there are none. */
  #unknown({ slotKey, isStrong, startedAtMs }: Reading, tags: readonly string[]): readonly string[] | undefined {
    const { tagTable } = this.core.backend;
    const isUnknown = (tag: string): boolean => isStrong || tagTable.known(tag, startedAtMs) === undefined;
    const reserved = this.core.reserved.of(slotKey);
    if (!reserved.some(isUnknown) && !tags.some(isUnknown)) return undefined;
    return [...reserved, ...tags].filter(isUnknown);
  }
}
