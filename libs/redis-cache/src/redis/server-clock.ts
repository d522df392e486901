import type { Clock } from '../time.js';

/**
 * The clock of a Redis server as seen from here, so that no two application machines ever compare clocks. Holds the
 * offset between the server's `TIME` and our monotonic clock; half the round trip is taken off, so the error is at most
 * that half.
 */
export class ServerClock {
  #offsetMs: number | undefined;

  constructor(private readonly clock: Clock) {}

  get isKnown(): boolean {
    return this.#offsetMs !== undefined;
  }

  /** `reply` is the answer of `TIME`; the two instants are monotonic, before sending and after receiving. */
  measured(reply: readonly [seconds: unknown, microseconds: unknown], sentAtMs: number, receivedAtMs: number): void {
    const serverMs = Number(reply[0]) * 1000 + Number(reply[1]) / 1000;
    if (Number.isFinite(serverMs)) this.#offsetMs = serverMs - (sentAtMs + receivedAtMs) / 2;
  }

  /** Milliseconds since the epoch by the server's clock; by ours as long as the server has not been asked. */
  nowMs(): number {
    return this.#offsetMs === undefined ? Date.now() : this.clock.nowMs() + this.#offsetMs;
  }

  /** The server's instant that corresponds to a monotonic one here. */
  toServerMs(localAtMs: number): number {
    return localAtMs + this.#offset();
  }

  /** The monotonic instant here that corresponds to an instant of the server. */
  toLocalMs(serverAtMs: number): number {
    return serverAtMs - this.#offset();
  }

  #offset(): number {
    return this.#offsetMs ?? Date.now() - this.clock.nowMs();
  }
}
