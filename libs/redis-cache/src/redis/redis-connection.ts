import { once } from 'node:events';
import { Redis } from 'ioredis';
import { ClosedError, RedisRefusedError, RedisUnavailableError } from '../errors.js';
import type { EventChannel } from '../events.js';
import type { Clock } from '../time.js';
import { Breaker, type BreakerState } from './breaker.js';
import { clientOptions, timeoutsOf, type ConnectionOptions, type Timeouts } from './connection-options.js';
import { DataPool } from './data-pool.js';
import { withDeadline } from './deadline.js';
import { errorLabel, translateRedisError } from './redis-errors.js';
import type { Script } from './script.js';
import { ServerClock } from './server-clock.js';

/** `data` for reads and loads, `control` for what must not wait behind them. */
export type Lane = 'data' | 'control';
export type ScriptArgument = string | number | Buffer;

export interface ServerIdentity {
  runId: string;
  /** Redis was another process, or another data set, when we last recovered. */
  changed: boolean;
}

/** Runs in order after Redis was reached again and before anybody may use it; a rejection keeps it unused. */
export type RecoveryStep = (server: ServerIdentity) => Promise<void>;

const PROBE_INTERVAL_MS = 250;
/** Operations beyond these wait for a place: the deadline of one that is sent is not spent behind thousands of others. */
const MAX_IN_FLIGHT = 128;
/** More waiting operations than this mean Redis is not keeping up: further ones are refused at once. */
const MAX_WAITING = 10_000;

/**
 * The only door to Redis. Fails fast: every operation answers within its budget or rejects with
 * `RedisUnavailableError` (nothing is known to have happened) or `RedisRefusedError` (Redis said no). While the breaker
 * is open operations reject at once; it closes only after the server proved to be a primary, told its time, and every
 * recovery step (journal replay first) went through.
 */
export class RedisConnection {
  readonly serverClock: ServerClock;
  readonly #timeouts: Timeouts;
  readonly #pool: DataPool;
  readonly #control: Redis;
  readonly #breaker: Breaker;
  readonly #steps: RecoveryStep[] = [];
  readonly #stateListeners: ((isUp: boolean) => void)[] = [];
  #admin: Redis | undefined;
  #runId: string | undefined;
  #inFlight = 0;
  readonly #waiting: (() => void)[] = [];
  #recovering: Promise<void> | undefined;
  #probe: NodeJS.Timeout | undefined;
  #confirmedAtMs = -Infinity;
  #closed = false;

  constructor(
    readonly name: string,
    readonly options: ConnectionOptions,
    private readonly clock: Clock,
    private readonly events: EventChannel,
  ) {
    this.#timeouts = timeoutsOf(options);
    this.serverClock = new ServerClock(clock);
    this.#breaker = new Breaker((state, reason) => {
      this.#breakerChanged(state, reason);
    });
    this.#pool = new DataPool(clientOptions(options, 'data'), options.maxConnections ?? 10, clock);
    this.#control = this.#newClient('control');
    this.#watchPrimary();
  }

  get isUp(): boolean {
    return this.#breaker.isClosed;
  }

  get breakerState(): BreakerState {
    return this.#breaker.state;
  }

  get connections(): number {
    return this.#pool.size;
  }

  /** The raw client of the read lane, for the application's own commands. Its failures are the application's. */
  get client(): Redis {
    return this.#pool.primary;
  }

  /** When the last check that proved the server to be a primary was sent, on the monotonic clock. */
  get confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  onRecover(step: RecoveryStep): void {
    this.#steps.push(step);
  }

  onStateChange(listener: (isUp: boolean) => void): void {
    this.#stateListeners.push(listener);
  }

  /** Connects in the background; resolves to `true` as soon as Redis can be used, or to `false` after `budgetMs`. */
  async start(budgetMs: number): Promise<boolean> {
    this.#pool.primary.connect().catch(ignore);
    this.#control.connect().catch(ignore);
    this.#startProbing();
    if (this.isUp) return true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, budgetMs);
      this.onStateChange((isUp) => {
        if (!isUp) return;
        clearTimeout(timer);
        resolve();
      });
    });
    return this.isUp;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#probe);
    this.#pool.close();
    this.#control.disconnect();
    this.#admin?.disconnect();
    this.#breaker.open('closed');
    for (const wake of this.#waiting.splice(0)) wake();
  }

  run(lane: Lane, script: Script, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    return this.execute(lane, script.name, (client) => script.run(client, keysAndArgs));
  }

  /** One operation through breaker, budget and error translation. */
  async execute<T>(lane: Lane, command: string, operation: (client: Redis) => Promise<T>): Promise<T> {
    if (this.#closed) throw new ClosedError();
    if (!this.#breaker.isClosed) throw new RedisUnavailableError(`Redis is down: ${command} was not sent.`);
    if (lane === 'data') {
      if (this.#inFlight >= MAX_IN_FLIGHT) await this.#place(command);
      this.#inFlight += 1;
    }
    try {
      const reply = await this.#unguarded(lane, command, operation);
      this.#breaker.succeeded();
      return reply;
    } catch (error) {
      if (error instanceof RedisUnavailableError && !this.#closed) this.#breaker.failed(error.message);
      throw error;
    } finally {
      if (lane === 'data') {
        this.#inFlight -= 1;
        this.#waiting.shift()?.();
      }
    }
  }

  /** Resolves when it is this operation's turn. */
  async #place(command: string): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) {
      throw new RedisUnavailableError(`Redis does not keep up: ${command} was not sent behind ${MAX_WAITING} others.`);
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#closed) throw new ClosedError();
    if (this.#breaker.isClosed) return;
    // Redis went away meanwhile: the next in turn must learn it too.
    this.#waiting.shift()?.();
    throw new RedisUnavailableError(`Redis is down: ${command} was not sent.`);
  }

  /** Like `execute` on the control lane, but for recovery steps, which run while the breaker is not closed. */
  recoverWith(script: Script, keysAndArgs: readonly ScriptArgument[]): Promise<unknown> {
    return this.#unguarded('control', script.name, (client) => script.run(client, keysAndArgs));
  }

  /** Calls `onKeys` with each page of keys that match `glob`; a key may come twice. */
  async scan(glob: string, onKeys: (keys: string[]) => Promise<void>): Promise<void> {
    const admin = await this.#openAdmin();
    let cursor = '0';
    do {
      const [next, keys] = await this.#settled('SCAN', admin.scan(cursor, 'MATCH', glob, 'COUNT', 1000), 5000);
      cursor = next;
      if (keys.length > 0) await onKeys(keys);
    } while (cursor !== '0');
  }

  /** One section of INFO as a table. */
  async info(section: string): Promise<Map<string, string>> {
    const admin = await this.#openAdmin();
    const text = await this.#settled('INFO', admin.info(section), this.#timeouts.controlMs);
    return parseInfo(text);
  }

  async keyCount(): Promise<number> {
    const admin = await this.#openAdmin();
    return this.#settled('DBSIZE', admin.dbsize(), this.#timeouts.controlMs);
  }

  /** Round trip of a PING in milliseconds. */
  async ping(): Promise<number> {
    const startedAtMs = this.clock.nowMs();
    await this.execute('control', 'PING', (client) => client.ping());
    return this.clock.nowMs() - startedAtMs;
  }

  newLinkClient(): Redis {
    return this.#newClient('link');
  }

  /** Asks role and time; called by the coherence link's heartbeat. A server that is not a primary is not used. */
  async confirm(): Promise<void> {
    const sentAtMs = this.clock.nowMs();
    await this.execute('data', 'ROLE', (client) => this.#checkRole(client));
    this.#confirmedAtMs = sentAtMs;
  }

  async #unguarded<T>(lane: Lane, command: string, operation: (client: Redis) => Promise<T>): Promise<T> {
    if (lane === 'control') return this.#settled(command, operation(this.#control), this.#timeouts.controlMs);
    return this.#pool.use((client) => this.#settled(command, operation(client), this.#timeouts.commandMs));
  }

  async #settled<T>(command: string, reply: Promise<T>, budgetMs: number): Promise<T> {
    try {
      return await withDeadline(reply, budgetMs, command);
    } catch (error) {
      const translated = translateRedisError(error, command);
      if (!this.#closed && this.events.listensTo('redis-error')) {
        this.events.emit('redis-error', { connection: this.name, command, error: errorLabel(translated) });
      }
      throw translated;
    }
  }

  #watchPrimary(): void {
    const { primary } = this.#pool;
    primary.on('ready', () => {
      this.#recover();
    });
    primary.on('close', () => {
      this.#breaker.open('connection lost');
    });
    this.#control.on('ready', () => {
      this.#recover();
    });
  }

  #startProbing(): void {
    this.#probe = setInterval(() => {
      if (!this.#breaker.isClosed && this.#pool.primary.status === 'ready') this.#recover();
    }, PROBE_INTERVAL_MS);
    this.#probe.unref();
  }

  #recover(): void {
    if (this.#recovering !== undefined || this.#breaker.isClosed || this.#closed) return;
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
    this.#breaker.halfOpen('probing');
    const sentAtMs = this.clock.nowMs();
    await this.#settled('ROLE', this.#checkRole(primary), this.#timeouts.commandMs);
    const runId =
      parseInfo(await this.#settled('INFO', primary.info('server'), this.#timeouts.commandMs)).get('run_id') ?? '';
    const changed = this.#runId !== undefined && this.#runId !== runId;
    if (this.#control.status !== 'ready') throw new RedisUnavailableError('The control connection is not ready yet.');
    for (const step of this.#steps) await step({ runId, changed });
    if (primary.status !== 'ready' || this.#closed)
      throw new RedisUnavailableError('The connection was lost while recovering.');
    this.#runId = runId;
    this.#confirmedAtMs = sentAtMs;
    this.#breaker.close('recovered');
  }

  async #checkRole(client: Redis): Promise<void> {
    const sentAtMs = this.clock.nowMs();
    const [role, time] = await Promise.all([client.role(), client.time()]);
    this.serverClock.measured(time as unknown as [unknown, unknown], sentAtMs, this.clock.nowMs());
    if (String(role[0]) !== 'master') {
      this.#breaker.open('the server is not a primary');
      throw new RedisRefusedError('READONLY', 'The Redis server is a replica, not a primary.');
    }
  }

  async #openAdmin(): Promise<Redis> {
    if (this.#closed) throw new ClosedError();
    if (!this.#breaker.isClosed) throw new RedisUnavailableError('Redis is down: nothing was sent.');
    this.#admin ??= this.#newClient('admin');
    if (this.#admin.status === 'wait') await this.#settled('connect', this.#admin.connect(), this.#timeouts.connectMs);
    else if (this.#admin.status !== 'ready') {
      await this.#settled('connect', once(this.#admin, 'ready'), this.#timeouts.connectMs);
    }
    return this.#admin;
  }

  #newClient(kind: 'control' | 'link' | 'admin'): Redis {
    const client = new Redis(clientOptions(this.options, kind));
    client.on('error', ignore);
    return client;
  }

  #breakerChanged(state: BreakerState, reason: string): void {
    this.events.emit('breaker', { connection: this.name, state, reason });
    if (state === 'half-open') return;
    for (const listener of this.#stateListeners) listener(state === 'closed');
  }
}

function parseInfo(text: string): Map<string, string> {
  const fields = text.split('\r\n').map((line) => line.split(':', 2) as [string, string | undefined]);
  return new Map(fields.filter((field): field is [string, string] => field[1] !== undefined));
}

/** Connection errors reach callers through the breaker; a listener keeps ioredis from printing them too. */
function ignore(): void {}
