import { type Call, type CallCounter, callContext } from './call.js';
import type { Loader } from './entry-options.js';
import type { Outcome } from './flight.js';
import type { Policy } from './policy.js';

/** What callers leave with. */
export interface Departure<T, Answer> {
  /** @param isShared another caller's read or flight brought it */
  arrived(outcome: Outcome, isShared: boolean): Answer;
  /** Where there is no cache. */
  uncached(value: T): Answer;
}

/** A call whose caller waits for a promise. */
export class AnsweredCall<T, Answer> implements Call {
  readonly context = callContext();

  constructor(
    private readonly count: CallCounter,
    readonly key: string,
    readonly policy: Policy,
    readonly loader: Loader<unknown>,
    readonly tags: readonly string[],
    readonly isStrong: boolean,
    private readonly startedAtMs: number,
    private readonly departure: Departure<T, Answer>,
    private readonly resolve: (answer: Answer) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  arrived(outcome: Outcome, isShared: boolean): void {
    try {
      this.count.arrived(this, outcome, isShared, this.startedAtMs);
      this.resolve(this.departure.arrived(outcome, isShared));
    } catch (error) {
      this.reject(error);
    }
  }

  failed(error: unknown): void {
    this.count.failed(this);
    this.reject(error);
  }
}
