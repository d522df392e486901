import { AsyncResource } from 'node:async_hooks';
import type { Loader } from './entry-options.js';
import type { Caller, Flight, Outcome } from './flight.js';
import type { Policy } from './policy.js';

/** What a call asks for. */
export interface ReadRequest {
  readonly key: string;
  readonly policy: Policy;
  readonly loader: Loader<unknown>;
  /** Encoded tags known before the load. */
  readonly tags: readonly string[];
  readonly isStrong: boolean;
  /** Called when the answer depends on a load that somebody else has begun. */
  readonly onWait?: (() => void) | undefined;
}

/** A request, and who is told what became of it: once; must not throw. */
export interface Call extends ReadRequest {
  /**
   * The caller's async context. A reply brings what many callers wait for, in the context of one of them: whatever is the
   * application's, loaders above all, must not run there.
   */
  readonly context: AsyncResource;
  /** @param isShared another caller's read or flight brought it */
  arrived(outcome: Outcome, isShared: boolean): void;
  /** With what the loader threw, or with our error for the caller. */
  failed(error: unknown): void;
}

export interface CallCounter {
  /** Counts what a call got. */
  arrived(call: ReadRequest, outcome: Outcome, isShared: boolean, startedAtMs: number): void;
  /** Nothing was found, whatever became of the load. */
  failed(call: ReadRequest): void;
}

/** Made when a call is made, in its caller's context. */
export function callContext(): AsyncResource {
  return new AsyncResource('nestjs-rcache');
}

/** A call that waits for a flight. */
export class Passenger implements Caller {
  readonly #seenWhenJoined: number;

  constructor(
    private readonly call: Call,
    private readonly flight: Flight,
    private readonly isShared: boolean,
    private readonly enterAgain: (call: Call) => void,
  ) {
    this.#seenWhenJoined = flight.markersSeen;
  }

  get policy(): Policy {
    return this.call.policy;
  }

  landed(outcome: Outcome): void {
    const seen = this.#seenWhenJoined;
    // Whoever came after one of the entry's tags was invalidated must not get what was read or loaded before.
    if (seen > 0 && this.flight.hasMarkerBefore(seen, tagsOf(outcome))) this.enterAgain(this.call);
    else this.call.arrived(outcome, this.isShared);
  }

  crashed(error: unknown): void {
    this.call.failed(error);
  }
}

function tagsOf({ entry, valueTags = [] }: Outcome): string[] {
  return [...entry.grounds.ids.map(({ tag }) => tag), ...valueTags];
}
