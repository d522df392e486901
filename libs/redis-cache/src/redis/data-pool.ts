import type { Redis } from 'ioredis';
import type { Clock } from '../time.js';

/**
 * A connection that gave no reply for this long, besides the round trip, blocks what stands behind it, so another one may
 * open. At 1 ms timers alone open connections that help nobody (bench/pool.mjs).
 */
const PRESSURE_MS = 5;
/** An extra connection nobody used for this long is closed. */
const IDLE_MS = 30_000;

/** Where the connections come from. */
export interface ClientSource {
  create(): Redis;
  /** Ends a client for good. */
  discard(client: Redis): void;
  /** Rejects for a client that leads to another server than the first one. */
  check(client: Redis): Promise<void>;
}

interface Member {
  client: Redis;
  /** Connected, and to the same server as the first. */
  isUsable: boolean;
  owed: number;
  /** When it last gave a reply, or was asked after it owed none; meaningless while nothing is owed. */
  busySinceMs: number;
  idleSinceMs: number;
}

/**
 * The connections for reads and loads: one, and more only while a large or slow reply holds up the first
 * (head-of-line blocking). The first member is the connection whose health is the connection's health.
 */
export class DataPool {
  readonly #members: Member[] = [];
  /** The quickest reply so far: what the way to Redis and back takes, which more connections cannot shorten. */
  #roundTripMs = Infinity;
  #isLookingAgain = false;
  #closed = false;

  constructor(
    private readonly source: ClientSource,
    private readonly maxConnections: number,
    private readonly clock: Clock,
  ) {
    const first = this.#newMember();
    first.isUsable = true;
    this.#members.push(first);
  }

  get primary(): Redis {
    return (this.#members[0] as Member).client;
  }

  get size(): number {
    return this.#members.length;
  }

  async use<T>(operation: (client: Redis) => Promise<T>): Promise<T> {
    const member = this.#pick();
    const sentAtMs = this.clock.nowMs();
    if (member.owed === 0) member.busySinceMs = sentAtMs;
    member.owed += 1;
    try {
      const reply = await operation(member.client);
      this.#roundTripMs = Math.min(this.#roundTripMs, this.clock.nowMs() - sentAtMs);
      return reply;
    } finally {
      member.owed -= 1;
      member.busySinceMs = member.idleSinceMs = this.clock.nowMs();
    }
  }

  close(): void {
    this.#closed = true;
    for (const { client } of this.#members) this.source.discard(client);
  }

  /** Keeps the first connection only, and measures the way to Redis anew: it may lead elsewhere from now on. */
  dropExtras(): void {
    this.#roundTripMs = Infinity;
    for (const member of this.#members.slice(1)) this.#remove(member);
  }

  #pick(): Member {
    const primary = this.#members[0] as Member;
    if (primary.owed === 0 && this.#members.length === 1) return primary;
    const nowMs = this.clock.nowMs();
    let best = primary;
    for (const member of this.#members) {
      if (member.isUsable && member.owed < best.owed) best = member;
    }
    if (this.#isBlocked(nowMs)) this.#lookAgain();
    else this.#shrink(nowMs);
    return best;
  }

  #isBlocked(nowMs: number): boolean {
    const sinceMs = nowMs - PRESSURE_MS - this.#roundTripMs;
    return this.#members.every(({ isUsable, owed, busySinceMs }) => !isUsable || (owed > 0 && busySinceMs <= sinceMs));
  }

  /** Grows if replies are missing even after the sockets were read: a process that was busy finds its replies there. */
  #lookAgain(): void {
    if (this.#isLookingAgain || this.#members.length >= this.maxConnections) return;
    this.#isLookingAgain = true;
    const look = (): void => {
      this.#isLookingAgain = false;
      if (this.#isBlocked(this.clock.nowMs())) this.#grow();
    };
    // The first may run before the sockets are polled again, the second comes after that.
    setImmediate(() => setImmediate(look));
  }

  #grow(): void {
    const opening = this.#members.some(({ isUsable }) => !isUsable);
    if (opening || this.#closed) return;
    const member = this.#newMember();
    this.#members.push(member);
    member.client.on('close', () => {
      this.#remove(member);
    });
    member.client
      .connect()
      .then(() => this.source.check(member.client))
      .then(
        () => {
          member.isUsable = true;
        },
        () => {
          this.#remove(member);
        },
      );
  }

  #shrink(nowMs: number): void {
    const last = this.#members.at(-1) as Member;
    if (this.#members.length > 1 && last.owed === 0 && nowMs - last.idleSinceMs > IDLE_MS) this.#remove(last);
  }

  #remove(member: Member): void {
    const index = this.#members.indexOf(member);
    if (index > 0) this.#members.splice(index, 1);
    this.source.discard(member.client);
  }

  #newMember(): Member {
    const client = this.source.create();
    return { client, isUsable: false, owed: 0, busySinceMs: 0, idleSinceMs: this.clock.nowMs() };
  }
}
