import type { Keyspace } from '../redis/keyspace.js';
import type { Clock } from '../time.js';
import type { TagTable } from './tag-table.js';
import type { Trust } from './trust.js';

/** What must be forgotten: all that was remembered under a trust, or in slots that have another owner now. */
export interface Forgotten {
  /** Whether it includes something remembered under these trusts, by what stands between the braces of its key. */
  includes(slotKey: string, trusts: readonly Trust[]): boolean;
}

/** A cache that remembers entries in this process. */
export interface CoherentCache {
  /** The stored entry changed or a load of it was cancelled (`e`, `xe`), or a load ended without storing (`w`). */
  keyChanged(key: string, kind: 'e' | 'xe' | 'w'): void;
  tagInvalidated(tag: string): void;
  /** Changes may have been missed. */
  missedChanges(forgotten: Forgotten): void;
  /** Gives up the leases of loads that are under way. */
  abortLoads(): Promise<void>;
}

/** The links of a connection, one for each primary. */
export interface Links {
  /** The trust of the link that hears of a key. */
  trustOf(slotKey: string): Trust;
  /** `true` once every change of these keys up to now has been announced, `false` when that cannot be known. */
  provenNow(slotKeys: readonly string[]): Promise<boolean>;
}

/**
 * Keeps what this process remembers no older than `maxStaleness`: applies the announcements of the links to memory tiers,
 * running loads and the tag table, and knows for each key until when the lack of an announcement proves anything.
 */
export class Coherence {
  #epoch = 0;
  readonly #caches = new Map<string, CoherentCache[]>();

  constructor(
    private readonly keyspace: Keyspace,
    private readonly tagTable: TagTable,
    private readonly clock: Clock,
    private readonly links: Links,
    /** Whether an invalidation of that tag still waits for Redis. */
    private readonly isJournaled: (tag: string) => boolean = () => false,
  ) {}

  /** `storedName` is the cache's name as it stands in keys. */
  register(storedName: string, cache: CoherentCache): void {
    this.#caches.set(storedName, [...(this.#caches.get(storedName) ?? []), cache]);
  }

  trustOf(slotKey: string): Trust {
    return this.links.trustOf(slotKey);
  }

  isTrusted(slotKey: string, nowMs = this.clock.nowMs()): boolean {
    return nowMs < this.links.trustOf(slotKey).untilMs;
  }

  provenNow(slotKeys: readonly string[]): Promise<boolean> {
    return this.links.provenNow(slotKeys);
  }

  /**
   * A permit for one read to be remembered: valid while no gap happened; 0 when there is no trust to begin with, or when it
   * is the id of a tag whose invalidation still waits for Redis.
   */
  ticket(slotKey: string, nowMs?: number): number {
    return this.isTrusted(slotKey, nowMs) && !this.isJournaled(slotKey) ? this.#epoch + 1 : 0;
  }

  isValid(ticket: number): boolean {
    return ticket === this.#epoch + 1;
  }

  /** The process ends: nobody should wait for its loads. */
  async abortLoads(): Promise<void> {
    await Promise.all([...this.#caches.values()].flat().map((cache) => cache.abortLoads()));
  }

  /** Redis announced that these keys changed. */
  onKeys(keys: readonly string[]): void {
    for (const redisKey of keys) {
      const watched = this.keyspace.parse(redisKey);
      if (watched === undefined) continue;
      const { kind, slotKey } = watched;
      if (kind === 't') this.tagTable.forget(slotKey);
      else if (kind === 'xt') this.tagInvalidated(slotKey);
      else if (kind === 'e' || kind === 'xe' || kind === 'w') this.#keyChanged(slotKey, kind);
    }
  }

  /** A link was lost, armed anew or flushed, or slots have another owner. */
  forget(forgotten: Forgotten): void {
    this.#epoch += 1;
    this.tagTable.forgetWhere((tag, trust) => forgotten.includes(tag, [trust]));
    for (const caches of this.#caches.values()) for (const cache of caches) cache.missedChanges(forgotten);
  }

  /** Also called by this process before it invalidates a tag in Redis, and again when Redis has answered. */
  tagInvalidated(tag: string): void {
    this.tagTable.forget(tag);
    for (const caches of this.#caches.values()) for (const cache of caches) cache.tagInvalidated(tag);
  }

  #keyChanged(slotKey: string, kind: 'e' | 'xe' | 'w'): void {
    const nameEnd = slotKey.indexOf(':');
    const caches = this.#caches.get(slotKey.slice(0, nameEnd));
    if (caches === undefined) return;
    const key = slotKey.slice(nameEnd + 1);
    for (const cache of caches) cache.keyChanged(key, kind);
  }
}
