import { LoaderTimeoutError } from '../errors.js';
import type { Entry } from './memory-tier.js';
import type { Policy } from './policy.js';

/** What a caller leaves with. */
export interface Outcome {
  readonly entry: Entry;
  readonly source: 'l1' | 'l2' | 'loader';
  /** Why the answer is stale, if it is. */
  readonly staleness?: 'refreshing' | 'timeout' | 'error' | undefined;
  readonly isStored: boolean;
  /** When it was found, where that is known. */
  readonly atMs?: number | undefined;
  /** Tags the loader derived from its value; a caller who came after one of them was invalidated enters again. */
  readonly valueTags?: readonly string[];
}

/** Who waits for a flight. Told once; must not throw. */
export interface Caller {
  readonly policy: Policy;
  landed(outcome: Outcome): void;
  crashed(error: unknown): void;
}

interface Timers {
  readonly hard: NodeJS.Timeout;
  readonly soft: NodeJS.Timeout | undefined;
}

const MAX_MARKERS = 1000;
const NO_MARKERS: string[] = [];
const NO_CALLERS: Caller[] = [];

/**
 * One road to a value, shared by all callers of its key in this process: they join until an invalidation cuts it.
 * Reading Redis is bounded by its own deadline, so timers run only once the flight waits for a loader or a lease.
 */
export class Flight {
  isCut = false;
  /** Whether others may join it, or, of a refresh, whether it stands for any other; said by the road. */
  isOpen = false;
  /** Whether it waited for the load of another process. */
  hasWaited = false;
  /** Set by the road when others may join. */
  startedAtMs = 0;
  /** A stored value that may be answered when the loader is late or fails. */
  stale: Entry | undefined;
  staleReadAtMs = 0;
  /** Set by the road: whether `stale` is still what Redis holds. */
  isStaleServable: (() => Promise<boolean>) | undefined;
  /** Another flight of this key that is under way: see `Airborne`. */
  earlier: Flight | undefined;
  /** Few loaders look at their signal, and no reader does. */
  #controller: AbortController | undefined;
  #isAbandoned = false;
  #callers = NO_CALLERS;
  #markers = NO_MARKERS;
  #markersOverflowed = false;
  /** Of every caller, from when it became slow. */
  #timers: Map<Caller, Timers> | undefined;
  #isKept: boolean;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly key: string,
    /** Encoded tags it knows from the beginning. */
    readonly tags: readonly string[] = [],
    /** Set for a refresh in the background: the entry it is to replace. */
    readonly replaced?: Entry,
  ) {
    this.#isKept = this.isRefresh;
  }

  get isRefresh(): boolean {
    return this.replaced !== undefined;
  }

  /** Aborted when nobody is left who wants the result. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAbandoned) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** How many tag invalidations the flight had seen when a caller joined: its place in `hasMarkerBefore`. */
  get markersSeen(): number {
    return this.#markersOverflowed ? Infinity : this.#markers.length;
  }

  join(caller: Caller): void {
    // Most flights have one caller, and a list that grows takes room for many.
    if (this.#callers.length === 0) this.#callers = [caller];
    else this.#callers.push(caller);
    if (this.#timers !== undefined) this.#startTimers(this.#timers, caller);
  }

  /** From here on the flight may take as long as a loader takes. */
  becomesSlow(): void {
    if (this.#timers !== undefined) return;
    this.#timers = new Map();
    for (const caller of this.#callers) this.#startTimers(this.#timers, caller);
  }

  land(outcome: Outcome): void {
    this.#leave().forEach((caller) => {
      caller.landed(outcome);
    });
  }

  crash(error: unknown): void {
    for (const caller of this.#leave()) caller.crashed(error);
  }

  /** A refresh nobody waits for still ends, at its hard timeout. */
  abortAfter(ms: number): void {
    this.#timer = timer(() => {
      this.#abandon();
    }, ms);
  }

  /** It is over, whether or not anybody got something. */
  end(): void {
    clearTimeout(this.#timer);
  }

  noteMarker(tag: string): void {
    if (this.#markers.length >= MAX_MARKERS) this.#markersOverflowed = true;
    else if (this.#markers === NO_MARKERS) this.#markers = [tag];
    else this.#markers.push(tag);
  }

  noteGap(): void {
    this.#markersOverflowed = true;
  }

  /** Whether one of `tags` was invalidated during this flight, among the first `count` invalidations it saw. */
  hasMarkerBefore(count: number, tags: readonly string[]): boolean {
    if (this.#markersOverflowed) return count > 0;
    return this.#markers.slice(0, count).some((marker) => tags.includes(marker));
  }

  #abandon(): void {
    this.#isAbandoned = true;
    this.#controller?.abort();
  }

  #startTimers(timers: Map<Caller, Timers>, caller: Caller): void {
    const { hardTimeoutMs, softTimeoutMs } = caller.policy;
    const hard = timer(() => {
      this.#dismiss(caller);
      caller.crashed(new LoaderTimeoutError(this.key, hardTimeoutMs));
      if (this.#callers.length === 0 && !this.#isKept) this.#abandon();
    }, hardTimeoutMs);
    const soft =
      softTimeoutMs === undefined ? undefined : setTimeout(() => void this.#answerStale(caller), softTimeoutMs);
    timers.set(caller, { hard, soft });
  }

  async #answerStale(caller: Caller): Promise<void> {
    if (this.stale === undefined || !(await this.isStaleServable?.()) || !this.#dismiss(caller)) return;
    // The load goes on for the next reader, as a refresh would.
    this.#isKept = true;
    caller.landed({ entry: this.stale, source: 'l2', staleness: 'timeout', isStored: true });
  }

  /** @returns whether the caller still waited */
  #dismiss(caller: Caller): boolean {
    const index = this.#callers.indexOf(caller);
    if (index === -1) return false;
    this.#callers.splice(index, 1);
    this.#stopTimers(caller);
    return true;
  }

  #leave(): Caller[] {
    const callers = this.#callers;
    this.#callers = NO_CALLERS;
    if (this.#timers !== undefined) for (const timers of this.#timers.values()) stop(timers);
    this.#timers = undefined;
    return callers;
  }

  #stopTimers(caller: Caller): void {
    const timers = this.#timers?.get(caller);
    if (timers !== undefined) stop(timers);
    this.#timers?.delete(caller);
  }
}

function stop({ hard, soft }: Timers): void {
  clearTimeout(hard);
  clearTimeout(soft);
}

/** Does not keep a process alive that has nothing else to do. */
function timer(run: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(run, ms).unref();
}
