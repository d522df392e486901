import { UncacheableValueError } from '../errors.js';
import type { FallbackReason, UnstoredReason } from '../events.js';
import { type Backend, type CacheCore, isUnanswered } from './backend.js';
import { type CachedValue, cachedValue } from './cached-value.js';
import type { Loader } from './entry-options.js';
import type { EntryJudge, Found, KnownIds } from './entry-judge.js';
import { randomId } from './envelope.js';
import type { TagId } from './recorded.js';
import type { Flight, Outcome } from './flight.js';
import { LEASE_MS } from './entry-scripts.js';
import { type Lease, Leases } from './leases.js';
import { type Loaded, LoaderRun } from './loader-run.js';
import type { Entry } from './entry.js';
import { newEntry } from './new-entry.js';
import { newIds } from './new-ids.js';
import { checkTagCount, freshMs, NO_TAGS, type Policy, refreshOf, storedTags } from './policy.js';
import { encodeValue, type EncodedValue } from './value.js';

/** Without announcements waiters ask again this often, plus up to as much again at random. */
const POLL_MS = 50;

export interface LoadRequest {
  readonly flight: Flight;
  readonly loader: Loader<unknown>;
  readonly policy: Policy;
  /** Encoded tags known before the load, `u:` and all. */
  readonly tags: readonly string[];
  readonly isStrong: boolean;
  readonly onWait?: (() => void) | undefined;
}

/** A loaded value on its way into the store. */
interface Prepared {
  readonly encoded: EncodedValue;
  readonly value: CachedValue;
  /** How long it is fresh. */
  readonly freshMs: number;
  /** Why it is not to be stored, if it is not. */
  readonly refusal: UnstoredReason | undefined;
  readonly loadMs: number;
  readonly loaded: Loaded;
}

type Redis = NonNullable<Backend['redis']>;

/**
 * Loads of one cache: asks for the lease, runs the loader, fills. A result is stored only under the lease the load began
 * with and with the ids read before it, so that whatever was invalidated meanwhile, anywhere, never comes back.
 */
export class Loads {
  readonly leases: Leases;

  constructor(
    private readonly core: CacheCore,
    private readonly judge: EntryJudge,
  ) {
    this.leases = new Leases(core);
  }

  /** One attempt; `undefined` means that something happened meanwhile and the entry must be read again. */
  async attempt(request: LoadRequest, found: Found): Promise<Outcome | undefined> {
    const { flight } = request;
    const { redis, coherence, clock } = this.core.backend;
    flight.becomesSlow();
    if (redis === undefined) return this.#loadIntoMemory(request);
    if (found.state === 'unavailable') return this.#loadDuringOutage(request, 'unavailable');
    if (this.#isJournaled(redis, request)) return this.#loadDuringOutage(request, 'journal');

    const slotKey = this.core.slotKey(flight.key);
    const token = randomId();
    flight.listen();
    const { acquired, ids } = await this.leases.acquire(redis, request, found, { slotKey, token });
    switch (acquired.answer) {
      case 'granted':
        return await this.#loadUnderLease(redis, request, { slotKey, token, ids });
      case 'entry':
        return this.#outcomeOf(acquired.raw, request, ids);
      case 'pass':
        return this.#loadUnstored(request, 'skipped');
      case 'unavailable':
        return this.#loadDuringOutage(request, 'unavailable');
      case 'held':
        if (flight.isRefresh) return undefined;
        if (flight.stale !== undefined && refreshOf(request.policy, flight.stale, clock.nowMs()) !== 'required')
          return staleOutcome(flight.stale, 'refreshing');
        request.onWait?.();
        if (!flight.hasWaited) this.core.stats.coalescedInFleet += 1;
        flight.hasWaited = true;
        await flight.news(
          coherence.isTrusted(slotKey)
            ? clamp(acquired.remainingMs, POLL_MS, LEASE_MS)
            : POLL_MS * (1 + clock.random()),
        );
        return undefined;
    }
  }

  /** Runs a write as if it were a load that nobody else may do meanwhile: earlier ones lose, later ones wait. */
  async put(request: LoadRequest): Promise<Outcome> {
    const { redis } = this.core.backend;
    if (redis === undefined) return this.#loadIntoMemory(request);
    const slotKey = this.core.slotKey(request.flight.key);
    const token = randomId();
    let ids: readonly TagId[];
    try {
      ids = await newIds(this.core, slotKey, request.tags);
      await this.leases.seize(redis, { slotKey, token, ids });
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      redis.tier.abort(slotKey, token, false).catch(ignore);
      return this.#loadUnstored(request, 'unavailable');
    }
    return this.#loadUnderLease(redis, request, { slotKey, token, ids });
  }

  async #loadUnderLease(redis: Redis, request: LoadRequest, lease: Lease): Promise<Outcome> {
    const { flight, policy } = request;
    const { slotKey, token } = lease;
    this.leases.keep(redis, lease, flight);
    // Awaited, so that the next load need not wait for this lease.
    const abort = (pass: boolean) => redis.tier.abort(slotKey, token, pass).catch(ignore);
    let prepared: Prepared;
    try {
      prepared = await this.#prepare(request);
    } catch (error) {
      this.leases.end(token);
      await abort(false);
      throw error;
    }
    try {
      if (prepared.refusal !== undefined) {
        await abort(true);
        return this.#unstored(request, prepared, prepared.refusal);
      }
      const valueTags = this.#valueTags(prepared, request);
      const ids = valueTags.length === 0 ? lease.ids : await this.#withValueTags(flight, lease.ids, valueTags);
      if (ids === undefined) {
        await abort(false);
        return this.#unstored(request, prepared, 'unconfirmed-tags', valueTags);
      }
      const { toBytes, entry, lifetimeMs } = this.#newEntry(flight.key, prepared, ids, policy);
      const isFilled = await redis.tier.fill(slotKey, token, toBytes(), lifetimeMs);
      if (!isFilled) return this.#unstored(request, prepared, 'refused', valueTags);
      return this.#loaded(request, prepared, entry, valueTags);
    } catch (error) {
      // A Redis that did not answer the fill would keep the caller waiting for this, too.
      const aborted = abort(false);
      if (isUnanswered(error)) return this.#unstored(request, prepared, 'unavailable');
      await aborted;
      throw error;
    } finally {
      this.leases.end(token);
    }
  }

  /** Tags of the value that were not known before the load. */
  #valueTags(prepared: Prepared, request: LoadRequest): readonly string[] {
    const derived = request.policy.tagsOf?.(prepared.loaded.value as never) ?? [];
    const { tags = [] } = prepared.loaded;
    if (derived.length === 0 && tags.length === 0) return NO_TAGS;
    const named = [...derived, ...tags];
    const encoded = storedTags([...new Set(named)]);
    const own = encoded.filter((tag) => !request.tags.includes(tag));
    checkTagCount(request.tags.length + own.length);
    return own;
  }

  /** A function of tags need not expect what is not stored, such as the value of a load that skipped. */
  #tagsOfUnstored(prepared: Prepared, request: LoadRequest): readonly string[] {
    try {
      return this.#valueTags(prepared, request);
    } catch {
      return [];
    }
  }

  /**
   * The ids of tags that only the value could tell. They are read after the load, so an invalidation while it ran must
   * be ruled out: everything up to now must have been announced, and no marker of these tags nor a gap seen since.
   */
  async #withValueTags(
    flight: Flight,
    ids: readonly TagId[],
    valueTags: readonly string[],
  ): Promise<readonly TagId[] | undefined> {
    const { tagTable, coherence } = this.core.backend;
    const own = await Promise.all(valueTags.map(async (tag) => ({ tag, id: await tagTable.ensure(tag) })));
    if (!(await coherence.provenNow(valueTags))) return undefined;
    return flight.hasMarkerBefore(flight.markersSeen, valueTags) ? undefined : [...ids, ...own];
  }

  async #prepare(request: LoadRequest): Promise<Prepared> {
    const { flight, policy, loader } = request;
    const { clock, maxTtlMs } = this.core.backend;
    const startedAtMs = clock.nowMs();
    try {
      const run = new LoaderRun(this.core, flight, flight.stale?.take());
      let given: unknown;
      try {
        given = await run.start(loader);
      } finally {
        run.end();
      }
      const loaded = run.loaded(given);
      const loadMs = clock.nowMs() - startedAtMs;
      this.core.stats.loads += 1;
      this.core.stats.recordLoad(loadMs);
      const encoded = encodeValue(loaded.value, { codec: policy.codec, compressAboveBytes: Infinity });
      const value = cachedValue(encoded, policy);
      const limits = { maxTtlMs, nowMs: Date.now(), random: clock.random() };
      // After encoding, which refuses cycles.
      const isSensitive = policy.denied?.refuses(loaded.value) ?? false;
      const lifetimeMs = !isSensitive && freshMs(policy, loaded.ttl, loaded.value, limits);
      let refusal: UnstoredReason | undefined;
      if (value.bytes > policy.maxValueBytes) refusal = 'too-large';
      else if (isSensitive) refusal = 'sensitive';
      else if (lifetimeMs === false || loaded.isSkipped) refusal = 'skipped';
      return { encoded, value, freshMs: lifetimeMs === false ? 0 : lifetimeMs, refusal, loadMs, loaded };
    } catch (error) {
      this.core.stats.loadErrors += 1;
      if (error instanceof UncacheableValueError) this.core.stats.unencodable += 1;
      const durationMs = clock.nowMs() - startedAtMs;
      this.core.backend.events.emit('load', {
        cache: this.core.name,
        key: flight.key,
        durationMs,
        stored: false,
        error,
      });
      throw error;
    }
  }

  /** Redis is away: the source answers, and memory keeps it for as long as an answer may be old anyway. */
  async #loadDuringOutage(request: LoadRequest, reason: FallbackReason): Promise<Outcome> {
    const { flight, policy } = request;
    this.core.backend.events.emit('fallback', { cache: this.core.name, key: flight.key, reason });
    const { clock, maxStalenessMs } = this.core.backend;
    const trust = { untilMs: clock.nowMs() + maxStalenessMs };
    const prepared = await this.#prepare(request);
    const outcome = this.#unstored(request, prepared, 'unavailable');
    const mayRemember = policy.usesMemory && !flight.isCut && !request.isStrong;
    if (!mayRemember || prepared.refusal !== undefined) return outcome;
    const tags = [...this.core.reservedTags(flight.key), ...request.tags, ...this.#valueTags(prepared, request)];
    if (flight.hasMarkerBefore(flight.markersSeen, tags)) return outcome;
    const ids = tags.map((tag) => ({ tag, id: '' }));
    const grounds = { ...outcome.entry.grounds, ids, trust, isOutage: true };
    this.core.memory?.set(flight.key, outcome.entry.with({ grounds }));
    return outcome;
  }

  async #loadUnstored(request: LoadRequest, reason: UnstoredReason): Promise<Outcome> {
    return this.#unstored(request, await this.#prepare(request), reason);
  }

  /** Without Redis the memory of this process is the store; an invalidation meanwhile cut the flight. */
  async #loadIntoMemory(request: LoadRequest): Promise<Outcome> {
    const { flight, policy } = request;
    const before = await newIds(this.core, this.core.slotKey(flight.key), request.tags);
    const prepared = await this.#prepare(request);
    if (prepared.refusal !== undefined) return this.#unstored(request, prepared, prepared.refusal);
    const valueTags = this.#valueTags(prepared, request);
    const ids = valueTags.length === 0 ? before : await this.#withValueTags(flight, before, valueTags);
    if (flight.isCut || ids === undefined) return this.#unstored(request, prepared, 'refused', valueTags);
    const { entry } = this.#newEntry(flight.key, prepared, ids, policy);
    if (policy.usesMemory) this.core.memory?.set(flight.key, entry);
    return this.#loaded(request, prepared, entry, valueTags);
  }

  #newEntry(key: string, { encoded, value, freshMs, loadMs, loaded }: Prepared, ids: readonly TagId[], policy: Policy) {
    return newEntry(this.core, key, encoded, value, ids, { freshMs, loadMs, graceMs: loaded.graceMs }, policy);
  }

  #loaded(request: LoadRequest, prepared: Prepared, entry: Entry, valueTags: readonly string[]): Outcome {
    this.#report(request, prepared.loadMs, prepared.value.bytes);
    return { entry, source: 'loader', isStored: true, valueTags };
  }

  #unstored(
    request: LoadRequest,
    prepared: Prepared,
    reason: UnstoredReason,
    valueTags: readonly string[] = this.#tagsOfUnstored(prepared, request),
  ): Outcome {
    const { name, stats, backend } = this.core;
    stats.unstored += 1;
    backend.events.emit('unstored', { cache: name, key: request.flight.key, reason });
    this.#report(request, prepared.loadMs);
    const { key } = request.flight;
    const none = this.core.reservedTags(key).map((tag) => ({ tag, id: NO_ID }));
    const { entry } = this.#newEntry(key, prepared, none, request.policy);
    return { entry: entry.with({ id: '' }), source: 'loader', isStored: false, valueTags };
  }

  /** @param bytes of the value, if it was stored */
  #report(request: LoadRequest, durationMs: number, bytes?: number): void {
    const { events } = this.core.backend;
    if (!events.listensTo('load')) return;
    const stored = bytes !== undefined;
    const size = stored ? { bytes } : {};
    events.emit('load', { cache: this.core.name, key: request.flight.key, durationMs, stored, ...size });
  }

  /** An invalidation of the key, or of a tag it will have, still waits for Redis: nothing there may be believed. */
  #isJournaled({ journal }: Redis, request: LoadRequest): boolean {
    if (journal.queued === 0) return false;
    if (journal.covers('entry', this.core.slotKey(request.flight.key))) return true;
    return [...this.core.reservedTags(request.flight.key), ...request.tags].some((tag) => journal.covers('tag', tag));
  }

  async #outcomeOf(raw: Buffer, request: LoadRequest, ids: readonly TagId[]): Promise<Outcome | undefined> {
    const known: KnownIds = new Map(ids.map(({ tag, id }) => [tag, id]));
    let found: Found;
    try {
      const slotKey = this.core.slotKey(request.flight.key);
      found = await this.judge.judge(slotKey, raw, request.policy, known, request.isStrong);
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      return undefined;
    }
    return found.state === 'fresh' ? { entry: found.entry, source: 'l2', isStored: true } : undefined;
  }
}

export function staleOutcome(entry: Entry, staleness: Outcome['staleness']): Outcome {
  return { entry, source: 'l2', staleness, isStored: true };
}

/** Stands for the ids of an entry that is not stored; no real id looks like it. */
const NO_ID = '------------';

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

function ignore(): void {}
