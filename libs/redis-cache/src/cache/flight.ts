import { LoaderTimeoutError } from '../errors.js';
import type { Entry } from './entry.js';
import type { Policy } from './policy.js';

/** What a caller leaves with. */
export interface Outcome {
  readonly entry: Entry;
  readonly source: 'l1' | 'l2' | 'loader';
  /** Why the answer is stale, if it is. */
  readonly staleness?: 'refreshing' | 'timeout' | 'error';
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

/** A caller, and the timers that run for it once the flight is slow. */
interface Seat {
  readonly caller: Caller;
  hard: NodeJS.Timeout | undefined;
  soft: NodeJS.Timeout | undefined;
}

const MAX_MARKERS = 1000;
const NO_MARKERS: string[] = [];
const NO_SEATS: Seat[] = [];

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
  #seats = NO_SEATS;
  #isSlow = false;
  #hasNews = false;
  #onNews: (() => void) | undefined;
  #markers = NO_MARKERS;
  #markersOverflowed = false;
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
    const seat: Seat = { caller, hard: undefined, soft: undefined };
    // Most flights have one caller, and a list that grows takes room for many.
    if (this.#seats.length === 0) this.#seats = [seat];
    else this.#seats.push(seat);
    if (this.#isSlow) this.#startTimers(seat);
  }

  /** From here on the flight may take as long as a loader takes. */
  becomesSlow(): void {
    if (this.#isSlow) return;
    this.#isSlow = true;
    for (const seat of this.#seats) this.#startTimers(seat);
  }

  /** Begins to listen for news of the key: before it is asked who has the lease, or the news may come before the answer. */
  listen(): void {
    this.#hasNews = false;
  }

  /** A load of the key has ended, or its entry has changed. */
  hearNews(): void {
    this.#hasNews = true;
    this.#onNews?.();
  }

  /** Resolves at news that came since it began to listen, after `ms`, or when nobody is left who wants the result. */
  async news(ms: number): Promise<void> {
    const { signal } = this;
    if (this.#hasNews || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timeout = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.#onNews = done;
      function done(): void {
        clearTimeout(timeout);
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }

  land(outcome: Outcome): void {
    for (const { caller } of this.#leave()) caller.landed(outcome);
  }

  crash(error: unknown): void {
    for (const { caller } of this.#leave()) caller.crashed(error);
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

  #startTimers(seat: Seat): void {
    const { caller } = seat;
    const { hardTimeoutMs, softTimeoutMs } = caller.policy;
    seat.hard = timer(() => {
      this.#dismiss(seat);
      caller.crashed(new LoaderTimeoutError(this.key, hardTimeoutMs));
      if (this.#seats.length === 0 && !this.#isKept) this.#abandon();
    }, hardTimeoutMs);
    if (softTimeoutMs !== undefined) seat.soft = setTimeout(() => void this.#answerStale(seat), softTimeoutMs);
  }

  async #answerStale(seat: Seat): Promise<void> {
    if (this.stale === undefined || !(await this.isStaleServable?.()) || !this.#dismiss(seat)) return;
    // The load goes on for the next reader, as a refresh would.
    this.#isKept = true;
    seat.caller.landed({ entry: this.stale, source: 'l2', staleness: 'timeout', isStored: true });
  }

  /** @returns whether the caller still waited */
  #dismiss(seat: Seat): boolean {
    const index = this.#seats.indexOf(seat);
    if (index === -1) return false;
    this.#seats.splice(index, 1);
    stop(seat);
    return true;
  }

  #leave(): readonly Seat[] {
    const seats = this.#seats;
    this.#seats = NO_SEATS;
    if (this.#isSlow) for (const seat of seats) stop(seat);
    return seats;
  }
}

function stop({ hard, soft }: Seat): void {
  clearTimeout(hard);
  if (soft !== undefined) clearTimeout(soft);
}

/** Does not keep a process alive that has nothing else to do. */
function timer(run: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(run, ms).unref();
}
