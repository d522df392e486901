import { Inject, Injectable, Optional } from '@nestjs/common';
import type { ConnectionStatus } from '../cache/backend-host.js';
import { CacheEngine } from '../cache/engine.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { CACHE_ENGINE, SESSION_CONNECTION } from '../tokens.js';
import { type Duration, systemClock, toTimeoutMs } from '../time.js';
import { AlertsService } from './alerts.service.js';
import { hitRatioOf, snapshotOf } from './metrics-snapshot.js';
import { RecentTroubles } from './recent-troubles.js';

export type HealthStatus = 'up' | 'degraded' | 'down';

export interface HealthOptions<Status extends HealthStatus = HealthStatus> {
  /**
   * The status while the cache answers without Redis, or Redis refuses what it is asked. Default `degraded`, which
   * Terminus 12 answers with 200; `down` where Redis is required (503); `up` for Terminus 11, which does not know
   * `degraded`.
   */
  withoutRedis?: Status;
  /** The longest wait for Redis, default 500 ms. What has not been answered by then is missing in the details. */
  deadline?: Duration;
}

export interface HealthDetails {
  /** Where values are kept: `redis`, `memory` (`connection: false`), or nowhere (`disabled`: loaders answer all). */
  mode: 'redis' | 'memory' | 'disabled';
  /** Why the status is not `up`. */
  message?: string;
  /** Share of requests answered from the cache, 0 to 1; missing before the first request. */
  hitRatio?: number;
  /** The memory tiers of this process. */
  memory: { entries: number; bytes: number };
  connections: Record<string, ConnectionHealth>;
  /** What is not broken and should be otherwise; missing when there is nothing. */
  warnings?: string[];
  /** Alerts that fire, if the module's option `alerts` looks for them; missing when there are none. */
  alerts?: string[];
}

export interface ConnectionHealth extends Omit<ConnectionStatus, 'name'> {
  /** Round trip in milliseconds. */
  latencyMs?: number;
  /** Keys in the database, all namespaces and other users included. */
  keys?: number;
  usedMemoryBytes?: number;
  /** 0 means no limit. */
  maxMemoryBytes?: number;
  /** What Redis does when it is full: `maxmemory-policy`. */
  evictionPolicy?: string;
}

/** The shape Terminus reads. Spelled here because that package need not be installed. */
export type RedisCacheHealthResult<Key extends string, Status extends HealthStatus> = Record<
  Key,
  { status: 'up' | Status } & HealthDetails
>;

/**
 * A health indicator for `@nestjs/terminus`. It always answers within its deadline, and never fails because of Redis:
 * a cache without Redis is slower, not broken.
 *
 *     this.health.check([() => this.redisCache.check('redisCache')])
 */
@Injectable()
export class RedisCacheHealthIndicator {
  readonly #troubles: RecentTroubles;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Optional() @Inject(AlertsService) private readonly alerts?: AlertsService,
    @Optional() @Inject(SESSION_CONNECTION) private readonly sessionConnection?: string,
  ) {
    this.#troubles = new RecentTroubles(engine.events, systemClock);
  }

  /**
   * For liveness: up as long as this process can answer. Redis is not asked, because restarting a process does not repair it.
   *
   * @param key the name under which the result appears
   */
  live<Key extends string>(key: Key): Record<Key, { status: 'up' }> {
    return { [key]: { status: 'up' } } as Record<Key, { status: 'up' }>;
  }

  /**
   * For readiness.
   *
   * @param key the name under which the result appears
   */
  async check<Key extends string, Status extends HealthStatus = 'degraded'>(
    key: Key,
    options: HealthOptions<Status> = {},
  ): Promise<RedisCacheHealthResult<Key, Status>> {
    const deadlineMs = toTimeoutMs(options.deadline ?? 500, 'deadline');
    const mode = this.#mode();
    const connections = await this.#connections(deadlineMs);
    const message = this.#problem(mode, connections, deadlineMs);
    const { caches } = snapshotOf(this.engine);
    const hitRatio = hitRatioOf(caches);
    const details: HealthDetails = {
      mode,
      ...(message === undefined ? {} : { message }),
      ...(hitRatio === undefined ? {} : { hitRatio }),
      memory: {
        entries: caches.reduce((total, { memory }) => total + memory.entries, 0),
        bytes: caches.reduce((total, { memory }) => total + memory.bytes, 0),
      },
      connections,
      ...listed('warnings', this.#warnings(connections)),
      ...listed('alerts', this.#firing()),
    };
    const withoutRedis = (options.withoutRedis ?? 'degraded') as Status;
    const status = message === undefined ? 'up' : withoutRedis;
    return { [key]: { status, ...details } } as RedisCacheHealthResult<Key, Status>;
  }

  #warnings(connections: Record<string, ConnectionHealth>): string[] {
    const name = this.sessionConnection;
    const policy = name === undefined ? undefined : connections[name]?.evictionPolicy;
    if (policy === undefined || policy === 'noeviction') return [];
    return [`"${name}" may lose sessions: its maxmemory-policy is ${policy}, which should be noeviction.`];
  }

  #firing(): string[] {
    const firing = (this.alerts?.active() ?? []).filter(({ state }) => state === 'firing');
    return firing.map(({ name, summary }) => `${name}: ${summary}`);
  }

  #mode(): HealthDetails['mode'] {
    if (!this.engine.isEnabled) return 'disabled';
    return this.engine.connection() === undefined ? 'memory' : 'redis';
  }

  async #connections(deadlineMs: number): Promise<Record<string, ConnectionHealth>> {
    const ended = new AbortController();
    const deadline = systemClock.sleep(deadlineMs, ended.signal);
    const entries = this.engine.connectionStates().map(async ({ name, ...status }) => {
      const health: ConnectionHealth = { ...status };
      const connection = this.engine.connection(name);
      if (connection !== undefined && status.isUp) await Promise.race([measure(connection, health), deadline]);
      // A copy, because what arrives after the deadline must not change an answer already given.
      return [name, { ...health }] as const;
    });
    try {
      return Object.fromEntries(await Promise.all(entries));
    } finally {
      ended.abort();
    }
  }

  #problem(
    mode: HealthDetails['mode'],
    connections: Record<string, ConnectionHealth>,
    deadlineMs: number,
  ): string | undefined {
    if (mode === 'disabled') return undefined;
    if (mode === 'memory') return 'There is no Redis: values are kept in the memory of this process only.';
    const unused: string[] = [];
    const refused: string[] = [];
    for (const [name, { isUp, latencyMs }] of Object.entries(connections)) {
      const refusal = this.#troubles.refusal(name);
      if (!isUp) unused.push(`"${name}" is down (${this.#troubles.cause(name)})`);
      else if (refusal !== undefined) refused.push(`"${name}" refused ${refusal.command} with ${refusal.reply}`);
      else if (latencyMs === undefined) unused.push(`"${name}" did not answer within ${deadlineMs} ms`);
    }
    const sentences = [
      ...(unused.length === 0 ? [] : [`Answering without Redis: ${unused.join(', ')}.`]),
      ...(refused.length === 0 ? [] : [`Redis answers and refuses: ${refused.join(', ')}.`]),
    ];
    return sentences.length === 0 ? undefined : sentences.join(' ');
  }
}

function listed<Name extends string>(name: Name, items: string[]): Partial<Record<Name, string[]>> {
  return items.length === 0 ? {} : ({ [name]: items } as Record<Name, string[]>);
}

/** One that evicts, if there is one: nodes of a cluster may differ. */
function worstPolicy(policies: readonly string[]): string {
  return policies.find((policy) => policy !== 'noeviction') ?? 'noeviction';
}

/** Fills in what Redis tells; what it does not tell stays missing. */
async function measure(connection: RedisConnection, health: ConnectionHealth): Promise<void> {
  await Promise.allSettled([
    connection.ping().then((ms) => {
      health.latencyMs = Math.round(ms * 1000) / 1000;
    }),
    connection.keyCount().then((keys) => {
      health.keys = keys;
    }),
    Promise.all(connection.shards.map(({ admin }) => admin.info('memory'))).then((infos) => {
      const sum = (field: string): number => infos.reduce((total, info) => total + Number(info.get(field)), 0);
      health.usedMemoryBytes = sum('used_memory');
      health.maxMemoryBytes = sum('maxmemory');
      health.evictionPolicy = worstPolicy(infos.map((info) => info.get('maxmemory_policy') ?? ''));
    }),
  ]);
}
