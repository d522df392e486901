import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../time.js';

/** A connection whose oldest reply is owed for this long blocks what stands behind it, so another one may open. */
const PRESSURE_MS = 5;
/** An extra connection nobody used for this long is closed. */
const IDLE_MS = 30_000;

interface Member {
  client: Redis;
  owed: number;
  /** When the oldest unanswered operation was sent; meaningless while nothing is owed. */
  busySinceMs: number;
  idleSinceMs: number;
}

/**
 * The connections for reads and loads: one, and more only while a large or slow reply holds up the first
 * (head-of-line blocking). The first member is the connection whose health is the connection's health.
 */
export class DataPool {
  readonly #members: Member[] = [];
  #closed = false;

  constructor(
    private readonly options: RedisOptions,
    private readonly maxConnections: number,
    private readonly clock: Clock,
  ) {
    this.#members.push(this.#newMember());
  }

  get primary(): Redis {
    return (this.#members[0] as Member).client;
  }

  get size(): number {
    return this.#members.length;
  }

  async use<T>(operation: (client: Redis) => Promise<T>): Promise<T> {
    const member = this.#pick();
    if (member.owed === 0) member.busySinceMs = this.clock.nowMs();
    member.owed += 1;
    try {
      return await operation(member.client);
    } finally {
      member.owed -= 1;
      member.busySinceMs = member.idleSinceMs = this.clock.nowMs();
    }
  }

  close(): void {
    this.#closed = true;
    for (const { client } of this.#members) client.disconnect();
  }

  #pick(): Member {
    const primary = this.#members[0] as Member;
    if (primary.owed === 0 && this.#members.length === 1) return primary;
    const nowMs = this.clock.nowMs();
    let best = primary;
    let blocked = true;
    for (const member of this.#members) {
      if (member.client.status !== 'ready') continue;
      if (member.owed < best.owed) best = member;
      if (member.owed === 0 || nowMs - member.busySinceMs < PRESSURE_MS) blocked = false;
    }
    if (blocked) this.#grow();
    else this.#shrink(nowMs);
    return best;
  }

  #grow(): void {
    const opening = this.#members.some(({ client }) => client.status !== 'ready');
    if (opening || this.#closed || this.#members.length >= this.maxConnections) return;
    const member = this.#newMember();
    this.#members.push(member);
    member.client.on('close', () => {
      this.#remove(member);
    });
    member.client.connect().catch(() => {
      this.#remove(member);
    });
  }

  #shrink(nowMs: number): void {
    const last = this.#members.at(-1) as Member;
    if (this.#members.length > 1 && last.owed === 0 && nowMs - last.idleSinceMs > IDLE_MS) this.#remove(last);
  }

  #remove(member: Member): void {
    const index = this.#members.indexOf(member);
    if (index > 0) this.#members.splice(index, 1);
    member.client.disconnect();
  }

  #newMember(): Member {
    const client = new Redis(this.options);
    client.on('error', ignore);
    return { client, owed: 0, busySinceMs: 0, idleSinceMs: this.clock.nowMs() };
  }
}

/** Without a listener ioredis prints every connection error; the state of the connection already tells. */
function ignore(): void {}
