export type BreakerState = 'closed' | 'open' | 'half-open';

/** What somebody may hold it at. */
export type HeldState = 'open' | 'closed';

/** Consecutive unanswered operations that open the breaker; a lost connection opens it at once. */
const FAILURES_TO_OPEN = 5;

/**
 * Keeps callers from waiting for a Redis that does not answer. Only silence counts: an error reply is an answer. It
 * closes when the owner has probed and recovered the connection; no user's request is ever the probe.
 */
export class Breaker {
  #state: BreakerState = 'open';
  #failures = 0;
  #held: HeldState | undefined;

  constructor(private readonly onChange: (state: BreakerState, reason: string) => void) {}

  get state(): BreakerState {
    return this.#state;
  }

  get held(): HeldState | undefined {
    return this.#held;
  }

  /** Open until told otherwise; or, where it is closed, not opened by silence. `undefined`: as it goes. */
  hold(state: HeldState | undefined): void {
    this.#held = state;
    if (state === 'open') this.open('held open by hand');
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(reason: string): void {
    this.#failures += 1;
    if (this.#failures >= FAILURES_TO_OPEN && this.#held !== 'closed') this.open(reason);
  }

  open(reason: string): void {
    this.#change('open', reason);
  }

  halfOpen(reason: string): void {
    this.#change('half-open', reason);
  }

  close(reason: string): void {
    this.#failures = 0;
    this.#change('closed', reason);
  }

  #change(state: BreakerState, reason: string): void {
    if (this.#state === state || (this.#held === 'open' && state !== 'open')) return;
    this.#state = state;
    this.onChange(state, reason);
  }
}
