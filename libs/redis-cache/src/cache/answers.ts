import type { MissReason } from '../events.js';
import type { CacheCore } from './backend.js';
import { BatchedCall, type BatchTerms, type CallBatch } from './batched-call.js';
import { AnsweredCall, type Departure } from './answered-call.js';
import { type CallCounter, callContext, type ReadRequest } from './call.js';
import type { CallOptions, Loader } from './entry-options.js';
import { ReadBatch } from './entry-reader.js';
import type { Outcome } from './flight.js';
import type { Key } from './key.js';
import { runUncached } from './loader-run.js';
import type { Entry } from './entry.js';
import { Look, type LookCounter, Looks } from './looks.js';
import { type Policy, resolvePolicy, tagsAlone } from './policy.js';
import type { FoundEntry, ReadRoad } from './read-road.js';

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

const AS_SHARED: Departure<unknown, unknown> = {
  arrived: ({ entry }) => entry.take(),
  uncached: (value) => value,
};
const AS_COPY: Departure<unknown, unknown> = { ...AS_SHARED, arrived: ({ entry }) => entry.take(true) };

const UNCACHED = {
  source: 'loader',
  isStale: false,
  isStored: false,
  isShared: false,
  ageMs: 0,
  remainingMs: 0,
  loadMs: 0,
} as const;

/** What callers of one cache are answered: the road by their options, and every answer counted. */
export class Answers implements CallCounter, LookCounter {
  /** Neither disabled nor bypassed. */
  private isAnswering: boolean;

  constructor(
    private readonly core: CacheCore,
    private readonly policy: Policy,
    private readonly isEnabled: boolean,
    private readonly road: ReadRoad,
  ) {
    this.isAnswering = isEnabled;
  }

  get isBypassed(): boolean {
    return this.isEnabled && !this.isAnswering;
  }

  set isBypassed(isBypassed: boolean) {
    this.isAnswering = this.isEnabled && !isBypassed;
  }

  /**
   * What memory answers to a key as its caller wrote it, if that needs no encoding: the shortest way to a value. A key
   * that is encoded, or stands in a context, is never found by what was written.
   */
  hotAsWritten(key: Key, options: CallOptions<never> | undefined): Entry | undefined {
    if (typeof key !== 'string' || !this.#remembers(options)) return undefined;
    const entry = this.road.hot(key);
    if (entry?.hasPlainKey !== true) return undefined;
    this.#countHit(key, 'l1', false);
    return entry;
  }

  hot(storedKey: string, options: CallOptions<never> | undefined): Entry | undefined {
    const entry = this.#remembers(options) ? this.road.hot(storedKey) : undefined;
    if (entry !== undefined) this.#countHit(storedKey, 'l1', false);
    return entry;
  }

  #remembers(options: CallOptions<never> | undefined): boolean {
    return this.isAnswering && this.policy.usesMemory && readsAsUsual(options);
  }

  /** What is there, without a load. Throws at once what is wrong with the options. */
  lookup<T>(storedKey: string, options: CallOptions<T> | undefined): Promise<Lookup<T>> {
    const policy = this.#resolve(options);
    return new Promise((resolve, reject) => {
      const depart = (found: FoundEntry | MissReason): void => {
        if (typeof found === 'string') resolve({ isHit: false, reason: found });
        else resolve(this.lookedUp(found.entry, found.source, found.isStale, options?.values === 'copy'));
      };
      this.#look(storedKey, 0, policy, options, new Looks(this, this.core, depart, reject));
    });
  }

  /** The fresh value, if there is one. */
  get<T>(storedKey: string, options: CallOptions<T> | undefined): Promise<T | undefined> {
    const policy = this.#resolve(options);
    return new Promise((resolve, reject) => {
      const depart = (found: FoundEntry | MissReason): void => {
        resolve(freshValue(found, options) as T | undefined);
      };
      this.#look(storedKey, 0, policy, options, new Looks(this, this.core, depart, reject));
    });
  }

  /** The fresh values, in the order of their keys. */
  getMany<T>(storedKeys: readonly string[], options: CallOptions<T> | undefined): Promise<(T | undefined)[]> {
    const policy = this.#resolve(options);
    return new Promise((resolve, reject) => {
      const values = new Array<T | undefined>(storedKeys.length);
      let missing = storedKeys.length;
      if (missing === 0) resolve(values);
      const depart = (found: FoundEntry | MissReason, index: number): void => {
        values[index] = freshValue(found, options) as T | undefined;
        missing -= 1;
        if (missing === 0) resolve(values);
      };
      const looks = new Looks(this, this.core, depart, reject);
      const batch = new ReadBatch();
      for (let index = 0; index < storedKeys.length; index++) {
        this.#look(storedKeys[index] as string, index, policy, options, looks, batch);
      }
      this.road.ask(batch);
    });
  }

  #look(
    key: string,
    index: number,
    policy: Policy,
    options: CallOptions<never> | undefined,
    looks: Looks,
    batch?: ReadBatch,
  ): void {
    if (!this.isEnabled) {
      looks.depart('disabled', index);
      return;
    }
    const hot = this.hot(key, options);
    if (hot !== undefined) {
      looks.depart({ entry: hot, source: 'l1', isStale: false }, index);
      return;
    }
    if (!this.isAnswering || options?.bypass === true) {
      looks.depart('bypassed', index);
      return;
    }
    const look = new Look(looks, key, index);
    const remembered = this.road.find(key, policy, options?.consistency === 'strong', look, looks.startedAtMs, batch);
    if (remembered !== undefined) look.ended(remembered);
  }

  /** Counts what a look without a load came to. */
  looked(key: string, found: FoundEntry | MissReason, startedAtMs: number, atMs: number): void {
    const { stats } = this.core;
    const isEntry = typeof found !== 'string';
    stats.recordAnswer(atMs - startedAtMs, isEntry && found.source === 'l1');
    if (isEntry) this.#countHit(key, found.source, found.isStale);
    else this.#missed(key, found);
  }

  load<T>(storedKey: string, loader: Loader<T>, options?: CallOptions<T>): Promise<T> {
    const departure = options?.values === 'copy' ? AS_COPY : AS_SHARED;
    return this.arrive(storedKey, loader, options, departure as Departure<T, T>);
  }

  /** What the departure makes of what arrives. Throws at once what is wrong with the options; everything else is a rejection. */
  arrive<T, Answer>(
    storedKey: string,
    loader: Loader<T>,
    options: CallOptions<T> | undefined,
    departure: Departure<T, Answer>,
  ): Promise<Answer> {
    const ownTags = tagsAlone(this.policy, options);
    const policy = ownTags === undefined ? this.#resolve(options) : this.policy;
    if (!this.isAnswering || options?.bypass === true) {
      this.core.stats.bypassed += 1;
      return runUncached(storedKey, loader).then((value) => departure.uncached(value));
    }
    const tags = ownTags ?? policy.tags;
    const isStrong = options?.consistency === 'strong';
    const nowMs = this.core.backend.clock.nowMs();
    return new Promise((resolve, reject) => {
      const call = new AnsweredCall(
        this,
        storedKey,
        policy,
        loader as Loader<unknown>,
        tags,
        isStrong,
        nowMs,
        departure,
        resolve,
        reject,
      );
      this.road.enter(call, nowMs);
    });
  }

  /** Like `load` for each key; the batch is told of each. Throws at once what is wrong with the options. */
  loadAll(storedKeys: readonly string[], batch: CallBatch, options: CallOptions<never> | undefined): void {
    const ownTags = tagsAlone(this.policy, options);
    const policy = ownTags === undefined ? this.#resolve(options) : this.policy;
    const terms: BatchTerms = {
      batch,
      policy,
      tags: ownTags ?? policy.tags,
      isStrong: options?.consistency === 'strong',
      asCopy: options?.values === 'copy',
      context: callContext(),
      startedAtMs: this.core.backend.clock.nowMs(),
      count: this,
    };
    const calls = storedKeys.map((key, index) => new BatchedCall(key, index, terms));
    if (this.isAnswering && options?.bypass !== true) this.road.enterAll(calls, terms.startedAtMs);
    else for (const call of calls) this.#passBy(call);
  }

  #passBy(call: BatchedCall): void {
    this.core.stats.bypassed += 1;
    runUncached(call.key, call.loader).then(
      (value) => {
        call.uncached(value);
      },
      (error: unknown) => {
        call.refused(error);
      },
    );
  }

  /** Counts what a call got. */
  arrived(call: ReadRequest, outcome: Outcome, isShared: boolean, startedAtMs: number): void {
    const { stats, backend } = this.core;
    const { entry, staleness, atMs = backend.clock.nowMs() } = outcome;
    const source = this.#sourceOf(outcome);
    const loadMs = source === 'loader' ? entry.loadMs : 0;
    stats.recordAnswer(Math.max(0, atMs - startedAtMs - loadMs), source === 'l1');
    if (isShared) stats.coalesced += 1;
    if (staleness !== undefined) {
      backend.events.emit('stale', { cache: this.core.name, key: call.key, reason: staleness });
    }
    if (source === 'loader') this.#missed(call.key, 'absent');
    else this.#countHit(call.key, source, staleness !== undefined);
  }

  /** Nothing was found, whatever became of the load. */
  failed(call: ReadRequest): void {
    this.#missed(call.key, 'absent');
  }

  #sourceOf({ source }: Outcome): Outcome['source'] {
    return source === 'l2' ? this.core.storeTier : source;
  }

  #resolve(options: CallOptions<never> | undefined): Policy {
    return resolvePolicy(this.policy, options, this.core.backend.maxTtlMs, 'Cache options', true);
  }

  lookedUp<T>(
    entry: Entry,
    source: 'l1' | 'l2',
    isStale: boolean,
    asCopy: boolean,
  ): Extract<Lookup<T>, { isHit: true }> {
    const nowMs = this.core.backend.clock.nowMs();
    return {
      isHit: true,
      value: entry.take(asCopy) as T,
      source,
      isStale,
      ageMs: Math.max(0, nowMs - entry.createdAtMs),
      remainingMs: isStale ? 0 : Math.max(0, entry.freshUntilMs - nowMs),
    };
  }

  #countHit(key: string, tier: 'l1' | 'l2', isStale: boolean): void {
    const { stats, backend, name } = this.core;
    if (tier === 'l1') stats.hitsL1 += 1;
    else stats.hitsL2 += 1;
    if (isStale) stats.staleHits += 1;
    if (backend.events.listensTo('hit')) backend.events.emit('hit', { cache: name, key, tier, stale: isStale });
  }

  #missed(key: string, reason: MissReason): void {
    const { stats, backend, name } = this.core;
    stats.misses += 1;
    if (backend.events.listensTo('miss')) backend.events.emit('miss', { cache: name, key, reason });
  }

  /** Like `load`, and says where the value came from. */
  resolve<T>(storedKey: string, loader: Loader<T>, options: CallOptions<T> | undefined): Promise<Resolved<T>> {
    return this.arrive(storedKey, loader, options, {
      uncached: (value) => ({ ...UNCACHED, value }),
      arrived: (outcome, isShared) => {
        const { entry, staleness, isStored } = outcome;
        const nowMs = this.core.backend.clock.nowMs();
        return {
          value: entry.take(options?.values === 'copy') as T,
          source: this.#sourceOf(outcome),
          isStale: staleness !== undefined,
          isStored,
          isShared,
          ageMs: Math.max(0, nowMs - entry.createdAtMs),
          remainingMs: isStored ? Math.max(0, entry.freshUntilMs - nowMs) : 0,
          loadMs: entry.loadMs,
        };
      },
    });
  }
}

function freshValue(found: FoundEntry | MissReason, options: CallOptions<never> | undefined): unknown {
  if (typeof found === 'string' || found.isStale) return undefined;
  return found.entry.take(options?.values === 'copy');
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
