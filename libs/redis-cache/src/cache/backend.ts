import type { EventChannel } from '../events.js';
import { ClosedError, RedisRefusedError, RedisUnavailableError } from '../errors.js';
import type { Journal } from '../redis/journal.js';
import { cacheTag, copiesOf, copyIndexOf, NAMESPACE_TAG } from '../redis/keyspace.js';
import type { ServerClock } from '../redis/server-clock.js';
import type { Clock } from '../time.js';
import type { Coherence } from './coherence.js';
import type { MemoryTier } from './memory-tier.js';
import type { RedisTier } from './redis-tier.js';
import type { CacheStats } from './stats.js';
import type { TagTable } from './tag-table.js';

/** What all caches of one connection share. */
export interface Backend {
  readonly connectionName: string;
  readonly clock: Clock;
  /** The clock of the server that holds an entry, by its slot key. */
  readonly serverClockOf: (slotKey: string) => Pick<ServerClock, 'nowMs' | 'toLocalMs' | 'toServerMs'>;
  readonly events: EventChannel;
  readonly coherence: Coherence;
  readonly tagTable: TagTable;
  /** Redis and the invalidations it owes us; both absent when the memory of this process is the store. */
  readonly redis:
    { readonly tier: RedisTier; readonly journal: Journal; readonly controlTimeoutMs: number } | undefined;
  /** Ids every entry records. */
  readonly reservedTagsOf: (cacheName: string) => ReservedTags;
  readonly maxTtlMs: number;
  readonly maxStalenessMs: number;
}

/** The tags of the namespace and of one cache; several copies of each in a cluster. */
export class ReservedTags {
  /** Of one index go together. */
  readonly namespace: readonly string[];
  readonly cache: readonly string[];
  readonly #pairs: readonly (readonly [namespace: string, cache: string])[];

  constructor(cacheName: string, isCluster: boolean) {
    const spell = (tag: string): readonly string[] => (isCluster ? copiesOf(tag) : [tag]);
    this.namespace = spell(NAMESPACE_TAG);
    this.cache = spell(cacheTag(cacheName));
    this.#pairs = this.namespace.map((namespace, index) => [namespace, this.cache[index] as string]);
  }

  /** Whether entries and their tags may be on different servers. */
  get isSpread(): boolean {
    return this.#pairs.length > 1;
  }

  /** Those an entry records. */
  of(slotKey: string): readonly [namespace: string, cache: string] {
    const index = this.#pairs.length === 1 ? 0 : copyIndexOf(slotKey);
    return this.#pairs[index] as readonly [string, string];
  }
}

/** One cache: its name, its counters, and its place in memory and in Redis. */
export class CacheCore {
  readonly reserved: ReservedTags;

  constructor(
    readonly name: string,
    /** The name in keys, which holds the version. */
    readonly storedName: string,
    readonly backend: Backend,
    readonly memory: MemoryTier | undefined,
    readonly stats: CacheStats,
  ) {
    this.reserved = backend.reservedTagsOf(name);
  }

  /** Where entries are stored: in Redis, or in the memory of this process when there is none. */
  get storeTier(): 'l1' | 'l2' {
    return this.backend.redis === undefined ? 'l1' : 'l2';
  }

  slotKey(key: string): string {
    return `${this.storedName}:${key}`;
  }

  /**
   * Whether new callers may be answered with what began then. Where nobody tells of changes nothing overtakes it, and it grows
   * older than a copy may be.
   */
  isShareable(slotKey: string, startedAtMs: number, nowMs: number): boolean {
    const { coherence, maxStalenessMs } = this.backend;
    return coherence.isTrusted(slotKey) || nowMs < startedAtMs + maxStalenessMs;
  }

  /** The tags whose ids the entry of a key records: of the namespace, then of this cache. */
  reservedTags(key: string): readonly [namespace: string, cache: string] {
    return this.reserved.of(this.slotKey(key));
  }

  keyOf(slotKey: string): string {
    return slotKey.slice(this.storedName.length + 1);
  }

  /** Counts and reports what stood where an entry was looked for and is none. */
  foundCorrupt(key: string): void {
    this.stats.corrupt += 1;
    this.backend.events.emit('corrupt', { cache: this.name, key });
  }
}

/** Whether an operation failed because of Redis, which a cache survives; anything else is a bug or a bad argument. */
export function isRedisFailure(error: unknown): boolean {
  return error instanceof RedisUnavailableError || error instanceof RedisRefusedError;
}

/** The same for reads and loads, which also survive that the application is closing meanwhile. */
export function isUnanswered(error: unknown): boolean {
  return isRedisFailure(error) || error instanceof ClosedError;
}
