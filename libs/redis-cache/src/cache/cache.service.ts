import { checkList } from '../arguments.js';
import type { MissReason, WriteStatus } from '../events.js';
import { NAMESPACE_TAG, userTag } from '../redis/keyspace.js';
import type { CacheCore } from './backend.js';
import { deferEvictions } from './deferred-evictions.js';
import { BulkLoad, type BulkLoader } from './bulk-load.js';
import { checkInvalidateOptions, pairsOf, type WarmOptions, warmOptions } from './call-arguments.js';
import type { CallOptions, EntryOptions, InvalidateOptions, LoadContext, Loader } from './entry-options.js';
import { encodeKey, type Key } from './key.js';
import { encodeGlob, globMatcher } from './pattern.js';
import { checkBulkLoader, checkLoader, runUncached } from './loader-run.js';
import type { Entry } from './memory-tier.js';
import { checkTags, type Policy, resolvePolicy } from './policy.js';
import { type Arrival, ReadRoad } from './read-road.js';
import type { CacheStats } from './stats.js';
import { type StoredPattern, WriteRoad } from './write-road.js';

/** What `lookup` finds: a value with its age, or why there is none. */
export type Lookup<T> =
  | {
      readonly isHit: true;
      readonly value: T;
      readonly source: 'l1' | 'l2';
      /** Past its ttl, within its grace. */
      readonly isStale: boolean;
      readonly ageMs: number;
      /** Fresh time left; 0 when stale. */
      readonly remainingMs: number;
    }
  | { readonly isHit: false; readonly reason: MissReason };

/** What `resolve` answers: the value and where it came from. */
export interface Resolved<T> {
  readonly value: T;
  readonly source: 'l1' | 'l2' | 'loader';
  readonly isStale: boolean;
  /** Whether the value is in the cache now. */
  readonly isStored: boolean;
  /** Whether the answer is that of a load another caller had begun. */
  readonly isShared: boolean;
  readonly ageMs: number;
  /** Fresh time left; 0 when stale or not stored. */
  readonly remainingMs: number;
  /** How long the load took, however long ago. */
  readonly loadMs: number;
}

export interface WarmResult {
  loaded: number;
  /** Already there and fresh. */
  present: number;
  failed: number;
}

/** What comes of a read, or of a loader where there is no cache. */
type Arrived<T> = Arrival | { readonly uncached: T };

const NO_OPTIONS: InvalidateOptions = {};
const NO_TAGS: readonly string[] = [];
const UNCACHED = {
  source: 'loader',
  isStale: false,
  isStored: false,
  isShared: false,
  ageMs: 0,
  remainingMs: 0,
  loadMs: 0,
} as const;

/**
 * A cache: the API that applications use. Reads never reject because of Redis; they reject with what the loader threw,
 * with `LoaderTimeoutError` after `hardTimeout`, and with our errors for keys and options that cannot be used.
 * Invalidations say what happened: `applied` by Redis, `queued` until Redis is back, or `deferred` inside
 * `deferEvictions`.
 */
export class CacheService {
  readonly #core: CacheCore;
  readonly #policy: Policy;
  readonly #reads: ReadRoad;
  readonly #writes: WriteRoad;
  readonly #isEnabled: boolean;

  /** Made by `CacheEngine`, which also connects it to Redis. */
  constructor(core: CacheCore, policy: Policy, isEnabled: boolean) {
    this.#core = core;
    this.#policy = policy;
    this.#isEnabled = isEnabled;
    this.#reads = new ReadRoad(core);
    this.#writes = new WriteRoad(core, this.#reads);
    core.backend.coherence.register(core.storedName, this.#reads);
  }

  get name(): string {
    return this.#core.name;
  }

  get stats(): CacheStats {
    return this.#core.stats;
  }

  /** Entries in the memory of this process and their estimated bytes. */
  get memory(): { entries: number; bytes: number } {
    return { entries: this.#core.memory?.size ?? 0, bytes: this.#core.memory?.bytes ?? 0 };
  }

  /** The fresh value, or `undefined`; `lookup` tells a stored `undefined` from none. */
  get<T = unknown>(key: Key, options?: CallOptions<T>): Promise<T | undefined> {
    try {
      const hot = this.#hotAsWritten(key, options);
      if (hot !== undefined) return Promise.resolve(hot.value.take() as T);
      return this.#get<T>(this.storedKey(key), options);
    } catch (error) {
      return rejected(error);
    }
  }

  /** The value with its age, stale ones too, or why there is none. */
  async lookup<T = unknown>(key: Key, options?: CallOptions<T>): Promise<Lookup<T>> {
    return this.#lookup<T>(this.storedKey(key), options);
  }

  /** What memory answers at once, without a promise: a fresh value, or nothing, whatever Redis may have. */
  peek<T = unknown>(key: Key): Extract<Lookup<T>, { isHit: true }> | undefined {
    const hot = this.#hot(this.storedKey(key), undefined);
    return hot === undefined ? undefined : this.#lookedUp(hot, 'l1', false, false);
  }

  /**
   * The stored value, or the loader's, which is then stored. Callers of one key share one load, in this process and in
   * the fleet. A value invalidated while it is loaded reaches those who waited and is not stored.
   *
   * @throws whatever the loader throws, unchanged; LoaderTimeoutError after `hardTimeout`; UncacheableValueError for a
   * result that cannot be stored; RecursiveLoadError when the loader asks for its own key; InvalidArgumentError,
   * InvalidOptionsError and MissingContextError for what was passed.
   */
  getOrSet<T>(key: Key, loader: Loader<T>, options?: CallOptions<T>): Promise<T> {
    try {
      if (typeof loader === 'function') {
        const hot = this.#hotAsWritten(key, options);
        if (hot !== undefined) return Promise.resolve(hot.value.take() as T);
      }
      const storedKey = this.storedKey(key);
      checkLoader(loader, storedKey);
      const hot = storedKey === key ? undefined : this.#hot(storedKey, options);
      if (hot !== undefined) return Promise.resolve(hot.value.take() as T);
      return this.#load(storedKey, loader, options);
    } catch (error) {
      return rejected(error);
    }
  }

  /** Like `getOrSet`, and says where the value came from. */
  async resolve<T>(key: Key, loader: Loader<T>, options?: CallOptions<T>): Promise<Resolved<T>> {
    const storedKey = this.storedKey(key);
    checkLoader(loader, storedKey);
    return this.#arrive(storedKey, loader, options, (arrival) => {
      if ('uncached' in arrival) return { ...UNCACHED, value: arrival.uncached };
      const { entry, source, staleness, isStored, isShared } = arrival;
      const nowMs = this.#core.backend.clock.nowMs();
      return {
        value: entry.value.take(options?.values === 'copy') as T,
        source,
        isStale: staleness !== undefined,
        isStored,
        isShared,
        ageMs: Math.max(0, nowMs - entry.createdAtMs),
        remainingMs: isStored ? Math.max(0, entry.freshUntilMs - nowMs) : 0,
        loadMs: entry.loadMs,
      };
    });
  }

  /**
   * Stores a value. It is only as fresh as the caller's copy: after a write to the source prefer `delete`.
   *
   * @returns `queued` when Redis did not confirm it: the value is not stored, and the old one goes as soon as possible.
   */
  async set<T>(key: Key, value: T, options?: EntryOptions<T>): Promise<WriteStatus> {
    return this.#set(this.storedKey(key), value, options);
  }

  /**
   * Runs a write to the source and stores its result. Unlike `set` after the write it cannot store an older value over a
   * newer one: it takes the lease of the key first, and when anybody wrote or invalidated the key meanwhile the entry is
   * removed instead. Readers of a missing entry wait for it as for a load.
   *
   * @returns what `write` returned; `context.skip()` removes the entry instead of storing the result.
   * @throws whatever `write` throws, after removing the entry; UncacheableValueError likewise.
   */
  async put<T>(key: Key, write: Loader<T>, options?: EntryOptions<T>): Promise<T> {
    const storedKey = this.storedKey(key);
    checkLoader(write, storedKey, 'write');
    const policy = resolvePolicy(this.#policy, options, this.#core.backend.maxTtlMs, 'Cache options');
    if (!this.#isEnabled) return runUncached(storedKey, write);
    let written: { value: T } | undefined;
    const loader: Loader<unknown> = async (context) => {
      written = { value: await write(context as LoadContext<T>) };
      return written.value;
    };
    const tags = typeof policy.tags === 'function' ? [] : storedTags(policy.tags);
    await this.#writes.put({ key: storedKey, policy, loader, tags, isStrong: false });
    return written?.value as T;
  }

  /** One answer per key, in order. Costs one round trip however many keys Redis is asked for. */
  async getMany<T = unknown>(keys: readonly Key[], options?: CallOptions<T>): Promise<(T | undefined)[]> {
    return Promise.all(this.#storedKeys(keys).map((key) => this.#get<T>(key, options)));
  }

  /** Stores many values, each for itself: one that cannot be stored rejects, and does not keep the others from it. */
  async setMany<T>(entries: Iterable<readonly [Key, T]>, options?: EntryOptions<T>): Promise<WriteStatus> {
    const pairs = pairsOf(entries).map(([key, value]) => [this.storedKey(key), value] as const);
    return worst(await Promise.all(pairs.map(([key, value]) => this.#set(key, value, options))));
  }

  /**
   * Many values with one loader call for those that are missing; every guarantee of `getOrSet` holds for each of them.
   * A key the loader leaves out counts as `undefined`, which is stored for `negativeTtl`. Should others load some of the
   * keys at the same time and fail, the loader is called again for those.
   */
  async getOrSetMany<K extends Key, T>(
    keys: readonly K[],
    loader: BulkLoader<K, T>,
    options?: CallOptions<T | undefined>,
  ): Promise<Map<K, T | undefined>> {
    const storedKeys = this.#storedKeys(keys);
    checkBulkLoader(loader, 'getOrSetMany');
    const once = new Map(keys.map((key, index) => [storedKeys[index] as string, key]));
    const bulk = new BulkLoad([...once.values()], loader);
    const values = new Map<string, T | undefined>();
    await Promise.all(
      [...once].map(async ([storedKey, key]) => {
        const decided = (): void => {
          bulk.decided(key);
        };
        const load = ({ signal }: LoadContext): Promise<T | undefined> => bulk.load(key, signal);
        values.set(storedKey, await this.#load(storedKey, load, options, decided).finally(decided));
      }),
    );
    return new Map(keys.map((key, index) => [key, values.get(storedKeys[index] as string)]));
  }

  /** Whether a fresh value is stored. */
  async has(key: Key): Promise<boolean> {
    const found = await this.lookup(key);
    return found.isHit && !found.isStale;
  }

  /** Milliseconds the value stays fresh, or `undefined` when there is none. */
  async ttl(key: Key): Promise<number | undefined> {
    const found = await this.lookup(key);
    return found.isHit && !found.isStale ? found.remainingMs : undefined;
  }

  /** Removes the entry and cancels running loads of it, in every process. @throws NotInvalidatedError with `strict`. */
  async delete(key: Key, options: InvalidateOptions = NO_OPTIONS): Promise<WriteStatus> {
    const storedKey = this.storedKey(key);
    checkInvalidateOptions(options);
    return this.#isEnabled ? this.#writes.delete(storedKey, options) : 'applied';
  }

  async deleteMany(keys: readonly Key[], options: InvalidateOptions = NO_OPTIONS): Promise<WriteStatus> {
    const storedKeys = this.#storedKeys(keys);
    checkInvalidateOptions(options);
    if (!this.#isEnabled) return 'applied';
    return worst(await Promise.all(storedKeys.map((key) => this.#writes.delete(key, options))));
  }

  /** Makes the entry stale, as if its ttl had passed: with `grace` it may still be answered while it is refreshed. */
  async expire(key: Key, options: InvalidateOptions = NO_OPTIONS): Promise<WriteStatus> {
    const storedKey = this.storedKey(key);
    checkInvalidateOptions(options);
    return this.#isEnabled ? this.#writes.expire(storedKey, options) : 'applied';
  }

  /** Invalidates every entry with one of these tags, in all caches of the namespace; costs the same for any number. */
  async invalidateTags(tags: readonly string[], options: InvalidateOptions = NO_OPTIONS): Promise<WriteStatus> {
    const stored = storedTags(tags);
    checkInvalidateOptions(options);
    if (!this.#isEnabled) return 'applied';
    return worst(
      await Promise.all(
        stored.map((tag, index) => this.#writes.invalidateTag('tag', [tag], tags[index] as string, options)),
      ),
    );
  }

  /**
   * Removes the entries of this cache whose key, given as a string, matches: `*` is any text, `?` one character. Scans
   * the whole keyspace in pages, so prefer tags. Best effort for keys written meanwhile; keys stored as a digest (longer
   * than 200 characters) are never matched.
   */
  async invalidatePattern(
    pattern: string,
    options: InvalidateOptions = NO_OPTIONS,
  ): Promise<{ status: WriteStatus; count: number }> {
    const stored = this.storedPattern(pattern);
    checkInvalidateOptions(options);
    if (!this.#isEnabled) return { status: 'applied', count: 0 };
    return this.#writes.invalidatePattern(stored, pattern, options);
  }

  /** Invalidates every entry of this cache, whatever its number. */
  async clear(options: InvalidateOptions = NO_OPTIONS): Promise<WriteStatus> {
    checkInvalidateOptions(options);
    const { cache } = this.#core.reserved;
    return this.#isEnabled ? this.#writes.invalidateTag('cache', cache, this.name, options) : 'applied';
  }

  /** Invalidates every entry of every cache of the namespace. */
  async clearNamespace(options: InvalidateOptions = NO_OPTIONS): Promise<WriteStatus> {
    checkInvalidateOptions(options);
    const { namespace } = this.#core.reserved;
    return this.#isEnabled ? this.#writes.invalidateTag('namespace', namespace, NAMESPACE_TAG, options) : 'applied';
  }

  /** Loads what is not there yet or stale, a few keys at a time (default 8); a failing key does not stop the others. */
  async warm<K extends Key, T>(
    keys: readonly K[],
    loader: (key: K) => T | Promise<T>,
    options: WarmOptions<T> = {},
  ): Promise<WarmResult> {
    const storedKeys = this.#storedKeys(keys);
    checkBulkLoader(loader, 'warm');
    const { concurrency, callOptions } = warmOptions(options);
    this.#resolve(callOptions);
    const result: WarmResult = { loaded: 0, present: 0, failed: 0 };
    const rest = storedKeys.entries();
    const worker = async (): Promise<void> => {
      for (const [index, key] of rest) {
        try {
          const load = (): T | Promise<T> => loader(keys[index] as K);
          await this.#arrive(key, load, { refresh: 'wait', ...callOptions }, (arrival) => {
            if ('uncached' in arrival || arrival.source === 'loader') result.loaded += 1;
            else if (arrival.staleness === 'error' || arrival.staleness === 'timeout') result.failed += 1;
            else result.present += 1;
          });
        } catch {
          result.failed += 1;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, keys.length) }, worker));
    return result;
  }

  /**
   * Evictions made inside `work`, by any cache, apply after it has resolved and are dropped when it rejects: wrap a
   * database transaction in it, so that nobody reloads what is not committed yet.
   */
  deferEvictions<T>(work: () => Promise<T>): Promise<T> {
    return deferEvictions(work);
  }

  /** The key in its stored spelling; a definition with a context puts that in front. */
  protected storedKey(key: Key): string {
    return encodeKey(key);
  }

  /** The pattern over stored keys; a definition with a context limits it to that. */
  protected storedPattern(pattern: string): StoredPattern {
    return { glob: encodeGlob(pattern), matches: globMatcher(pattern) };
  }

  #storedKeys(keys: readonly Key[]): string[] {
    return Array.from(checkList(keys, 'keys', 'keys'), (key) => this.storedKey(key));
  }

  async #get<T>(storedKey: string, options: CallOptions<T> | undefined): Promise<T | undefined> {
    const found = await this.#lookup<T>(storedKey, options);
    return found.isHit && !found.isStale ? found.value : undefined;
  }

  /**
   * What memory answers to a key as its caller wrote it, if that needs no encoding: the shortest way to a value. A key
   * that is encoded, or stands in a context, is never found by what was written.
   */
  #hotAsWritten(key: Key, options: CallOptions<never> | undefined): Entry | undefined {
    if (typeof key !== 'string' || !this.#remembers(options)) return undefined;
    const entry = this.#reads.hot(key);
    if (entry?.hasPlainKey !== true) return undefined;
    this.#countHit(key, 'l1', false);
    return entry;
  }

  #hot(storedKey: string, options: CallOptions<never> | undefined): Entry | undefined {
    const entry = this.#remembers(options) ? this.#reads.hot(storedKey) : undefined;
    if (entry !== undefined) this.#countHit(storedKey, 'l1', false);
    return entry;
  }

  #remembers(options: CallOptions<never> | undefined): boolean {
    return this.#isEnabled && this.#policy.usesMemory && readsAsUsual(options);
  }

  async #lookup<T>(storedKey: string, options: CallOptions<T> | undefined): Promise<Lookup<T>> {
    if (!this.#isEnabled) return { isHit: false, reason: 'disabled' };
    const hot = this.#hot(storedKey, options);
    if (hot !== undefined) return this.#lookedUp(hot, 'l1', false, false);
    const policy = this.#resolve(options);
    if (options?.bypass === true) return { isHit: false, reason: 'bypassed' };
    const { clock } = this.#core.backend;
    const startedAtMs = clock.nowMs();
    const found = await this.#reads.find(storedKey, policy, options?.consistency === 'strong');
    const isHitL1 = typeof found !== 'string' && found.source === 'l1';
    this.#core.stats.recordAnswer(clock.nowMs() - startedAtMs, isHitL1);
    if (typeof found !== 'string') {
      this.#countHit(storedKey, found.source, found.isStale);
      return this.#lookedUp(found.entry, found.source, found.isStale, options?.values === 'copy');
    }
    this.#missed(storedKey, found);
    return { isHit: false, reason: found };
  }

  async #set<T>(storedKey: string, value: T, options: EntryOptions<T> | undefined): Promise<WriteStatus> {
    const policy = resolvePolicy(this.#policy, options, this.#core.backend.maxTtlMs, 'Cache options');
    if (!this.#isEnabled) return 'applied';
    const tags = typeof policy.tags === 'function' ? policy.tags(value) : policy.tags;
    return this.#writes.set(storedKey, value, policy, storedTags(tags));
  }

  #load<T>(storedKey: string, loader: Loader<T>, options?: CallOptions<T>, onWait?: () => void): Promise<T> {
    const asCopy = options?.values === 'copy';
    const valueOf = (arrival: Arrived<T>): T =>
      'uncached' in arrival ? arrival.uncached : (arrival.entry.value.take(asCopy) as T);
    return this.#arrive(storedKey, loader, options, valueOf, onWait);
  }

  /**
   * What `depart` makes of what arrives. Throws at once what is wrong with the options; everything else is a rejection.
   */
  #arrive<T, Departure>(
    storedKey: string,
    loader: Loader<T>,
    options: CallOptions<T> | undefined,
    depart: (arrival: Arrived<T>) => Departure,
    onWait?: () => void,
  ): Promise<Departure> {
    const policy = this.#resolve(options);
    if (!this.#isEnabled || options?.bypass === true) {
      this.#core.stats.bypassed += 1;
      return runUncached(storedKey, loader).then((uncached) => depart({ uncached }));
    }
    const tags = typeof policy.tags === 'function' ? NO_TAGS : storedTags(policy.tags);
    const isStrong = options?.consistency === 'strong';
    const startedAtMs = this.#core.backend.clock.nowMs();
    const request = { key: storedKey, policy, loader: loader as Loader<unknown>, tags, isStrong, startedAtMs, onWait };
    return this.#reads.enter(
      request,
      (arrival) => depart(this.#arrived(storedKey, arrival, startedAtMs)),
      () => {
        // Nothing was found, whatever became of the load.
        this.#missed(storedKey, 'absent');
      },
    );
  }

  #arrived(storedKey: string, arrival: Arrival, startedAtMs: number): Arrival {
    const { source, staleness, isShared, entry } = arrival;
    const { stats, backend } = this.#core;
    const loadMs = source === 'loader' ? entry.loadMs : 0;
    stats.recordAnswer(Math.max(0, backend.clock.nowMs() - startedAtMs - loadMs), source === 'l1');
    if (isShared) stats.coalesced += 1;
    if (staleness !== undefined) {
      backend.events.emit('stale', { cache: this.name, key: storedKey, reason: staleness });
    }
    if (source === 'loader') this.#missed(storedKey, 'absent');
    else this.#countHit(storedKey, source, staleness !== undefined);
    return arrival;
  }

  #resolve(options: CallOptions<never> | undefined): Policy {
    return resolvePolicy(this.#policy, options, this.#core.backend.maxTtlMs, 'Cache options', true);
  }

  #lookedUp<T>(entry: Entry, source: 'l1' | 'l2', isStale: boolean, asCopy: boolean): Extract<Lookup<T>, { isHit: true }> {
    const nowMs = this.#core.backend.clock.nowMs();
    return {
      isHit: true,
      value: entry.value.take(asCopy) as T,
      source,
      isStale,
      ageMs: Math.max(0, nowMs - entry.createdAtMs),
      remainingMs: isStale ? 0 : Math.max(0, entry.freshUntilMs - nowMs),
    };
  }

  #countHit(key: string, tier: 'l1' | 'l2', isStale: boolean): void {
    const { stats, backend, name } = this.#core;
    if (tier === 'l1') stats.hitsL1 += 1;
    else stats.hitsL2 += 1;
    if (isStale) stats.staleHits += 1;
    if (backend.events.listensTo('hit')) backend.events.emit('hit', { cache: name, key, tier, stale: isStale });
  }

  #missed(key: string, reason: MissReason): void {
    const { stats, backend, name } = this.#core;
    stats.misses += 1;
    if (backend.events.listensTo('miss')) backend.events.emit('miss', { cache: name, key, reason });
  }
}

/** Whether a call may be answered from memory before its options are looked at closely. */
function readsAsUsual(options: CallOptions<never> | undefined): boolean {
  if (options === undefined) return true;
  return (
    typeof options === 'object' &&
    (options as unknown) !== null &&
    options.bypass === undefined &&
    options.consistency === undefined &&
    options.l1 === undefined &&
    options.values === undefined
  );
}

function storedTags(tags: readonly string[]): readonly string[] {
  if (Array.isArray(tags) && tags.length === 0) return NO_TAGS;
  return checkTags(tags).map((tag) => userTag(tag));
}

function worst(statuses: readonly WriteStatus[]): WriteStatus {
  if (statuses.includes('queued')) return 'queued';
  return statuses.includes('deferred') ? 'deferred' : 'applied';
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(error);
}
