import { checkList } from '../arguments.js';
import type { WriteStatus } from '../events.js';
import { NAMESPACE_TAG } from '../redis/keyspace.js';
import { Answers, type Lookup, type Resolved } from './answers.js';
import type { CacheCore } from './backend.js';
import { deferEvictions } from './deferred-evictions.js';
import { BulkLoad, type BulkLoader } from './bulk-load.js';
import { checkInvalidateOptions, pairsOf, type WarmOptions, warmOptions } from './call-arguments.js';
import type { CallOptions, EntryOptions, InvalidateOptions, LoadContext, Loader } from './entry-options.js';
import { type EntryInspection, type InspectedKey, inspectEntry } from './entry-inspection.js';
import type { Outcome } from './flight.js';
import { encodeKey, type Key } from './key.js';
import { encodeGlob, globMatcher } from './pattern.js';
import { checkBulkLoader, checkLoader, runUncached } from './loader-run.js';
import { type Policy, resolvePolicy, storedTags } from './policy.js';
import { ReadRoad } from './read-road.js';
import type { CacheStats } from './stats.js';
import { type StoredPattern, WriteRoad } from './write-road.js';

export interface WarmResult {
  loaded: number;
  /** Already there and fresh. */
  present: number;
  failed: number;
}

const NO_OPTIONS: InvalidateOptions = {};
/**
 * A cache: the API that applications use. Reads never reject because of Redis; they reject with what the loader threw,
 * with `LoaderTimeoutError` after `hardTimeout`, and with our errors for keys and options that cannot be used.
 * Invalidations say what happened: `applied` by Redis, `queued` until Redis is back, or `deferred` inside
 * `deferEvictions`.
 */
export class CacheService {
  readonly #core: CacheCore;
  readonly #policy: Policy;
  readonly #answers: Answers;
  readonly #writes: WriteRoad;
  readonly #isEnabled: boolean;

  /** Made by `CacheEngine`, which also connects it to Redis. */
  constructor(core: CacheCore, policy: Policy, isEnabled: boolean) {
    this.#core = core;
    this.#policy = policy;
    this.#isEnabled = isEnabled;
    const reads = new ReadRoad(core);
    this.#answers = new Answers(core, policy, isEnabled, reads);
    this.#writes = new WriteRoad(core, reads);
    core.backend.coherence.register(core.storedName, reads);
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

  /** While `true` every read goes past this cache in this process, as with `bypass`; writes and invalidations go on. */
  get isBypassed(): boolean {
    return this.#answers.isBypassed;
  }

  set isBypassed(isBypassed: boolean) {
    this.#answers.isBypassed = isBypassed;
  }

  /** The fresh value, or `undefined`; `lookup` tells a stored `undefined` from none. */
  get<T = unknown>(key: Key, options?: CallOptions<T>): Promise<T | undefined> {
    try {
      const hot = this.#answers.hotAsWritten(key, options);
      if (hot !== undefined) return Promise.resolve(hot.take() as T);
      return this.#answers.get<T>(this.storedKey(key), options);
    } catch (error) {
      return rejected(error);
    }
  }

  /** The value with its age, stale ones too, or why there is none. */
  async lookup<T = unknown>(key: Key, options?: CallOptions<T>): Promise<Lookup<T>> {
    return this.#answers.lookup<T>(this.storedKey(key), options);
  }

  /** What memory answers at once, without a promise: a fresh value, or nothing, whatever Redis may have. */
  peek<T = unknown>(key: Key): Extract<Lookup<T>, { isHit: true }> | undefined {
    if (this.#core.memory === undefined) return undefined;
    const hot = this.#answers.hotAsWritten(key, undefined) ?? this.#answers.hot(this.storedKey(key), undefined);
    return hot === undefined ? undefined : this.#answers.lookedUp(hot, 'l1', false, false);
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
        const hot = this.#answers.hotAsWritten(key, options);
        if (hot !== undefined) return Promise.resolve(hot.take() as T);
      }
      const storedKey = this.storedKey(key);
      checkLoader(loader, storedKey);
      const hot = storedKey === key ? undefined : this.#answers.hot(storedKey, options);
      if (hot !== undefined) return Promise.resolve(hot.take() as T);
      return this.#answers.load(storedKey, loader, options);
    } catch (error) {
      return rejected(error);
    }
  }

  /** Like `getOrSet`, and says where the value came from. */
  async resolve<T>(key: Key, loader: Loader<T>, options?: CallOptions<T>): Promise<Resolved<T>> {
    const storedKey = this.storedKey(key);
    checkLoader(loader, storedKey);
    return this.#answers.resolve(storedKey, loader, options);
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
    await this.#writes.put({ key: storedKey, policy, loader, tags: policy.tags, isStrong: false });
    return written?.value as T;
  }

  /** One answer per key, in order. Costs one round trip however many keys Redis is asked for. */
  async getMany<T = unknown>(keys: readonly Key[], options?: CallOptions<T>): Promise<(T | undefined)[]> {
    return this.#answers.getMany<T>(this.#storedKeys(keys), options);
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
    const placeOf = new Map<string, number>();
    const once: K[] = [];
    for (const [index, storedKey] of storedKeys.entries()) {
      if (placeOf.has(storedKey)) continue;
      placeOf.set(storedKey, once.length);
      once.push(keys[index] as K);
    }
    const bulk = new BulkLoad(once, loader);
    this.#answers.loadAll([...placeOf.keys()], bulk, options);
    await bulk.done;
    return new Map(keys.map((key, index) => [key, bulk.values[placeOf.get(storedKeys[index] as string) as number]]));
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

  /** What is stored, where, and whether it would be answered: for people who look, and no request. */
  async inspect(key: InspectedKey): Promise<EntryInspection> {
    const storedKey = isStoredKey(key) ? key.stored : this.storedKey(key);
    if (!this.#isEnabled) return { storedKey, decision: 'disabled', isLoading: false };
    const found = await inspectEntry(this.#core, this.#policy, storedKey);
    return this.isBypassed ? { ...found, decision: 'bypassed' } : found;
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
    resolvePolicy(this.#policy, callOptions, this.#core.backend.maxTtlMs, 'Cache options', true);
    const result: WarmResult = { loaded: 0, present: 0, failed: 0 };
    const departure = {
      uncached: (): void => {
        result.loaded += 1;
      },
      arrived: ({ source, staleness }: Outcome): void => {
        if (source === 'loader') result.loaded += 1;
        else if (staleness === 'error' || staleness === 'timeout') result.failed += 1;
        else result.present += 1;
      },
    };
    const rest = storedKeys.entries();
    const worker = async (): Promise<void> => {
      for (const [index, key] of rest) {
        try {
          const load = (): T | Promise<T> => loader(keys[index] as K);
          await this.#answers.arrive(key, load, { refresh: 'wait', ...callOptions }, departure);
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

  async #set<T>(storedKey: string, value: T, options: EntryOptions<T> | undefined): Promise<WriteStatus> {
    const policy = resolvePolicy(this.#policy, options, this.#core.backend.maxTtlMs, 'Cache options');
    if (!this.#isEnabled) return 'applied';
    const tags = policy.tagsOf === undefined ? policy.tags : storedTags(policy.tagsOf(value as never));
    return this.#writes.set(storedKey, value, policy, tags);
  }
}

function isStoredKey(key: InspectedKey): key is Exclude<InspectedKey, Key> {
  return typeof key === 'object' && (key as unknown) !== null && 'stored' in key;
}

function worst(statuses: readonly WriteStatus[]): WriteStatus {
  if (statuses.includes('queued')) return 'queued';
  return statuses.includes('deferred') ? 'deferred' : 'applied';
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(error);
}
