import { Cluster, type Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClosedError, RedisRefusedError, RedisUnavailableError } from '../errors.js';
import type { EventChannel } from '../events.js';
import type { Clock } from '../time.js';
import type { BreakerState, HeldState } from './breaker.js';
import { ClusterTopology } from './cluster-topology.js';
import { clientOptions, type ConnectionOptions, type Credentials, timeoutsOf } from './connection-options.js';
import { CredentialSource } from './credential-source.js';
import type { ValueReceiver } from './merged-reads.js';
import { afterAsking, RedirectedError } from './redirection.js';
import type { BatchScript } from './batch-script.js';
import type { KeyCommand, Lane, ScriptArgument, ScriptCall } from './script.js';
import { SentinelWatch } from './sentinel-watch.js';
import type { RecoveryStep, Shard, ShardContext } from './shard.js';
import { SingleTopology, type Topology } from './topology.js';

export interface ConnectionListener {
  recover: RecoveryStep;
  onStateChange(shard: Shard, isUp: boolean): void;
  /** Slots have another owner from now on; the old one had not been heard for `silenceMs`. */
  onMoved(isMoved: (slot: number) => boolean, silenceMs: number): void;
}

/** A read or script is passed on from node to node at most this often. */
const MAX_REDIRECTIONS = 5;
/** A script on keys of a slot that is being moved is tried again after this long. */
const TRY_AGAIN_MS = 20;
/** Share of the control budget spent waiting for a replica. */
const REPLICATION_SHARE = 0.25;

/**
 * The only door to Redis, whatever it consists of: finds the primary that holds a key and follows the cluster when that
 * has changed. What an operation may end with is told by `Shard`.
 */
export class RedisConnection {
  readonly #topology: Topology;
  readonly #watch: SentinelWatch | undefined;
  readonly #stateListeners = new Set<() => void>();
  readonly #controlMs: number;
  readonly #credentials: CredentialSource;
  #clusterClient: Cluster | undefined;
  #closed = false;

  constructor(
    readonly name: string,
    readonly options: ConnectionOptions,
    private readonly clock: Clock,
    events: EventChannel,
    listener: ConnectionListener,
  ) {
    this.#controlMs = timeoutsOf(options).controlMs;
    this.#credentials = new CredentialSource(options);
    const context: ShardContext = {
      name,
      options,
      credentials: this.#credentials,
      clock,
      events,
      recover: (shard, server) => listener.recover(shard, server),
      onStateChange: (shard, isUp) => {
        listener.onStateChange(shard, isUp);
        for (const changed of this.#stateListeners) changed();
      },
    };
    const { cluster, sentinels } = options;
    this.#topology =
      cluster === undefined
        ? new SingleTopology(context)
        : new ClusterTopology({ ...options, cluster }, context, (isMoved, silenceMs) => {
            listener.onMoved(isMoved, silenceMs);
          });
    if (sentinels !== undefined) {
      this.#watch = new SentinelWatch({ ...options, sentinels }, () => {
        for (const shard of this.shards) shard.leave('the sentinels switched the primary');
      });
    }
  }

  /** Every primary in use. */
  get shards(): readonly Shard[] {
    return this.#topology.shards;
  }

  get isCluster(): boolean {
    return this.options.cluster !== undefined;
  }

  /** Whether every primary can be used. */
  get isUp(): boolean {
    return this.shards.length > 0 && this.shards.every(({ isUp }) => isUp);
  }

  get breakerState(): BreakerState {
    if (this.isUp) return 'closed';
    return this.shards.some(({ breakerState }) => breakerState === 'open') ? 'open' : 'half-open';
  }

  /** Holds the breakers of its primaries, those there are now, open or closed until told otherwise (`undefined`). */
  holdBreaker(state: HeldState | undefined): void {
    for (const shard of this.shards) shard.hold(state);
  }

  get connections(): number {
    return this.shards.reduce((total, { connections }) => total + connections, 0);
  }

  /**
   * The raw client of the read lane, for the application's own commands; with a cluster one of its own, which connects
   * when it is first used. Its failures are the application's.
   */
  get client(): Redis | Cluster {
    const [only] = this.shards;
    if (this.options.cluster === undefined) return (only as Shard).client;
    this.#clusterClient ??= newClusterClient(this.options, this.#credentials.of('data'));
    return this.#clusterClient;
  }

  /** The primary that holds a key, spelled as in Redis or as what stands between its braces. */
  shardOf(key: string): Shard | undefined {
    return this.#topology.ownerOf(key);
  }

  /** Whether a primary serves a slot of the cluster. */
  holdsSlot(shard: Shard, slot: number): boolean {
    return this.#topology.ownsSlot(shard, slot);
  }

  /** Connects in the background; resolves to `true` as soon as Redis can be used, or to `false` after `budgetMs`. */
  async start(budgetMs: number): Promise<boolean> {
    this.#topology.start();
    this.#watch?.start();
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#stateListeners.delete(changed);
        resolve();
      };
      const changed = (): void => {
        if (this.isUp) done();
      };
      const timer = setTimeout(done, budgetMs);
      this.#stateListeners.add(changed);
    });
    return this.isUp;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    this.#topology.close();
    this.#clusterClient?.disconnect();
  }

  /** Asks the options' `credentials` anew, and proves them on the connections that are open. */
  async rotateCredentials(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.rotateCredentials()));
    Object.assign(this.#clusterClient?.options.redisOptions ?? {}, this.#credentials.of('data'));
  }

  get(redisKey: string): Promise<Buffer | null> {
    return new Promise((received, failed) => {
      this.ask({ redisKey, received, failed });
    });
  }

  /** Like `get`. The most frequent operation of all: where there is one server, nothing is put around it. */
  ask(receiver: ValueReceiver): void {
    const only = this.#onlyShard;
    if (only !== undefined) {
      only.reads.ask(receiver);
      return;
    }
    const { redisKey } = receiver;
    this.#routed('MGET', redisKey, (shard, isAsking) => {
      if (!isAsking)
        return new Promise<Buffer | null>((received, failed) => {
          shard.reads.ask({ redisKey, received, failed });
        });
      return shard.execute('data', 'MGET', async (client) => {
        const [value] = await afterAsking(client, () => client.mgetBuffer(redisKey));
        return value ?? null;
      });
    }).then(
      (value) => {
        receiver.received(value, this.clock.nowMs());
      },
      (error: unknown) => {
        receiver.failed(error);
      },
    );
  }

  /** Like `ask` for each, in one command where there is one server. */
  askAll(receivers: readonly ValueReceiver[]): void {
    const only = this.#onlyShard;
    if (only !== undefined) only.reads.askAll(receivers);
    else for (const receiver of receivers) this.ask(receiver);
  }

  /** Runs a script or command where its first key is. */
  run(lane: Lane, script: KeyCommand, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    const only = this.#onlyShard;
    if (only !== undefined) return only.run(lane, script, keysAndArgs);
    return this.#runRouted(lane, script, keysAndArgs);
  }

  /** Like `run`, without a promise where there is one server. */
  askScript(lane: Lane, script: BatchScript, call: ScriptCall): void {
    const only = this.#onlyShard;
    if (only !== undefined) {
      only.ask(lane, script, call);
      return;
    }
    this.#runRouted(lane, script, call.keysAndArgs).then(
      (reply) => {
        call.replied(reply);
      },
      (error: unknown) => {
        call.failed(error);
      },
    );
  }

  async #runRouted(lane: Lane, script: KeyCommand, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    const key = String(keysAndArgs[0]);
    const startedAtMs = performance.now();
    for (;;) {
      try {
        return await this.#routed(script.name, key, (shard, isAsking) => {
          if (!isAsking) return shard.run(lane, script, keysAndArgs);
          return shard.execute(lane, script.name, (client) => script.run(client, keysAndArgs, true));
        });
      } catch (error) {
        const isMoving = error instanceof RedisRefusedError && error.reply === 'TRYAGAIN';
        // A load does without Redis sooner than it waits.
        if (!isMoving || lane === 'data' || performance.now() - startedAtMs > this.#controlMs) throw error;
        await sleep(TRY_AGAIN_MS);
      }
    }
  }

  /** Like `run` on the control lane, and waits for a replica where the options ask for that. */
  async runDurably(script: KeyCommand, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    const reply = await this.run('control', script, keysAndArgs);
    await this.confirmReplicated(String(keysAndArgs[0]));
    return reply;
  }

  /** @throws RedisRefusedError (`NOREPLICAS`) when no replica has what the control connection wrote so far. */
  async confirmReplicated(key: string): Promise<void> {
    if (this.options.durability !== 'replicated') return;
    const replicas = await this.#routed('WAIT', key, (shard) =>
      shard.execute('control', 'WAIT', (client) => client.wait(1, Math.ceil(this.#controlMs * REPLICATION_SHARE))),
    );
    if (replicas < 1) {
      throw new RedisRefusedError('NOREPLICAS', 'No replica confirmed in time; durability is "replicated".');
    }
  }

  /** Calls `onKeys` with each page of keys that match `glob`; a key may come twice. `signal` ends it early. */
  async scan(glob: string, onKeys: (keys: string[]) => Promise<void>, signal?: AbortSignal): Promise<void> {
    this.#refuseIfClosed();
    this.#refuseUnlessWhole();
    await Promise.all(this.shards.map((shard) => shard.admin.scan(glob, onKeys, signal)));
  }

  /** Round trip of a PING in milliseconds, the longest where there are several primaries. */
  async ping(): Promise<number> {
    this.#refuseIfClosed();
    const roundTrips = this.shards.map(async (shard) => {
      const startedAtMs = performance.now();
      await shard.execute('control', 'PING', (client) => client.ping());
      return performance.now() - startedAtMs;
    });
    return Math.max(...(await Promise.all(roundTrips)));
  }

  async keyCount(): Promise<number> {
    return sum(await Promise.all(this.shards.map((shard) => shard.admin.keyCount())));
  }

  /** Bytes used, and allowed; 0 means no limit. Sums where there are several primaries. */
  async memory(): Promise<{ usedBytes: number; maxBytes: number }> {
    const infos = await Promise.all(this.shards.map((shard) => shard.admin.info('memory')));
    return {
      usedBytes: sum(infos.map((info) => Number(info.get('used_memory')))),
      maxBytes: sum(infos.map((info) => Number(info.get('maxmemory')))),
    };
  }

  async #routed<T>(
    command: string,
    key: string,
    operation: (shard: Shard, isAsking: boolean) => Promise<T>,
  ): Promise<T> {
    this.#refuseIfClosed();
    let shard = this.#topology.ownerOf(key);
    let isAsking = false;
    for (let redirections = 0; ; redirections++) {
      if (shard === undefined) {
        throw new RedisUnavailableError(`Redis is down: no node is known to hold the key of ${command}.`);
      }
      try {
        return await operation(shard, isAsking);
      } catch (error) {
        if (!(error instanceof RedirectedError) || redirections >= MAX_REDIRECTIONS) throw error;
        const next = this.#topology.redirected(error, shard);
        if (next === undefined) throw error;
        isAsking = error.isAsk;
        shard = next;
      }
    }
  }

  /** Where there is one server. */
  get #onlyShard(): Shard | undefined {
    return this.options.cluster === undefined && !this.#closed ? this.shards[0] : undefined;
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new ClosedError();
  }

  #refuseUnlessWhole(): void {
    if (!this.isUp) throw new RedisUnavailableError('Redis is down: nothing was sent.');
  }
}

function newClusterClient(options: ConnectionOptions, credentials: Credentials): Cluster {
  const {
    host: _host,
    port: _port,
    lazyConnect: _lazy,
    ...redisOptions
  } = clientOptions(options, 'data', {
    host: '',
  });
  const client = new Cluster(
    (options.cluster ?? []).map(({ host, port }) => ({ host, port: port ?? 6379 })),
    { lazyConnect: true, redisOptions: { ...redisOptions, ...credentials }, slotsRefreshInterval: 5000 },
  );
  client.on('error', () => {
    // The application learns of failures by its commands.
  });
  return client;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
