import { LRUCache } from 'lru-cache';
import type { RefreshResult } from '../events.js';
import { Airborne } from './airborne.js';
import type { CacheCore } from './backend.js';
import type { BatchedCall } from './batched-call.js';
import { type Call, Passenger, type ReadRequest } from './call.js';
import type { CoherentCache, Forgotten } from './coherence.js';
import { EntryJudge, type Found } from './entry-judge.js';
import { EntryReader, ReadBatch, type ReadListener } from './entry-reader.js';
import { Flight, type Outcome } from './flight.js';
import { refuseRecursion } from './loader-run.js';
import { type LoadRequest, Loads, staleOutcome } from './loads.js';
import type { Entry } from './entry.js';
import { NO_TAGS, type Policy, refreshOf } from './policy.js';

/** After a failed refresh the stale value is answered without another attempt for this long. */
const REFRESH_BACKOFF_MS = 5000;

/** An entry that is there, and from which tier it came. */
export interface FoundEntry {
  readonly entry: Entry;
  readonly source: 'l1' | 'l2';
  readonly isStale: boolean;
}

/**
 * The one road on which values are read: memory, then single flight, then Redis, then lease, loader and fill. Fails
 * open: whatever Redis does, the loader's answer reaches the caller within the caller's time.
 */
export class ReadRoad implements CoherentCache {
  readonly #judge: EntryJudge;
  readonly #reader: EntryReader;
  readonly #loads: Loads;
  readonly #airborne = new Airborne();
  readonly #backoffUntilMs = new LRUCache<string, number>({ max: 1000 });

  constructor(private readonly core: CacheCore) {
    this.#judge = new EntryJudge(core);
    this.#reader = new EntryReader(core, this.#judge);
    this.#loads = new Loads(core, this.#judge);
  }

  /** The copy in memory that answers at once, if there is one. This is the hot path: no promise, no allocation. */
  hot(key: string): Entry | undefined {
    const entry = this.core.memory?.get(key);
    if (entry === undefined) return undefined;
    const nowMs = this.core.backend.clock.nowMs();
    return nowMs < entry.hotUntilMs && this.#judge.holds(entry.grounds, nowMs) ? entry : undefined;
  }

  /** The entry as memory knows it; where it does not, the listener is told later what is stored. */
  find(
    key: string,
    policy: Policy,
    isStrong: boolean,
    listener: ReadListener,
    nowMs: number,
    batch?: ReadBatch,
  ): FoundEntry | undefined {
    const usesMemory = policy.usesMemory && !isStrong;
    const remembered = usesMemory ? this.#remembered(key) : undefined;
    if (remembered !== undefined) return { ...remembered, source: 'l1' };
    if (usesMemory) this.core.stats.missesL1 += 1;
    this.#reader.readFor(listener, key, policy, { tags: NO_TAGS, isStrong }, nowMs, batch);
    return undefined;
  }

  ask(batch: ReadBatch): void {
    this.#reader.ask(batch);
  }

  /**
   * A value, from wherever it is nearest.
   *
   * @param nowMs trust is measured by it
   */
  enter(call: Call, nowMs: number, batch?: ReadBatch): void {
    refuseRecursion(this.core, call.key);
    const known = this.#answerFromMemory(call);
    if (known !== undefined) {
      call.arrived(known, false);
      return;
    }
    if (call.policy.usesMemory && !call.isStrong) this.core.stats.missesL1 += 1;
    this.#look(call, nowMs, batch);
  }

  /** Like `enter` for each; what has to be read is asked for together. */
  enterAll(calls: readonly BatchedCall[], nowMs: number): void {
    const batch = new ReadBatch();
    for (const call of calls) {
      try {
        this.enter(call, nowMs, batch);
      } catch (error) {
        call.refused(error);
      }
    }
    this.ask(batch);
  }

  /** Runs a write whose result is to be stored, told of what is invalidated meanwhile like any load. */
  async put(request: ReadRequest): Promise<Outcome> {
    const flight = new Flight(request.key, request.tags);
    this.#airborne.add(flight);
    try {
      return await this.#loads.put({ ...request, flight });
    } finally {
      this.#airborne.remove(flight);
    }
  }

  keyChanged(key: string, kind: 'e' | 'xe' | 'w'): void {
    if (kind !== 'w') {
      this.core.memory?.delete(key);
      this.#reader.overtake(key);
    }
    for (let flight = this.#airborne.of(key); flight !== undefined; flight = flight.earlier) {
      if (kind !== 'w') this.#cutFlight(flight);
      flight.hearNews();
    }
  }

  /** Forgets what matches, in every stage. Says how many entries were in memory. */
  cutWhere(matches: (key: string) => boolean): number {
    const remembered = [...(this.core.memory?.keys() ?? [])].filter(matches);
    const airborne = this.#airborne.keys().filter(matches);
    for (const key of [...remembered, ...airborne]) this.keyChanged(key, 'xe');
    this.#reader.overtakeAll();
    return remembered.length;
  }

  tagInvalidated(tag: string): void {
    this.core.memory?.deleteOutageEntries(tag);
    // Which tags an entry has is known only when it has been read, so every read is overtaken.
    this.#reader.overtakeAll();
    for (const flight of this.#airborne.all()) {
      flight.noteMarker(tag);
      if (flight.tags.includes(tag) || this.core.reservedTags(flight.key).includes(tag)) this.#cutFlight(flight);
    }
  }

  missedChanges(forgotten: Forgotten): void {
    this.core.memory?.deleteWhere((key, { grounds: { trust, tagTrusts, ids } }) => {
      const trusts = [trust, ...tagTrusts];
      return forgotten.includes(this.core.slotKey(key), trusts) || ids.some(({ tag }) => forgotten.includes(tag, []));
    });
    this.#reader.overtakeAll();
    for (const flight of this.#airborne.all()) {
      flight.noteGap();
      this.#cutFlight(flight);
      flight.hearNews();
    }
  }

  abortLoads(): Promise<void> {
    return this.#loads.leases.abortAll();
  }

  #remembered(key: string): { entry: Entry; isStale: boolean } | undefined {
    const entry = this.core.memory?.get(key);
    if (entry === undefined) return undefined;
    const nowMs = this.core.backend.clock.nowMs();
    if (nowMs >= entry.servableUntilMs) return undefined;
    if (!this.#judge.holds(entry.grounds, nowMs)) return undefined;
    return { entry, isStale: nowMs >= entry.freshUntilMs };
  }

  #answerFromMemory(request: ReadRequest): Outcome | undefined {
    const { key, policy, isStrong } = request;
    if (isStrong || !policy.usesMemory) return undefined;
    const remembered = this.#remembered(key);
    if (remembered === undefined) return undefined;
    const { entry, isStale } = remembered;
    const nowMs = this.core.backend.clock.nowMs();
    if (!isStale) {
      if (nowMs >= entry.hotUntilMs && policy.earlyBeta > 0) this.#refresh(request, entry);
      return { entry, source: 'l1', isStored: true };
    }
    if (refreshOf(policy, entry, nowMs) !== 'background' && !this.#isBackingOff(key)) return undefined;
    this.#refresh(request, entry);
    return { ...staleOutcome(entry, 'refreshing'), source: 'l1' };
  }

  /** A flight whose callers have all given up is ending with an abort: nobody else should get that. */
  #isJoinable(flight: Flight): boolean {
    if (flight.isAbandoned) return false;
    const { redis, clock } = this.core.backend;
    return (
      redis === undefined || this.core.isShareable(this.core.slotKey(flight.key), flight.startedAtMs, clock.nowMs())
    );
  }

  /** Asks Redis, unless the value is being loaded already. */
  #look(call: Call, nowMs: number, batch?: ReadBatch): void {
    if (this.#joins(call)) return;
    const look = new FirstLook(this.#afterLook, call, nowMs);
    look.isShared = this.#reader.readFor(look, call.key, call.policy, call, nowMs, batch);
  }

  /** Most calls end with their first look: only what comes after it is worth a flight. */
  readonly #afterLook: AfterLook = {
    found: (look, found, isCurrent, atMs) => {
      const { call, isShared } = look;
      if (found.state === 'fresh' && !this.#isDueEarly(found.entry, call.policy))
        call.arrived({ entry: found.entry, source: 'l2', isStored: true, atMs }, isShared);
      else call.context.runInAsyncScope(this.#goOn, this, look, found, isCurrent, atMs);
    },
  };

  #goOn({ call, isShared, startedAtMs }: FirstLook, found: Found, isCurrent: boolean, atMs: number | undefined): void {
    try {
      const outcome = this.#outcomeOf(call, found, atMs);
      if (outcome !== undefined) call.arrived(outcome, isShared);
      else if (!this.#joins(call)) this.#launch(call, found, isCurrent, startedAtMs);
    } catch (error) {
      call.failed(error);
    }
  }

  readonly #lookAgain = (call: Call): void => {
    call.context.runInAsyncScope(() => {
      const known = this.#answerFromMemory(call);
      if (known === undefined) this.#look(call, this.core.backend.clock.nowMs());
      else call.arrived(known, false);
    });
  };

  /** Whether there is a flight that takes the call along. */
  #joins(call: Call): boolean {
    const open = call.isStrong ? undefined : this.#airborne.open(call.key, false);
    if (open === undefined) return false;
    open.isOpen = this.#isJoinable(open);
    if (!open.isOpen) return false;
    call.onWait?.();
    open.join(new Passenger(call, open, true, this.#lookAgain));
    return true;
  }

  #launch(call: Call, found: Found, isCurrent: boolean, startedAtMs: number): void {
    const flight = new Flight(call.key, call.tags);
    flight.startedAtMs = startedAtMs;
    flight.isOpen = !call.isStrong;
    if (found.state === 'stale') {
      flight.stale = found.entry;
      // What an announcement overtook may be answered only when Redis confirms it.
      flight.staleReadAtMs = isCurrent ? this.core.backend.clock.nowMs() : -Infinity;
    }
    flight.join(new Passenger(call, flight, false, this.#lookAgain));
    this.#takeOff(flight, call, found);
  }

  /** Loads in the background, once at a time per key in this process and in the fleet; `instead` of a flight that ends. */
  #refresh(request: ReadRequest, replaced: Entry, instead?: Flight): void {
    const { key, policy, tags } = request;
    if (instead !== undefined) instead.isOpen = false;
    if (this.#airborne.open(key, true) !== undefined || this.#airborne.open(key, false) !== undefined) return;
    if (this.#isBackingOff(key)) return;
    const flight = new Flight(key, tags, replaced);
    flight.isOpen = true;
    flight.startedAtMs = this.core.backend.clock.nowMs();
    flight.abortAfter(policy.hardTimeoutMs);
    this.#takeOff(flight, request);
  }

  #takeOff(flight: Flight, request: ReadRequest, found?: Found): void {
    this.#airborne.add(flight);
    this.#fly(flight, request, found).catch((error: unknown) => {
      this.#touchDown(flight, 'error');
      flight.crash(error);
    });
  }

  /** Loads, and reads again when somebody else has loaded. A refresh that turns out to be needless brings nothing. */
  async #fly(flight: Flight, request: ReadRequest, firstFound: Found | undefined): Promise<void> {
    const { policy, loader, tags, isStrong, onWait } = request;
    const load: LoadRequest = { flight, policy, loader, tags, isStrong, onWait };
    let outcome: Outcome | undefined;
    for (let found = firstFound; outcome === undefined; found = undefined) {
      if (found === undefined) {
        found = await this.#reader.read(request.key, request.policy, request);
        outcome = this.#outcomeOfFlight(flight, request, found);
      }
      // Only then: V8 keeps a flight that refers to a function of its own until a major collection.
      if (flight.stale !== undefined) flight.isStaleServable ??= () => this.#isStillServable(load);
      try {
        outcome ??= await this.#loads.attempt(load, found);
      } catch (error) {
        outcome = await this.#staleInstead(load, error);
      }
      if (flight.isRefresh) break;
      if (outcome === undefined && flight.isAbandoned) throw new Error('Nobody waits for this load any more.');
    }
    this.#touchDown(flight, refreshResult(outcome));
    if (outcome !== undefined) flight.land(outcome);
  }

  #touchDown(flight: Flight, result: RefreshResult): void {
    this.#airborne.remove(flight);
    flight.end();
    if (flight.replaced === undefined) return;
    const trigger = flight.startedAtMs < flight.replaced.freshUntilMs ? 'early' : 'stale';
    this.core.backend.events.emit('refresh', { cache: this.core.name, key: flight.key, trigger, result });
  }

  /** What a flight can answer with what it read, without a load. */
  #outcomeOfFlight(flight: Flight, request: ReadRequest, found: Found): Outcome | undefined {
    if (found.state === 'stale') {
      flight.stale = found.entry;
      flight.staleReadAtMs = this.core.backend.clock.nowMs();
    }
    if (!flight.isRefresh) return this.#outcomeOf(request, found, undefined, flight);
    const isReplaced = found.state === 'fresh' && flight.replaced?.isSame(found.entry) !== true;
    return isReplaced ? this.#outcomeOf(request, found) : undefined;
  }

  /** What can be answered with what was read, without a load. A refresh that is due begins, in the place of `flight`. */
  #outcomeOf(request: ReadRequest, found: Found, atMs?: number, flight?: Flight): Outcome | undefined {
    if (found.state === 'fresh') {
      if (this.#isDueEarly(found.entry, request.policy)) this.#refresh(request, found.entry, flight);
      return { entry: found.entry, source: 'l2', isStored: true, atMs };
    }
    if (found.state !== 'stale') return undefined;
    const refresh = refreshOf(request.policy, found.entry, this.core.backend.clock.nowMs());
    if (refresh !== 'background' && !this.#isBackingOff(request.key)) return undefined;
    this.#refresh(request, found.entry, flight);
    return staleOutcome(found.entry, 'refreshing');
  }

  /** What is answered when a load failed, or its error. */
  async #staleInstead(load: LoadRequest, error: unknown): Promise<Outcome> {
    const { flight } = load;
    if (flight.stale === undefined && !flight.isRefresh) throw error;
    this.#backoffUntilMs.set(flight.key, this.core.backend.clock.nowMs() + REFRESH_BACKOFF_MS);
    if (flight.stale === undefined || !(await this.#isStillServable(load))) throw error;
    return staleOutcome(flight.stale, 'error');
  }

  /** An invalidated value is never answered as stale: the one in hand must still be what Redis holds. */
  async #isStillServable(load: LoadRequest): Promise<boolean> {
    const { flight, policy, tags } = load;
    const { clock, maxStalenessMs, redis } = this.core.backend;
    const found = await this.#reader.read(flight.key, policy, { tags, isStrong: redis !== undefined });
    if (found.state === 'fresh' || found.state === 'stale') {
      flight.stale = found.entry;
      return true;
    }
    return found.state === 'unavailable' && !flight.isCut && clock.nowMs() < flight.staleReadAtMs + maxStalenessMs;
  }

  #isDueEarly(entry: Entry, policy: Policy): boolean {
    return policy.earlyBeta > 0 && this.core.backend.clock.nowMs() >= entry.hotUntilMs;
  }

  #isBackingOff(key: string): boolean {
    const untilMs = this.#backoffUntilMs.get(key);
    return untilMs !== undefined && this.core.backend.clock.nowMs() < untilMs;
  }

  /** Who waits keeps waiting; whoever comes now never joins. */
  #cutFlight(flight: Flight): void {
    flight.isCut = true;
    flight.isOpen = false;
  }
}

function refreshResult(outcome: Outcome | undefined): RefreshResult {
  if (outcome?.staleness !== undefined) return 'error';
  return outcome?.source === 'loader' ? 'success' : 'needless';
}

interface AfterLook {
  /** @param isCurrent see `ReadListener` */
  found(look: FirstLook, found: Found, isCurrent: boolean, atMs: number | undefined): void;
}

/** A call that waits for what Redis has. */
class FirstLook implements ReadListener {
  /** Another caller's read brings it. */
  isShared = false;

  constructor(
    private readonly after: AfterLook,
    readonly call: Call,
    readonly startedAtMs: number,
  ) {}

  found(found: Found, isCurrent: boolean, atMs: number | undefined): void {
    this.after.found(this, found, isCurrent, atMs);
  }

  failed(error: unknown): void {
    this.call.failed(error);
  }
}
