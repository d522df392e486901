import type { Redis } from 'ioredis';
import { type RedisCacheError, RedisRefusedError, RedisUnavailableError } from '../errors.js';
import type { EventChannel } from '../events.js';
import type { Clock } from '../time.js';
import { AdminConnection } from './admin-connection.js';
import { BatchScript } from './batch-script.js';
import { Breaker, type BreakerState, type HeldState } from './breaker.js';
import { ClientFactory } from './client-factory.js';
import { type ConnectionOptions, type RedisNode, timeoutsOf, type Timeouts } from './connection-options.js';
import type { CredentialSource } from './credential-source.js';
import { DataPool } from './data-pool.js';
import { withDeadline } from './deadline.js';
import { InFlight } from './in-flight.js';
import { MergedCalls } from './merged-calls.js';
import { MergedReads } from './merged-reads.js';
import { errorLabel, translateRedisError } from './redis-errors.js';
import type { KeyCommand, Lane, ScriptArgument, ScriptCall } from './script.js';
import { sendTogether } from './send-together.js';
import { ServerClock } from './server-clock.js';
import { checkPrimary, identify, parseInfo, type ServerFacts } from './server-facts.js';

export interface ServerIdentity extends ServerFacts {
  /** Redis was another process, or another data set, when we last recovered. */
  readonly changed: boolean;
  /** How long we had not heard of this server, or `Infinity` when we never had. */
  readonly silenceMs: number;
}

/** Runs in order after Redis was reached again and before anybody may use it; a rejection keeps it unused. */
export type RecoveryStep = (shard: Shard, server: ServerIdentity) => Promise<void>;

export interface ShardContext {
  readonly name: string;
  readonly options: ConnectionOptions;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly events: EventChannel;
  readonly recover: RecoveryStep;
  readonly onStateChange: (shard: Shard, isUp: boolean) => void;
}

const PROBE_INTERVAL_MS = 250;

/**
 * All connections to one primary: the server of a standalone Redis, the primary its sentinels name, or one of a
 * cluster. Fails fast: every operation answers within its budget or rejects with `RedisUnavailableError` (nothing is
 * known to have happened) or `RedisRefusedError` (Redis said no). While the breaker is open operations reject at once;
 * it closes only after the server proved to be a primary, told its time, and every recovery step went through.
 */
export class Shard {
  readonly serverClock: ServerClock;
  readonly reads: MergedReads;
  readonly admin: AdminConnection;
  readonly #merged: Record<Lane, MergedCalls> = {
    data: new MergedCalls(this, 'data'),
    control: new MergedCalls(this, 'control'),
  };
  readonly #timeouts: Timeouts;
  readonly #clients: ClientFactory;
  readonly #pool: DataPool;
  readonly #control: Redis;
  /** Whether the control connection was found to lead to the same server as the others. */
  #controlIsChecked = false;
  /** How often one of the two was lost: what is found out about a connection holds for that connection only. */
  #losses = 0;
  readonly #breaker: Breaker;
  readonly #inFlight = new InFlight();
  #runId: string | undefined;
  #heardAtMs = -Infinity;
  #recovering: Promise<void> | undefined;
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    private readonly context: ShardContext,
    /** The node of a cluster; otherwise the options tell the address. */
    readonly node?: RedisNode,
  ) {
    const { options, clock } = context;
    this.#timeouts = timeoutsOf(options);
    this.serverClock = new ServerClock(clock);
    this.reads = new MergedReads(this, clock);
    this.#breaker = new Breaker((state, reason) => {
      this.#breakerChanged(state, reason);
    });
    this.#clients = new ClientFactory(
      options,
      context.credentials,
      node,
      (error) => {
        this.#report(error, 'connect');
      },
      (kind) => {
        context.events.emit('reconnect', { connection: context.name, node: this.address, kind });
      },
    );
    this.#pool = new DataPool(
      {
        create: () => this.#clients.create('data'),
        discard: (client) => {
          this.#clients.discard(client);
        },
        check: (client) => this.#checkSameServer(client),
      },
      options.maxConnections ?? 10,
      clock,
    );
    this.#control = this.#clients.create('control');
    this.admin = new AdminConnection(
      {
        create: () => this.#clients.create('admin'),
        discard: (client) => {
          this.#clients.discard(client);
        },
        refuseUnlessUp: () => {
          this.#refuseUnlessUp('The command');
        },
        settled: (command, reply, budgetMs) => this.#settled(command, reply, budgetMs),
      },
      this.#timeouts,
    );
    this.#watch();
  }

  /** `host:port` of a cluster's node; empty where there is only one. */
  get address(): string {
    return this.node === undefined ? '' : addressOf(this.node);
  }

  get isCluster(): boolean {
    return this.node !== undefined;
  }

  get isUp(): boolean {
    return this.#breaker.isClosed;
  }

  /** Whether it was left for good. */
  get isClosed(): boolean {
    return this.#closed;
  }

  get breakerState(): BreakerState {
    return this.#breaker.state;
  }

  get connections(): number {
    return this.#pool.size;
  }

  /** Operations for the data lane that are `sent` and not answered, and those `waiting` to be sent. */
  get queue(): { sent: number; waiting: number } {
    return { sent: this.#inFlight.sent, waiting: this.#inFlight.waiting };
  }

  /** How long nothing has been heard of this server; `Infinity` before the first time. */
  get silenceMs(): number {
    return this.context.clock.nowMs() - this.#heardAtMs;
  }

  /** Of the server this shard last recovered with. */
  get runId(): string | undefined {
    return this.#runId;
  }

  get client(): Redis {
    return this.#pool.primary;
  }

  /** Connects in the background and goes on until `close`. */
  start(): void {
    void this.#clients
      .refresh()
      .catch(ignore)
      .then(() => {
        if (this.#closed) return;
        this.#connect();
        this.#probe = setInterval(() => {
          this.#connect();
          this.#recover();
          this.#reportLoading().catch(ignore);
        }, PROBE_INTERVAL_MS);
        this.#probe.unref();
      });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#probe);
    this.#breaker.open('closed');
    this.#inFlight.close();
    this.#pool.close();
    this.#clients.discard(this.#control);
    this.admin.close();
  }

  /**
   * Leaves the server it is connected to, because another one is said to be the primary. A client that is connecting is
   * left alone: told to disconnect then, it would end; where it gets to is checked before it is used.
   */
  leave(reason: string): void {
    this.#breaker.open(reason);
    for (const client of [this.#pool.primary, this.#control]) if (client.status === 'ready') client.disconnect(true);
  }

  /** Proves the credentials of now on the connections that are open. */
  rotateCredentials(): Promise<void> {
    return this.#clients.rotate();
  }

  /** Holds the breaker by hand; what a recovery has to prove is proven all the same. */
  hold(state: HeldState | undefined): void {
    this.#breaker.hold(state);
    this.#recover();
  }

  /** One operation through breaker, budget and error translation. */
  async execute<T>(lane: Lane, command: string, operation: (client: Redis) => Promise<T>): Promise<T> {
    this.#refuseUnlessUp(command);
    if (lane === 'data' && !this.#inFlight.enter()) {
      await this.#inFlight.place(command);
      if (!this.isUp) {
        this.#inFlight.leave();
        this.#refuseUnlessUp(command);
      }
    }
    try {
      const reply = await this.#unguarded(lane, command, operation);
      this.#breaker.succeeded();
      return reply;
    } catch (error) {
      if (error instanceof RedisUnavailableError && !this.#closed) this.#breaker.failed(error.message);
      throw error;
    } finally {
      if (lane === 'data') this.#inFlight.leave();
    }
  }

  /** Runs a script or command; scripts together with others of this turn if they can be. */
  run(lane: Lane, script: KeyCommand, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    if (script instanceof BatchScript) return this.#merged[lane].run(script, keysAndArgs);
    return this.execute(lane, script.name, (client) => script.run(client, keysAndArgs));
  }

  /** Like `run`, without a promise. */
  ask(lane: Lane, script: BatchScript, call: ScriptCall): void {
    this.#merged[lane].ask(script, call);
  }

  /** Reports an error that Redis gave to a part of a command. */
  refused(error: Error, command: string): RedisCacheError {
    return this.#report(error, command);
  }

  /** Like `execute` on the control lane, but for recovery steps, which run while the breaker is not closed. */
  recoverWith<T>(command: string, operation: (client: Redis) => Promise<T>): Promise<T> {
    return this.#settled(command, operation(this.#control), this.#timeouts.controlMs);
  }

  newLinkClient(): Redis {
    return this.#clients.create('link');
  }

  /**
   * Asks the data connection for role and time; called by the coherence link's heartbeat. A server that is not a
   * primary, or that its cluster has cut off, is not used any more.
   */
  async confirm(): Promise<void> {
    await this.execute('data', 'ROLE', async (client) => {
      const sentAtMs = this.context.clock.nowMs();
      const [problem, time] = await Promise.all([checkPrimary(client, this.isCluster), client.time()]);
      this.serverClock.measured(time as unknown as [unknown, unknown], sentAtMs, this.context.clock.nowMs());
      if (problem !== undefined) {
        this.#breaker.open(problem);
        throw new RedisRefusedError('READONLY', `The Redis server cannot be used: ${problem}.`);
      }
      this.#heardAtMs = sentAtMs;
    });
  }

  /** Whether a connection leads to the server that the others use; a sentinel may have sent it to another one. */
  async isSameServer(client: Redis): Promise<boolean> {
    const { runId } = await identify(client, this.isCluster);
    return runId === this.#runId;
  }

  /** ioredis reconnects by itself, but for a client whose sentinels failed it, which ends. */
  #connect(): void {
    for (const client of [this.#pool.primary, this.#control]) {
      if (client.status === 'wait' || client.status === 'end') client.connect().catch(ignore);
    }
  }

  async #checkSameServer(client: Redis): Promise<void> {
    if (!(await this.isSameServer(client))) throw new RedisUnavailableError('The connection leads to another server.');
  }

  #refuseUnlessUp(command: string): void {
    if (!this.isUp) throw new RedisUnavailableError(`Redis is down: ${command} was not sent.`);
  }

  async #unguarded<T>(lane: Lane, command: string, operation: (client: Redis) => Promise<T>): Promise<T> {
    if (lane === 'data') {
      return this.#pool.use((client) => {
        sendTogether(client);
        return this.#settled(command, operation(client), this.#timeouts.commandMs);
      });
    }
    if (!this.#controlIsChecked) {
      throw new RedisUnavailableError(`${command} was not sent: the control connection is not ready yet.`);
    }
    sendTogether(this.#control);
    return this.#settled(command, operation(this.#control), this.#timeouts.controlMs);
  }

  async #settled<T>(command: string, reply: Promise<T>, budgetMs: number): Promise<T> {
    const { events, name, clock } = this.context;
    const isTimed = events.listensTo('command');
    const sentAtMs = isTimed ? clock.nowMs() : 0;
    try {
      return await withDeadline(reply, budgetMs, command);
    } catch (error) {
      throw this.#report(error, command);
    } finally {
      if (isTimed) events.emit('command', { connection: name, command, durationMs: clock.nowMs() - sentAtMs });
    }
  }

  #report(error: unknown, command: string): RedisCacheError {
    const translated = translateRedisError(error, command);
    const { events, name } = this.context;
    if (!this.#closed && events.listensTo('redis-error')) {
      events.emit('redis-error', { connection: name, command, error: errorLabel(translated) });
    }
    return translated;
  }

  /** ioredis waits in silence while a server loads its data: nobody else would say why there is no Redis. */
  async #reportLoading(): Promise<void> {
    const { primary } = this.#pool;
    if (primary.status !== 'connect') return;
    const facts = parseInfo(await primary.info('persistence'));
    if (facts.get('loading') !== '1') return;
    this.#report(new RedisUnavailableError('Redis did not answer connect: LOADING.'), 'connect');
  }

  #watch(): void {
    const { primary } = this.#pool;
    primary.on('ready', () => {
      this.#recover();
    });
    primary.on('close', () => {
      this.#losses += 1;
      this.#breaker.open('connection lost');
    });
    this.#control.on('close', () => {
      this.#losses += 1;
      this.#controlIsChecked = false;
    });
    this.#control.on('ready', () => {
      if (this.isUp) void this.#checkControl();
      else this.#recover();
    });
  }

  /** The control connection was lost alone: it may be led to another server than the others are still connected to. */
  async #checkControl(): Promise<void> {
    const losses = this.#losses;
    try {
      await this.#settled('INFO', this.#checkSameServer(this.#control), this.#timeouts.controlMs);
      this.#controlIsChecked = losses === this.#losses;
    } catch (error) {
      if (this.#control.status === 'ready') this.leave(translateRedisError(error, 'INFO').message);
    }
  }

  #recover(): void {
    if (this.#recovering !== undefined || this.isUp || this.#closed || this.#breaker.held === 'open') return;
    if (this.#pool.primary.status !== 'ready' || this.#control.status !== 'ready') return;
    this.#recovering = this.#recoverNow()
      .catch((error: unknown) => {
        if (!this.#closed) this.#breaker.open(translateRedisError(error, 'recovery').message);
      })
      .finally(() => {
        this.#recovering = undefined;
      });
  }

  async #recoverNow(): Promise<void> {
    const { primary } = this.#pool;
    const { clock } = this.context;
    this.#breaker.halfOpen('probing');
    const losses = this.#losses;
    const sentAtMs = clock.nowMs();
    const ask = (client: Redis) => this.#settled('INFO', identify(client, this.isCluster), this.#timeouts.commandMs);
    const [facts, control] = await Promise.all([ask(primary), ask(this.#control)]);
    this.serverClock.measured(facts.time, sentAtMs, clock.nowMs());
    if (facts.problem !== undefined) throw new RedisUnavailableError(`The server is not used: ${facts.problem}.`);
    if (control.runId !== facts.runId) {
      this.leave('connections lead to different servers');
      throw new RedisUnavailableError('The connections lead to different servers.');
    }
    const changed = this.#runId !== undefined && this.#runId !== facts.runId;
    await this.context.recover(this, { ...facts, changed, silenceMs: this.silenceMs });
    if (losses !== this.#losses || this.#closed) {
      throw new RedisUnavailableError('The connection was lost while recovering.');
    }
    this.#runId = facts.runId;
    this.#heardAtMs = sentAtMs;
    this.#controlIsChecked = true;
    this.#breaker.close('recovered');
  }

  #breakerChanged(state: BreakerState, reason: string): void {
    const { events, name, onStateChange } = this.context;
    events.emit('breaker', { connection: name, node: this.address, state, reason });
    if (state === 'half-open') return;
    // Others may lead to a server that is the primary no longer, and would not notice.
    if (state === 'open') this.#pool.dropExtras();
    onStateChange(this, state === 'closed');
  }
}

export function addressOf({ host, port }: RedisNode): string {
  return `${host}:${port ?? 6379}`;
}

/** Connection errors reach callers through the breaker; a listener keeps ioredis from printing them too. */
function ignore(): void {}
