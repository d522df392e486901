import { LoaderTimeoutError } from '../errors.js';
import type { Entry } from './memory-tier.js';
import type { Policy } from './policy.js';

/** What a caller leaves with. */
export interface Outcome {
  readonly entry: Entry;
  readonly source: 'l1' | 'l2' | 'loader';
  /** Why the answer is stale, if it is. */
  readonly staleness?: 'refreshing' | 'timeout' | 'error';
  readonly isStored: boolean;
  /** Tags the loader derived from its value; a caller who came after one of them was invalidated enters again. */
  readonly valueTags?: readonly string[];
}

interface Caller {
  policy: Policy;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
  timers: NodeJS.Timeout[];
}

const MAX_MARKERS = 1000;

/**
 * One road to a value, shared by all callers of its key in this process: they join until an invalidation cuts it.
 * Reading Redis is bounded by its own deadline, so timers run only once the flight waits for a loader or a lease.
 */
export class Flight {
  isCut = false;
  /** Set by the road when others may join. */
  startedAtMs = 0;
  /** A stored value that may be answered when the loader is late or fails. */
  stale: Entry | undefined;
  staleReadAtMs = 0;
  /** Set by the road: whether `stale` is still what Redis holds. */
  isStaleServable: () => Promise<boolean> = () => Promise.resolve(false);
  readonly #abort = new AbortController();
  readonly #callers = new Set<Caller>();
  readonly #markers: string[] = [];
  #markersOverflowed = false;
  #isSlow = false;
  #isKept: boolean;

  constructor(
    readonly key: string,
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
    return this.#abort.signal;
  }

  get isAbandoned(): boolean {
    return this.#abort.signal.aborted;
  }

  /** How many tag invalidations the flight had seen when a caller joined: its place in `hasMarkerBefore`. */
  get markersSeen(): number {
    return this.#markersOverflowed ? Infinity : this.#markers.length;
  }

  join(policy: Policy): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const caller: Caller = { policy, resolve, reject, timers: [] };
      this.#callers.add(caller);
      if (this.#isSlow) this.#startTimers(caller);
    });
  }

  /** From here on the flight may take as long as a loader takes. */
  becomesSlow(): void {
    if (this.#isSlow) return;
    this.#isSlow = true;
    for (const caller of this.#callers) this.#startTimers(caller);
  }

  land(outcome: Outcome): void {
    for (const caller of this.#leave()) caller.resolve(outcome);
  }

  crash(error: unknown): void {
    for (const caller of this.#leave()) caller.reject(error);
  }

  /** A refresh nobody waits for still ends, at its hard timeout. */
  abortAfter(ms: number): NodeJS.Timeout {
    return timer(() => {
      this.#abort.abort();
    }, ms);
  }

  noteMarker(tag: string): void {
    if (this.#markers.length >= MAX_MARKERS) this.#markersOverflowed = true;
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

  #startTimers(caller: Caller): void {
    const { hardTimeoutMs, softTimeoutMs } = caller.policy;
    caller.timers.push(
      timer(() => {
        this.#callers.delete(caller);
        clear(caller);
        caller.reject(new LoaderTimeoutError(this.key, hardTimeoutMs));
        if (this.#callers.size === 0 && !this.#isKept) this.#abort.abort();
      }, hardTimeoutMs),
    );
    if (softTimeoutMs === undefined) return;
    caller.timers.push(setTimeout(() => void this.#answerStale(caller), softTimeoutMs));
  }

  async #answerStale(caller: Caller): Promise<void> {
    if (this.stale === undefined || !(await this.isStaleServable()) || !this.#callers.delete(caller)) return;
    clear(caller);
    // The load goes on for the next reader, as a refresh would.
    this.#isKept = true;
    caller.resolve({ entry: this.stale, source: 'l2', staleness: 'timeout', isStored: true });
  }

  #leave(): Caller[] {
    const callers = [...this.#callers];
    this.#callers.clear();
    for (const caller of callers) clear(caller);
    return callers;
  }
}

/** Does not keep a process alive that has nothing else to do. */
function timer(run: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(run, ms).unref();
}

function clear(caller: Caller): void {
  for (const timer of caller.timers) clearTimeout(timer);
}
