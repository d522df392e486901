import type { EventChannel } from '../events.js';
import type { Keyspace } from '../redis/keyspace.js';
import type { LinkListener } from '../redis/link-connection.js';
import type { Clock } from '../time.js';
import type { TagTable } from './tag-table.js';

/** Until when, on the monotonic clock, what this process remembers may answer. Read at every hit, never cached. */
export interface Trust {
  untilMs: number;
}

/** A cache that remembers entries in this process. */
export interface CoherentCache {
  /** The stored entry changed or a load of it was cancelled (`e`, `xe`), or a load ended without storing (`w`). */
  keyChanged(key: string, kind: 'e' | 'xe' | 'w'): void;
  tagInvalidated(tag: string): void;
  /** Anything may have changed. */
  everythingChanged(): void;
  /** Gives up the leases of loads that are under way. */
  abortLoads(): Promise<void>;
}

/**
 * Keeps what this process remembers no older than `maxStaleness`: applies the link's announcements to memory tiers,
 * running loads and the tag table, and grants trust for as long as the link proves that none is missing.
 */
export class Coherence implements LinkListener {
  readonly trust: Trust;
  #epoch = 0;
  readonly #caches = new Map<string, CoherentCache[]>();
  #proveNow: () => Promise<boolean> = () => Promise.resolve(true);

  constructor(
    private readonly connectionName: string,
    private readonly keyspace: Keyspace,
    private readonly tagTable: TagTable,
    private readonly maxStalenessMs: number,
    private readonly clock: Clock,
    private readonly events: EventChannel,
    /** Without Redis nobody else writes: trust never ends. */
    isAlone: boolean,
  ) {
    this.trust = { untilMs: isAlone ? Infinity : -Infinity };
  }

  get isTrusted(): boolean {
    return this.clock.nowMs() < this.trust.untilMs;
  }

  /** `storedName` is the cache's name as it stands in keys. */
  register(storedName: string, cache: CoherentCache): void {
    this.#caches.set(storedName, [...(this.#caches.get(storedName) ?? []), cache]);
  }

  /** Said once: how to learn that every change up to now has been announced. Without Redis there is nothing to wait for. */
  useProof(proveNow: () => Promise<boolean>): void {
    this.#proveNow = proveNow;
  }

  /** `true` once everything that happened before this call has been announced, `false` when that cannot be known. */
  provenNow(): Promise<boolean> {
    return this.#proveNow();
  }

  /** A permit for one read to be remembered: valid while no gap happened; 0 when there is no trust to begin with. */
  ticket(): number {
    return this.isTrusted ? this.#epoch + 1 : 0;
  }

  isValid(ticket: number): boolean {
    return ticket === this.#epoch + 1;
  }

  /** The process ends: nobody should wait for its loads. */
  async abortLoads(): Promise<void> {
    await Promise.all([...this.#caches.values()].flat().map((cache) => cache.abortLoads()));
  }

  onKeys(keys: readonly string[] | null): void {
    if (keys === null) {
      this.#forgetEverything();
      return;
    }
    for (const redisKey of keys) {
      const watched = this.keyspace.parse(redisKey);
      if (watched === undefined) continue;
      const { kind, slotKey } = watched;
      if (kind === 't') this.tagTable.forget(slotKey);
      else if (kind === 'xt') this.tagInvalidated(slotKey);
      else if (kind !== 'l') this.#keyChanged(slotKey, kind);
    }
  }

  onArmed(): void {
    this.#forgetEverything();
    this.events.emit('link', { connection: this.connectionName, state: 'armed', reason: 'tracking is on' });
  }

  onGap(reason: string): void {
    this.trust.untilMs = -Infinity;
    this.#forgetEverything();
    this.events.emit('link', { connection: this.connectionName, state: 'gap', reason });
  }

  onProven(provenAtMs: number): void {
    const wasTrusted = this.isTrusted;
    this.trust.untilMs = provenAtMs + this.maxStalenessMs;
    if (!wasTrusted) {
      this.events.emit('link', {
        connection: this.connectionName,
        state: 'trusted',
        reason: 'announcements are complete',
      });
    }
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

  #forgetEverything(): void {
    this.#epoch += 1;
    this.tagTable.forgetAll();
    for (const caches of this.#caches.values()) for (const cache of caches) cache.everythingChanged();
  }
}
