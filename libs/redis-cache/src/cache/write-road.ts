import { NotInvalidatedError, RedisUnavailableError, UncacheableValueError } from '../errors.js';
import type { InvalidationKind, WriteStatus } from '../events.js';
import type { JournalItem } from '../redis/journal.js';
import { type CacheCore, isRedisFailure } from './backend.js';
import { cachedValue } from './cached-value.js';
import { deferred } from './deferred-evictions.js';
import type { InvalidateOptions } from './entry-options.js';
import type { Outcome } from './flight.js';
import { PAST_MS } from './entry-judge.js';
import { newEntry } from './new-entry.js';
import { newIds } from './new-ids.js';
import { freshMs, type Policy } from './policy.js';
import type { ReadRequest } from './call.js';
import type { ReadRoad } from './read-road.js';
import { encodeValue, type EncodedValue, sizeOf } from './value.js';

/**
 * The one road on which anything is written or invalidated: locally, in Redis, locally again, so that nothing that was
 * read or loaded meanwhile survives. What Redis did not do is journaled and done before anything stored there is
 * believed again; nothing is ever reported as done that was not.
 */
export class WriteRoad {
  constructor(
    private readonly core: CacheCore,
    private readonly reads: ReadRoad,
  ) {}

  delete(key: string, options: InvalidateOptions): Promise<WriteStatus> {
    return this.#invalidate('key', key, options, [this.#entryInvalidation(key)], true);
  }

  async expire(key: string, options: InvalidateOptions): Promise<WriteStatus> {
    const invalidation = this.#entryInvalidation(key);
    const { redis } = this.core.backend;
    const expiry: Invalidation =
      redis === undefined
        ? { ...invalidation, forget: nothing, apply: async () => this.#expireInMemory(key, invalidation.forget) }
        : { ...invalidation, apply: () => redis.tier.expire(this.core.slotKey(key)) };
    return this.#invalidate('expire', key, options, [expiry], true);
  }

  /** `tags` in their stored spelling, with their `u:`, `c:` or `n`: one, or all copies of it. */
  invalidateTag(
    kind: InvalidationKind,
    tags: readonly string[],
    target: string,
    options: InvalidateOptions,
  ): Promise<WriteStatus> {
    return this.#invalidate(
      kind,
      target,
      options,
      tags.map((tag) => this.#tagInvalidation(tag)),
    );
  }

  /** Every stored entry and every running load of this cache whose key matches, many with one script. */
  async invalidatePattern(
    { glob, matches }: StoredPattern,
    pattern: string,
    options: InvalidateOptions,
  ): Promise<{ status: WriteStatus; count: number }> {
    const { core } = this;
    const { redis, events, clock } = core.backend;
    const startedAtMs = clock.nowMs();
    let count = 0;
    const status = await this.#orDeferred('pattern', pattern, async () => {
      const remembered = this.reads.cutWhere(matches);
      if (redis === undefined) count = remembered;
      const sentAtMark = redis?.journal.mark() ?? 0;
      try {
        // The glob is only a net.
        await redis?.tier.scan({ storedName: core.storedName, glob, isMeant: matches }, async (found) => {
          const removed = await redis.tier.invalidateFound(found);
          // After the wait: servers of a cluster are scanned side by side.
          count += removed;
          redis.journal.appliedMany(found.slotKeys, sentAtMark);
        });
      } catch (error) {
        if (!isRedisFailure(error)) throw error;
        // Which keys are left is not known, so the whole cache goes as soon as Redis can be reached.
        for (const name of core.reserved.cache) redis?.journal.queue({ kind: 'tag', name });
        return queued(pattern, options, error);
      } finally {
        this.reads.cutWhere(matches);
      }
      return 'applied';
    });
    core.stats.invalidations += 1;
    const durationMs = clock.nowMs() - startedAtMs;
    events.emit('invalidation', {
      cache: core.name,
      kind: 'pattern',
      target: pattern,
      status,
      durationMs,
      entries: count,
    });
    return { status, count };
  }

  /** Stores a value as fresh from now on and cancels running loads. `queued`: not stored, and the old value goes. */
  async set(key: string, value: unknown, policy: Policy, tags: readonly string[]): Promise<WriteStatus> {
    const { core } = this;
    const { backend } = core;
    const { redis, serverClockOf, clock, events } = backend;
    const startedAtMs = clock.nowMs();
    const limits = { maxTtlMs: backend.maxTtlMs, nowMs: Date.now(), random: clock.random() };
    const lifetimeMs = freshMs(policy, undefined, value, limits);
    const encoded = this.#encoded(value, policy);
    const reason = this.#reasonNotToStore(value, lifetimeMs, encoded, policy);
    core.stats.writes += 1;
    let status: WriteStatus;
    if (reason !== undefined || lifetimeMs === false) {
      core.stats.unstored += 1;
      events.emit('unstored', { cache: core.name, key, reason: reason ?? 'skipped' });
      status = await this.#apply([this.#entryInvalidation(key)], key, {});
    } else {
      const cached = cachedValue(encoded, policy);
      const invalidation = this.#entryInvalidation(key);
      status = await this.#apply(
        [
          {
            ...invalidation,
            apply: async () => {
              const ids = await newIds(core, core.slotKey(key), tags);
              const stored = newEntry(core, key, encoded, cached, ids, { freshMs: lifetimeMs, loadMs: 0 }, policy);
              if (redis === undefined) {
                invalidation.forget();
                if (policy.usesMemory) core.memory?.set(key, stored.entry);
                return;
              }
              // Redis must not carry it out after we have given up and perhaps deleted the key.
              const notAfterMs = serverClockOf(core.slotKey(key)).nowMs() + redis.controlTimeoutMs * 0.9;
              if (!(await redis.tier.put(core.slotKey(key), stored.toBytes(), stored.lifetimeMs, notAfterMs))) {
                throw new RedisUnavailableError('put came to Redis when its time was over, and did nothing.');
              }
            },
            forget: redis === undefined ? nothing : invalidation.forget,
          },
        ],
        key,
        {},
      );
    }
    const size = reason === undefined && status === 'applied' ? { bytes: sizeOf(encoded) } : {};
    events.emit('write', { cache: core.name, key, status, durationMs: clock.nowMs() - startedAtMs, ...size });
    return status;
  }

  /**
   * Runs a write and stores its result, unless something was written or invalidated meanwhile: the entry is removed then,
   * for nobody knows whose value is the newer. Rejects with what the write threw.
   */
  async put(request: ReadRequest): Promise<WriteStatus> {
    const { core, reads } = this;
    const { key } = request;
    reads.keyChanged(key, 'xe');
    core.stats.writes += 1;
    const { redis, clock, events } = core.backend;
    const startedAtMs = clock.nowMs();
    const sentAtMark = redis?.journal.mark() ?? 0;
    let isStored = false;
    let outcome: Outcome | undefined;
    let status: WriteStatus = 'applied';
    try {
      outcome = await reads.put(request);
      isStored = outcome.isStored;
      // A server that loses it has the entry it replaced.
      if (isStored) redis?.journal.applied(this.#entryInvalidation(key).item, sentAtMark);
    } finally {
      // Without Redis the entry in memory is what was stored.
      if (core.backend.redis !== undefined) reads.keyChanged(key, 'xe');
      if (!isStored) status = await this.#apply([this.#entryInvalidation(key)], key, {});
    }
    const durationMs = clock.nowMs() - startedAtMs - outcome.entry.loadMs;
    events.emit('write', { cache: core.name, key, status, durationMs });
    return status;
  }

  #expireInMemory(key: string, forget: () => void): boolean {
    const { memory } = this.core;
    const entry = memory?.get(key);
    forget();
    if (entry !== undefined && entry.servableUntilMs > entry.freshUntilMs) {
      memory?.set(key, entry.with({ times: { freshUntilMs: PAST_MS, hotUntilMs: PAST_MS } }));
    }
    return entry !== undefined;
  }

  #encoded(value: unknown, policy: Policy): EncodedValue {
    try {
      return encodeValue(value, { codec: policy.codec, compressAboveBytes: Infinity });
    } catch (error) {
      if (error instanceof UncacheableValueError) this.core.stats.unencodable += 1;
      throw error;
    }
  }

  /** @throws UncacheableValueError for a sensitive value, where the policy says so */
  #reasonNotToStore(value: unknown, lifetimeMs: number | false, encoded: EncodedValue, policy: Policy) {
    if (policy.denied?.refuses(value)) return 'sensitive';
    if (lifetimeMs === false) return 'skipped';
    return sizeOf(encoded) > policy.maxValueBytes ? 'too-large' : undefined;
  }

  #entryInvalidation(key: string): Invalidation {
    const slotKey = this.core.slotKey(key);
    const isRemembered = this.core.memory?.get(key) !== undefined;
    return {
      item: { kind: 'entry', name: slotKey },
      forget: () => {
        this.reads.keyChanged(key, 'xe');
      },
      apply: () => this.core.backend.redis?.tier.invalidate(slotKey) ?? Promise.resolve(isRemembered),
    };
  }

  #tagInvalidation(tag: string): Invalidation {
    return {
      item: { kind: 'tag', name: tag },
      forget: () => {
        this.core.backend.coherence.tagInvalidated(tag);
      },
      apply: () => this.core.backend.tagTable.invalidate(tag),
    };
  }

  /** @param isCounted whether what is applied says if there was an entry */
  async #invalidate(
    kind: InvalidationKind,
    target: string,
    options: InvalidateOptions,
    invalidations: readonly Invalidation[],
    isCounted = false,
  ): Promise<WriteStatus> {
    const { stats, name, backend } = this.core;
    const { clock, events } = backend;
    const startedAtMs = clock.nowMs();
    let entries = 0;
    const counted = invalidations.map((each) => ({
      ...each,
      apply: async () => {
        if ((await each.apply()) === true) entries += 1;
      },
    }));
    const status = await this.#orDeferred(kind, target, () => this.#apply(counted, target, options));
    stats.invalidations += 1;
    const count = isCounted && status === 'applied' ? { entries } : {};
    const durationMs = clock.nowMs() - startedAtMs;
    events.emit('invalidation', { cache: name, kind, target, status, durationMs, ...count });
    return status;
  }

  async #orDeferred(kind: string, target: string, evict: () => Promise<WriteStatus>): Promise<WriteStatus> {
    const deferral = deferred();
    if (deferral === undefined) return evict();
    deferral.add(`${this.core.name} ${kind} ${target}`, async () => {
      await evict();
    });
    return 'deferred';
  }

  /** Parts of one invalidation, each on its own server: it is applied when all of them are. */
  async #apply(
    invalidations: readonly Invalidation[],
    target: string,
    options: InvalidateOptions,
  ): Promise<WriteStatus> {
    const { redis } = this.core.backend;
    let isQueued = false;
    let cause: unknown;
    for (const { forget } of invalidations) forget();
    await Promise.all(
      invalidations.map(async ({ item, apply, forget }) => {
        const sentAtMark = redis?.journal.mark() ?? 0;
        try {
          await apply();
          redis?.journal.applied(item, sentAtMark);
        } catch (error) {
          if (!isRedisFailure(error)) throw error;
          redis?.journal.queue(item);
          isQueued = true;
          cause = error;
        } finally {
          forget();
        }
      }),
    );
    return isQueued ? queued(target, options, cause) : 'applied';
  }
}

function queued(target: string, options: InvalidateOptions, cause: unknown): WriteStatus {
  if (options.strict !== true) return 'queued';
  throw new NotInvalidatedError(
    `"${target}" is not invalidated in Redis yet; it is queued and will be. This process does not use it any more.`,
    { key: target, cause },
  );
}

/** Finds stored keys: a Redis glob that may find too many, and the test each of them has to pass. */
export interface StoredPattern {
  readonly glob: string;
  readonly matches: (storedKey: string) => boolean;
}

interface Invalidation {
  readonly item: JournalItem;
  /** Drops what this process remembers and cuts its loads: before Redis is asked, and again when it answered. */
  readonly forget: () => void;
  readonly apply: () => Promise<unknown>;
}

function nothing(): void {}
