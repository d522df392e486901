import type { EventChannel } from '../events.js';
import type { BreakerState } from '../redis/breaker.js';
import { type ConnectionOptions, timeoutsOf } from '../redis/connection-options.js';
import { Journal } from '../redis/journal.js';
import { Keyspace, NAMESPACE_TAG } from '../redis/keyspace.js';
import { LinkConnection } from '../redis/link-connection.js';
import { MergedReads } from '../redis/merged-reads.js';
import { RedisConnection } from '../redis/redis-connection.js';
import { ServerClock } from '../redis/server-clock.js';
import type { Clock } from '../time.js';
import type { Backend } from './backend.js';
import { Coherence } from './coherence.js';
import { LocalTagIds } from './local-tag-ids.js';
import { RedisTier } from './redis-tier.js';
import { REREAD_INTERVAL_MS, TagTable } from './tag-table.js';

export interface ConnectionStatus {
  readonly name: string;
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /** Whether Redis is being used. */
  readonly isUp: boolean;
  readonly breaker: BreakerState;
  /** `trusted`: memory tiers answer. `armed`: changes are announced, trust has not begun. `off`: neither. */
  readonly link: 'off' | 'armed' | 'trusted';
  /** Invalidations waiting for Redis. */
  readonly journaled: number;
  readonly connections: number;
}

interface Shared {
  namespace: string;
  clock: Clock;
  events: EventChannel;
  maxTtlMs: number;
  maxStalenessMs: number;
  heartbeatMs: number;
}

/** Invalidations Redis refused although it answers reads are tried again this often. */
const JOURNAL_RETRY_MS = 250;

interface RedisParts {
  connection: RedisConnection;
  link: LinkConnection;
  journal: Journal;
  tier: RedisTier;
  /** Whether tracking is on. */
  isArmed: boolean;
}

/** Builds and owns what stands behind the caches of one connection. */
export class BackendHost {
  readonly backend: Backend;
  readonly #redis: RedisParts | undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly name: string,
    private readonly options: ConnectionOptions | false,
    private readonly shared: Shared,
  ) {
    const { backend, redis } = options === false ? this.#alone() : this.#connected(options);
    this.backend = backend;
    this.#redis = redis;
  }

  get connection(): RedisConnection | undefined {
    return this.#redis?.connection;
  }

  status(): ConnectionStatus | undefined {
    if (this.#redis === undefined || this.options === false) return undefined;
    const { connection, journal, isArmed } = this.#redis;
    return {
      name: this.name,
      mode: this.options.cluster ? 'cluster' : this.options.sentinels ? 'sentinel' : 'standalone',
      isUp: connection.isUp,
      breaker: connection.breakerState,
      link: this.backend.coherence.isTrusted ? 'trusted' : isArmed ? 'armed' : 'off',
      journaled: journal.queued,
      connections: connection.connections,
    };
  }

  async start(budgetMs: number): Promise<boolean> {
    if (this.#redis === undefined) return true;
    const { connection, journal, tier } = this.#redis;
    this.#every(JOURNAL_RETRY_MS, async () => {
      if (connection.isUp && journal.queued > 0) await journal.replay((item) => tier.replay(item), false);
    });
    this.#every(REREAD_INTERVAL_MS, () => this.backend.tagTable.reread());
    return connection.start(budgetMs);
  }

  /** Within the time one command may take, whatever Redis does. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    if (this.#redis?.connection.isUp === true) await this.backend.coherence.abortLoads();
    this.#redis?.link.stop('closed');
    this.#redis?.connection.close();
  }

  #alone(): { backend: Backend; redis: undefined } {
    const { clock, events, maxTtlMs, maxStalenessMs, namespace } = this.shared;
    const tagTable = new TagTable(new LocalTagIds());
    const coherence = new Coherence(this.name, new Keyspace(namespace), tagTable, maxStalenessMs, clock, events, true);
    tagTable.useTickets(coherence);
    const serverClock = new ServerClock(clock);
    return {
      backend: {
        connectionName: this.name,
        clock,
        serverClock,
        events,
        coherence,
        tagTable,
        redis: undefined,
        maxTtlMs,
        maxStalenessMs,
      },
      redis: undefined,
    };
  }

  #connected(options: ConnectionOptions): { backend: Backend; redis: RedisParts } {
    const { clock, events, maxTtlMs, maxStalenessMs, heartbeatMs, namespace } = this.shared;
    const keyspace = new Keyspace(namespace);
    const connection = new RedisConnection(this.name, options, clock, events);
    const tier = new RedisTier(connection, new MergedReads(connection), keyspace, maxTtlMs);
    const journal = new Journal(this.name, { kind: 'tag', name: NAMESPACE_TAG }, clock, events);
    const tagTable = new TagTable(tier);
    const coherence = new Coherence(this.name, keyspace, tagTable, maxStalenessMs, clock, events, false);
    tagTable.useTickets(coherence);
    const link = new LinkConnection(
      connection.newLinkClient(),
      keyspace.watchedPrefixes,
      heartbeatMs,
      () => connection.confirm(),
      clock,
      {
        onKeys: (keys) => {
          coherence.onKeys(keys);
        },
        onArmed: () => {
          parts.isArmed = true;
          coherence.onArmed();
        },
        onGap: (reason) => {
          parts.isArmed = false;
          coherence.onGap(reason);
        },
        onProven: (provenAtMs) => {
          coherence.onProven(provenAtMs);
        },
      },
    );
    const parts: RedisParts = { connection, link, journal, tier, isArmed: false };
    coherence.useProof(() => link.provenNow());
    // Before anything stored is believed again: what we invalidated meanwhile, and, on another server, of late.
    connection.onRecover((server) => journal.replay((item) => tier.replay(item), server.changed));
    connection.onStateChange((isUp) => {
      // Nothing heard before a recovery proves anything about the server that was recovered.
      if (isUp) link.start();
      else link.stop('Redis is not used');
    });
    const redis = { tier, journal, controlTimeoutMs: timeoutsOf(options).controlMs };
    const backend: Backend = {
      connectionName: this.name,
      clock,
      serverClock: connection.serverClock,
      events,
      coherence,
      tagTable,
      redis,
      maxTtlMs,
      maxStalenessMs,
    };
    return { backend, redis: parts };
  }

  #every(ms: number, work: () => Promise<void>): void {
    let isRunning = false;
    const timer = setInterval(() => {
      if (isRunning) return;
      isRunning = true;
      work()
        .catch(() => {
          // Tried again at the next turn; what it failed at is counted where Redis is asked.
        })
        .finally(() => {
          isRunning = false;
        });
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }
}
