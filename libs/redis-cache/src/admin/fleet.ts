import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { CacheEngine } from '../cache/engine.js';
import { isUnanswered } from '../cache/backend.js';
import type { EventCounts } from '../ops/event-counts.js';
import { Keyspace } from '../redis/keyspace.js';
import { Script } from '../redis/script.js';
import type { HeldBreaker } from './breaker-holds.js';
import { type Orders, ordersOf } from './bypasses.js';
import { type FleetReport, parseReport, reportOf } from './fleet-report.js';

/** A process that was not heard of for so long is gone. */
const LIFETIME_MS = 20_000;
/** More are not added up; the page says so. */
const MAX_PROCESSES = 64;

/**
 * Leaves the report of one process and takes those of all, which must be those of one instant. KEYS: index of processes,
 * the report, the secret, the orders, all in one slot; the other reports lie there too. ARGV: id, report, lifetime in ms, a
 * secret if there is none, most reports. Reply: the secret, the time in ms, the orders, then the reports, `nil` for one
 * that is gone.
 */
const EXCHANGE = new Script(
  'admin-exchange',
  4,
  `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SET', KEYS[3], ARGV[4], 'NX', 'PX', 86400000)
redis.call('PEXPIRE', KEYS[3], 86400000)
local reply = { redis.call('GET', KEYS[3]), tostring(now), redis.call('GET', KEYS[4]) or '{}' }
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[5] - 1)) do
  reply[#reply + 1] = redis.call('GET', KEYS[1] .. ':' .. id)
end
return reply`,
);

/**
 * Orders all processes to bypass a cache, or to end that; orders whose time is over go. KEYS: the orders, JSON of their ends
 * in ms by cache. ARGV: cache, duration in ms, 0 to end it. One turn, so that no order is lost.
 */
const ORDER = new Script(
  'admin-order',
  1,
  `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local orders = cjson.decode(redis.call('GET', KEYS[1]) or '{}')
orders[ARGV[1]] = now + ARGV[2]
local last = now
for cache, ending in pairs(orders) do
  if ending <= now then orders[cache] = nil end
  if ending > last then last = ending end
end
if last > now then redis.call('SET', KEYS[1], cjson.encode(orders), 'PX', last - now)
else redis.call('UNLINK', KEYS[1]) end
return 1`,
);

/** What all processes of the application tell, through Redis. Without Redis it is what this one tells. */
export class Fleet {
  readonly id = randomBytes(9).toString('base64url');
  readonly #ownSecret = randomBytes(32).toString('base64url');
  readonly #index: string;
  #secret = this.#ownSecret;
  #reports: readonly FleetReport[] = [];
  #isWhole = false;

  constructor(
    private readonly engine: CacheEngine,
    private readonly counts: EventCounts,
  ) {
    this.#index = new Keyspace(engine.namespace).fleet;
  }

  /** Of each process, as last exchanged. */
  get reports(): readonly FleetReport[] {
    return this.#reports;
  }

  /** Whether the others were asked at the last exchange. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Known to all processes, and to nobody who cannot read the cache in Redis anyway. */
  get secret(): string {
    return this.#secret;
  }

  /**
   * Tells the others about this process, and learns of them. Never rejects because of Redis.
   *
   * @returns the caches all processes are to bypass; `undefined` when Redis could not be asked
   */
  async exchange(holds: readonly HeldBreaker[] = []): Promise<Orders | undefined> {
    const own = this.#own(holds);
    const told = await this.#ask(own);
    this.#isWhole = told !== undefined;
    this.#reports = [own, ...(told?.others ?? [])];
    return told?.orders;
  }

  /** Orders all processes to bypass a cache, for 0 ms to end that. @returns whether Redis will tell them */
  async order(cache: string, durationMs: number): Promise<boolean> {
    const connection = this.engine.connection();
    if (connection?.isUp !== true) return false;
    try {
      await connection.run('control', ORDER, [`${this.#index}:orders`, cache, durationMs]);
      return true;
    } catch (error) {
      if (isUnanswered(error)) return false;
      throw error;
    }
  }

  #own(holds: readonly HeldBreaker[]): FleetReport {
    const uptimeMs = Math.round(process.uptime() * 1000);
    return reportOf(this.engine, this.counts, { id: this.id, host: hostname(), pid: process.pid, uptimeMs, holds });
  }

  async #ask(own: FleetReport): Promise<{ others: FleetReport[]; orders: Orders } | undefined> {
    const connection = this.engine.connection();
    if (connection?.isUp !== true) return undefined;
    try {
      const reply = (await connection.run('control', EXCHANGE, [
        this.#index,
        `${this.#index}:${this.id}`,
        `${this.#index}:secret`,
        `${this.#index}:orders`,
        this.id,
        JSON.stringify(own),
        LIFETIME_MS,
        this.#ownSecret,
        MAX_PROCESSES,
      ])) as (Buffer | null)[];
      const [secret, nowMs, orders, ...reports] = reply.map((each) => each?.toString());
      if (secret !== undefined) this.#secret = secret;
      const others = reports
        .flatMap((report) => (report === undefined ? [] : (parseReport(report) ?? [])))
        .filter(({ id }) => id !== this.id);
      return { others, orders: ordersOf(orders ?? '', Number(nowMs)) };
    } catch (error) {
      if (isUnanswered(error)) return undefined;
      throw error;
    }
  }
}
