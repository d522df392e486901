import type { EventChannel } from '../events.js';
import type { BreakerState } from '../redis/breaker.js';
import { type ConnectionOptions, timeoutsOf } from '../redis/connection-options.js';
import { Journal, type JournalItem } from '../redis/journal.js';
import { copiesOf, copyIndexOf, Keyspace, NAMESPACE_TAG } from '../redis/keyspace.js';
import { RedisConnection } from '../redis/redis-connection.js';
import { ServerClock } from '../redis/server-clock.js';
import type { ServerIdentity, Shard } from '../redis/shard.js';
import { SLOT_COUNT, slotOf } from '../redis/slots.js';
import type { Clock } from '../time.js';
import { type Backend, ReservedTags } from './backend.js';
import { Coherence } from './coherence.js';
import { LocalTagIds } from './local-tag-ids.js';
import { RedisTier } from './redis-tier.js';
import { ShardLink } from './shard-link.js';
import { REREAD_INTERVAL_MS, TagTable } from './tag-table.js';
import { ENDLESS_TRUST, NO_TRUST, type Trust } from './trust.js';

export interface ConnectionStatus {
  readonly name: string;
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /** Whether Redis is being used; all of its primaries, where there are several. */
  readonly isUp: boolean;
  readonly breaker: BreakerState;
  /** `trusted`: memory tiers answer. `armed`: changes are announced, trust has not begun. `off`: neither. */
  readonly link: LinkState;
  /** Invalidations waiting for Redis. */
  readonly journaled: number;
  readonly connections: number;
  /** The primaries of a cluster; empty where there is only one. */
  readonly nodes: readonly NodeStatus[];
}

export interface NodeStatus {
  /** `host:port` */
  readonly address: string;
  readonly isUp: boolean;
  readonly breaker: BreakerState;
  readonly link: LinkState;
}

type LinkState = 'off' | 'armed' | 'trusted';

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
const LINK_STATES: readonly LinkState[] = ['off', 'armed', 'trusted'];

/** What stands behind the caches of one connection. */
export interface BackendHost {
  readonly backend: Backend;
  readonly connection: RedisConnection | undefined;
  status(): ConnectionStatus | undefined;
  /** Resolves to whether Redis can be used, at the latest after `budgetMs`. */
  start(budgetMs: number): Promise<boolean>;
  /** Within the time one command may take, whatever Redis does. */
  close(): Promise<void>;
}

/** The memory of this process is the store. */
export class LocalHost implements BackendHost {
  readonly backend: Backend;
  readonly connection = undefined;

  constructor(name: string, { clock, events, namespace, maxTtlMs, maxStalenessMs }: Shared) {
    const tagTable = new TagTable(new LocalTagIds(), clock);
    const coherence = new Coherence(new Keyspace(namespace), tagTable, clock, {
      trustOf: () => ENDLESS_TRUST,
      provenNow: () => Promise.resolve(true),
    });
    tagTable.useTickets(coherence);
    const serverClock = new ServerClock(clock);
    this.backend = {
      connectionName: name,
      clock,
      serverClockOf: () => serverClock,
      events,
      coherence,
      tagTable,
      redis: undefined,
      reservedTagsOf: (cacheName) => new ReservedTags(cacheName, false),
      maxTtlMs,
      maxStalenessMs,
    };
  }

  status(): undefined {
    return undefined;
  }

  start(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async close(): Promise<void> {}
}

/** A Redis, with a link to each of its primaries. */
export class RedisHost implements BackendHost {
  readonly backend: Backend;
  readonly connection: RedisConnection;
  readonly #journal: Journal;
  readonly #tier: RedisTier;
  readonly #links = new Map<Shard, ShardLink>();
  readonly #timers: NodeJS.Timeout[] = [];
  /** Of the namespace's id. */
  readonly #copies: readonly string[];
  readonly #prefixes: readonly string[];

  constructor(
    private readonly name: string,
    private readonly options: ConnectionOptions,
    private readonly shared: Shared,
  ) {
    const { clock, events, maxTtlMs, maxStalenessMs, namespace } = shared;
    const isCluster = options.cluster !== undefined;
    const keyspace = new Keyspace(namespace);
    this.#prefixes = keyspace.watchedPrefixes;
    this.#copies = isCluster ? copiesOf(NAMESPACE_TAG) : [NAMESPACE_TAG];
    const everything = this.#copies.map((copy): JournalItem => ({ kind: 'tag', name: copy }));
    this.#journal = new Journal(name, everything, clock, events);
    this.connection = new RedisConnection(name, options, clock, events, {
      recover: (shard, server) => this.#recover(shard, server),
      onStateChange: (shard, isUp) => {
        this.#stateChanged(shard, isUp);
      },
      onMoved: (isMoved, silenceMs) => {
        this.#slotsMoved(isMoved, silenceMs);
      },
    });
    this.#tier = new RedisTier(this.connection, keyspace, maxTtlMs);
    const tagTable = new TagTable(this.#tier, clock);
    const coherence = new Coherence(
      keyspace,
      tagTable,
      clock,
      {
        trustOf: (slotKey) => this.#trustOf(slotKey),
        provenNow: (slotKeys) => this.#provenNow(slotKeys),
      },
      (tag) => this.#journal.covers('tag', tag),
    );
    tagTable.useTickets(coherence);
    const unknownClock = new ServerClock(clock);
    this.backend = {
      connectionName: name,
      clock,
      serverClockOf: (slotKey) => this.connection.shardOf(slotKey)?.serverClock ?? unknownClock,
      events,
      coherence,
      tagTable,
      redis: { tier: this.#tier, journal: this.#journal, controlTimeoutMs: timeoutsOf(options).controlMs },
      reservedTagsOf: (cacheName) => new ReservedTags(cacheName, isCluster),
      maxTtlMs,
      maxStalenessMs,
    };
  }

  status(): ConnectionStatus {
    const { connection, options } = this;
    const { shards } = connection;
    const nodes = shards.map((shard): NodeStatus => {
      const { address, isUp, breakerState } = shard;
      return { address, isUp, breaker: breakerState, link: this.#links.get(shard)?.state ?? 'off' };
    });
    return {
      name: this.name,
      mode: options.cluster ? 'cluster' : options.sentinels ? 'sentinel' : 'standalone',
      isUp: connection.isUp,
      breaker: connection.breakerState,
      link: LINK_STATES.find((state) => nodes.length === 0 || nodes.some(({ link }) => link === state)) as LinkState,
      journaled: this.#journal.queued,
      connections: connection.connections,
      nodes: options.cluster ? nodes : [],
    };
  }

  start(budgetMs: number): Promise<boolean> {
    this.#every(JOURNAL_RETRY_MS, () => this.#replay());
    this.#every(REREAD_INTERVAL_MS, () => this.backend.tagTable.reread());
    this.#every(REREAD_INTERVAL_MS, () => this.#touchJudgements());
    return this.connection.start(budgetMs);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    if (this.connection.shards.some(({ isUp }) => isUp)) await this.backend.coherence.abortLoads();
    this.connection.close();
  }

  /** Before anything stored on a server is believed again: what may be old, and what we invalidated meanwhile or of late. */
  async #recover(shard: Shard, server: ServerIdentity): Promise<void> {
    await this.#judge(shard, server);
    const isConcerned = ({ name }: JournalItem): boolean => this.connection.shardOf(name) === shard;
    if (server.changed) this.#journal.queueRecent(isConcerned, server.silenceMs);
    await this.#journal.replay(async (item) => {
      await this.#tier.replayOn(shard, item);
      // Whether a replica has it too is found out once the server is used.
      return this.options.durability !== 'replicated';
    }, isConcerned);
  }

  /**
   * A server that started from a snapshot while we did not hear of it may hold any older state. Nobody remembers what was
   * invalidated since then, so all of it goes, once for each run of the server.
   */
  async #judge(shard: Shard, { runId, isFromSnapshot, uptimeMs, silenceMs }: ServerIdentity): Promise<void> {
    if (shard.runId === runId) return;
    const mayBeOld = isFromSnapshot && uptimeMs < Math.min(silenceMs, this.shared.maxTtlMs);
    await Promise.all(
      this.#copiesOf(shard).map(async (copy) => {
        try {
          await this.#tier.judge(shard, copy, runId, mayBeOld);
        } catch (error) {
          if (this.connection.shardOf(copy) === shard) throw error;
          // A copy on another node, which cannot be asked now.
          if (mayBeOld) this.#journal.queue({ kind: 'tag', name: copy });
        }
      }),
    );
  }

  /** The copies of the namespace's id that entries on this server may have recorded. */
  #copiesOf(shard: Shard): readonly string[] {
    if (this.#copies.length === 1) return this.#copies;
    const share = SLOT_COUNT / this.#copies.length;
    return this.#copies.filter((copy) => {
      const first = copyIndexOf(copy) * share;
      for (let slot = first; slot < first + share; slot++) if (this.connection.holdsSlot(shard, slot)) return true;
      return false;
    });
  }

  async #touchJudgements(): Promise<void> {
    for (const shard of this.connection.shards) {
      const { runId } = shard;
      if (runId === undefined) continue;
      for (const copy of this.#copiesOf(shard)) await this.#tier.touchJudgement(copy, runId);
    }
  }

  async #replay(): Promise<void> {
    if (this.#journal.queued === 0) return;
    await this.#journal.replay(
      async (item) => {
        await this.#tier.replay(item);
        return true;
      },
      ({ name }) => this.connection.shardOf(name)?.isUp === true,
    );
  }

  #stateChanged(shard: Shard, isUp: boolean): void {
    // Nothing heard before a recovery proves anything about the server that was recovered.
    if (isUp) this.#linkTo(shard).start();
    else this.#links.get(shard)?.stop('Redis is not used');
    if (shard.isClosed) this.#links.delete(shard);
  }

  #linkTo(shard: Shard): ShardLink {
    let link = this.#links.get(shard);
    if (link === undefined) {
      const { clock, events, heartbeatMs, maxStalenessMs } = this.shared;
      link = new ShardLink(shard, {
        connectionName: this.name,
        prefixes: this.#prefixes,
        heartbeatMs,
        maxStalenessMs,
        clock,
        events,
        coherence: this.backend.coherence,
      });
      this.#links.set(shard, link);
    }
    return link;
  }

  /** A failover may have lost what the old owner acknowledged, and its link tells nothing of these slots any more. */
  #slotsMoved(isMoved: (slot: number) => boolean, silenceMs: number): void {
    this.#journal.queueRecent(({ name }) => isMoved(slotOf(name)), silenceMs);
    this.backend.coherence.forget({ includes: (slotKey) => isMoved(slotOf(slotKey)) });
    void this.#replay().catch(ignore);
  }

  #trustOf(slotKey: string): Trust {
    const shard = this.connection.shardOf(slotKey);
    return (shard === undefined ? undefined : this.#links.get(shard)?.trust) ?? NO_TRUST;
  }

  async #provenNow(slotKeys: readonly string[]): Promise<boolean> {
    const shards = new Set(slotKeys.map((slotKey) => this.connection.shardOf(slotKey)));
    const answers = await Promise.all(
      [...shards].map(async (shard) => (shard === undefined ? false : this.#links.get(shard)?.provenNow())),
    );
    return answers.every(Boolean);
  }

  #every(ms: number, work: () => Promise<void>): void {
    let isRunning = false;
    const timer = setInterval(() => {
      if (isRunning) return;
      isRunning = true;
      work()
        // Tried again at the next turn; what it failed at is counted where Redis is asked.
        .catch(ignore)
        .finally(() => {
          isRunning = false;
        });
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }
}

function ignore(): void {}
