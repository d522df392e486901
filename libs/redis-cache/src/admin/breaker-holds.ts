import type { CacheEngine } from '../cache/engine.js';
import { InvalidArgumentError } from '../errors.js';
import type { HeldState } from '../redis/breaker.js';
import type { RedisConnection } from '../redis/redis-connection.js';

interface Hold {
  readonly state: HeldState;
  readonly untilMs: number;
  readonly timer: NodeJS.Timeout;
}

/** A breaker that somebody holds. */
export interface HeldBreaker {
  connection: string;
  state: HeldState;
  remainingMs: number;
}

/** Breakers of this process that an operator holds for a while. Each ends by itself. */
export class BreakerHolds {
  readonly #running = new Map<string, Hold>();

  constructor(private readonly engine: CacheEngine) {}

  states(): HeldBreaker[] {
    const nowMs = performance.now();
    return Array.from(this.#running, ([connection, { state, untilMs }]) => {
      return { connection, state, remainingMs: Math.max(0, Math.round(untilMs - nowMs)) };
    });
  }

  begin(name: string, state: HeldState, durationMs: number): void {
    const connection = this.of(name);
    clearTimeout(this.#running.get(name)?.timer);
    // One after the other, so that opening begins from where it is.
    connection.holdBreaker(state);
    const timer = setTimeout(() => {
      this.end(name);
    }, durationMs);
    timer.unref();
    this.#running.set(name, { state, untilMs: performance.now() + durationMs, timer });
  }

  end(name: string): void {
    clearTimeout(this.#running.get(name)?.timer);
    this.#running.delete(name);
    this.of(name).holdBreaker(undefined);
  }

  /** @throws InvalidArgumentError for a connection there is not, or that is none to Redis */
  of(name: string): RedisConnection {
    const connection = this.engine.connection(name);
    if (connection === undefined) throw new InvalidArgumentError(`Connection "${name}" leads to no Redis.`);
    return connection;
  }

  close(): void {
    for (const { timer } of this.#running.values()) clearTimeout(timer);
  }
}
