import type { AsyncResource } from 'node:async_hooks';
import type { Call, CallCounter } from './call.js';
import type { LoadContext, Loader } from './entry-options.js';
import type { Outcome } from './flight.js';
import type { Policy } from './policy.js';

/** Who asks for many keys, each of which has its place in a list. */
export interface CallBatch {
  /** The loader of one key. */
  load(index: number, context: LoadContext): unknown;
  /** The key depends on a load that somebody else has begun. */
  waits(index: number): void;
  arrived(index: number, value: unknown): void;
  failed(index: number, error: unknown): void;
}

/** What all calls of a batch have in common. */
export interface BatchTerms {
  readonly batch: CallBatch;
  readonly policy: Policy;
  readonly tags: readonly string[];
  readonly isStrong: boolean;
  readonly asCopy: boolean;
  readonly context: AsyncResource;
  readonly startedAtMs: number;
  readonly count: CallCounter;
}

/** One key of a batch. Most are hits: what only a load needs is made when a load asks for it. */
export class BatchedCall implements Call {
  constructor(
    readonly key: string,
    private readonly index: number,
    private readonly terms: BatchTerms,
  ) {}

  get context(): AsyncResource {
    return this.terms.context;
  }

  get policy(): Policy {
    return this.terms.policy;
  }

  get tags(): readonly string[] {
    return this.terms.tags;
  }

  get isStrong(): boolean {
    return this.terms.isStrong;
  }

  get loader(): Loader<unknown> {
    return (context) => this.terms.batch.load(this.index, context);
  }

  get onWait(): () => void {
    return () => {
      this.terms.batch.waits(this.index);
    };
  }

  arrived(outcome: Outcome, isShared: boolean): void {
    const { batch, count, asCopy, startedAtMs } = this.terms;
    try {
      count.arrived(this, outcome, isShared, startedAtMs);
      batch.arrived(this.index, outcome.entry.take(asCopy));
    } catch (error) {
      batch.failed(this.index, error);
    }
  }

  failed(error: unknown): void {
    this.terms.count.failed(this);
    this.refused(error);
  }

  /** Where there is no cache. */
  uncached(value: unknown): void {
    this.terms.batch.arrived(this.index, value);
  }

  /** Not a miss: nothing was looked for. */
  refused(error: unknown): void {
    this.terms.batch.failed(this.index, error);
  }
}
