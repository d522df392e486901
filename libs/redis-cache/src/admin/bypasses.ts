import { isOptions } from '../arguments.js';
import type { CacheEngine } from '../cache/engine.js';

/** How long each cache is to be bypassed from now on, in milliseconds. */
export type Orders = ReadonlyMap<string, number>;

interface Bypass {
  readonly untilMs: number;
  /** Ordered here while Redis could not tell the others. */
  readonly isOwn: boolean;
  readonly timer: NodeJS.Timeout;
}

const MOST_MS = 3_600_000;
/** What a process says it has left and what Redis says differ by the time of a round trip. */
const TOLERANCE_MS = 1_000;

/** Caches that loaders answer for a while, by order of an operator. Each ends by itself. */
export class Bypasses {
  readonly #running = new Map<string, Bypass>();

  constructor(private readonly engine: CacheEngine) {}

  /** How long each goes on, and whether the other processes were told. */
  states(): { cache: string; remainingMs: number; isEverywhere: boolean }[] {
    const nowMs = performance.now();
    return Array.from(this.#running, ([cache, { untilMs, isOwn }]) => {
      return { cache, remainingMs: Math.max(0, Math.round(untilMs - nowMs)), isEverywhere: !isOwn };
    });
  }

  begin(cache: string, durationMs: number, isOwn: boolean): void {
    const known = this.engine.caches().find(({ name }) => name === cache);
    if (known === undefined) return;
    clearTimeout(this.#running.get(cache)?.timer);
    const timer = setTimeout(() => {
      this.end(cache);
    }, durationMs);
    timer.unref();
    known.isBypassed = true;
    this.#running.set(cache, { untilMs: performance.now() + durationMs, isOwn, timer });
  }

  end(cache: string): void {
    clearTimeout(this.#running.get(cache)?.timer);
    this.#running.delete(cache);
    const known = this.engine.caches().find(({ name }) => name === cache);
    if (known !== undefined) known.isBypassed = false;
  }

  /** Follows what Redis says is ordered now. */
  follow(orders: Orders): void {
    for (const [cache, leftMs] of orders) {
      const running = this.#running.get(cache);
      const isKnown = running !== undefined && Math.abs(running.untilMs - performance.now() - leftMs) < TOLERANCE_MS;
      if (leftMs > 0 && !isKnown) this.begin(cache, Math.min(leftMs, MOST_MS), false);
    }
    for (const [cache, { isOwn }] of [...this.#running]) if (!isOwn && !orders.has(cache)) this.end(cache);
  }

  close(): void {
    for (const { timer } of this.#running.values()) clearTimeout(timer);
  }
}

/** Reads what stands in Redis: JSON of the ends by cache, in the time of the server. What is none of ours is no order. */
export function ordersOf(text: string, serverNowMs: number): Orders {
  let ends: unknown;
  try {
    ends = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (!isOptions(ends)) return new Map();
  const left = Object.entries(ends).map(([cache, untilMs]): [string, number] => [cache, Number(untilMs) - serverNowMs]);
  return new Map(left.filter(([, leftMs]) => leftMs > 0));
}
