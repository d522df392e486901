import type { Redis } from 'ioredis';
import type { Clock } from '../time.js';
import type { Shard } from './shard.js';

export interface LinkListener {
  /** Keys that changed, or `null` when the server was flushed. */
  onKeys(keys: readonly string[] | null): void;
  /** Tracking is on, from now on every change is announced; what was known before may be old. */
  onArmed(): void;
  /** Changes may have been missed. */
  onGap(reason: string): void;
  /** A `PING` was answered, after so long. */
  onPong(durationMs: number): void;
  /** A `PING` was answered. Everything that happened before the ping sent at `provenAtMs` has been announced. */
  onProven(provenAtMs: number): void;
}

const INVALIDATION_CHANNEL = '__redis__:invalidate';

/**
 * The connection on which Redis announces changed keys. Tracking (BCAST) is redirected to the connection itself, which
 * is in subscriber mode, so that announcing and hearing end together; ioredis drops RESP3 announcements, hence RESP2.
 * It is armed again on every `ready`: after a silent reconnect the subscription alone would stay mute.
 *
 * Announcements leave Redis at the end of a turn, after a `PONG` of the same turn. So an answered `PING` proves only
 * what happened before the ping that was answered before it; `onProven` reports that earlier one.
 */
export class LinkConnection {
  readonly #client: Redis;
  #heartbeat: NodeJS.Timeout | undefined;
  #previousSentAtMs: number | undefined;
  #isArmed = false;
  /** Whether there is to be a link: not while Redis is not used. */
  #isWanted = false;
  /** Distinguishes the current session from replies that belong to an earlier one. */
  #session = 0;

  constructor(
    private readonly shard: Shard,
    private readonly prefixes: readonly string[],
    private readonly heartbeatMs: number,
    private readonly clock: Clock,
    private readonly listener: LinkListener,
  ) {
    const client = (this.#client = shard.newLinkClient());
    client.on('ready', () => void this.#arm());
    client.on('close', () => {
      this.#gap('connection lost');
    });
    client.on('end', () => {
      this.#connect();
    });
    client.on('messageBuffer', (_channel: Buffer, message: unknown) => {
      this.#heard(message);
    });
  }

  start(): void {
    this.#isWanted = true;
    this.#connect();
  }

  /** Withdraws trust at once; nothing that is heard until the next `start` counts. */
  stop(reason: string): void {
    this.#gap(reason);
    // Once: each further call would add a listener to a socket that is gone.
    if (this.#isWanted) this.#client.disconnect();
    this.#isWanted = false;
  }

  /**
   * Resolves to `true` once everything that happened before this call has been announced, to `false` on a gap. Two
   * pings of one's own, because an answer proves only what happened before the ping answered before it.
   */
  async provenNow(): Promise<boolean> {
    if (!this.#isArmed) return false;
    const session = this.#session;
    try {
      await this.#ping();
      await this.#ping();
    } catch {
      return false;
    }
    return this.#isArmed && session === this.#session;
  }

  #connect(): void {
    // 'reconnecting' too: a client told to disconnect in that state stays there and does nothing.
    if (!this.#isWanted || !['wait', 'end', 'reconnecting'].includes(this.#client.status)) return;
    this.#client.connect().catch(() => {
      // Reconnecting goes on by itself; until then there is no trust.
    });
  }

  async #arm(): Promise<void> {
    const session = ++this.#session;
    try {
      // A sentinel may have led the link to another server than the one that is read.
      if (!(await this.shard.isSameServer(this.#client))) throw new Error('another server');
      const id = await this.#client.client('ID');
      const prefixes = this.prefixes.flatMap((prefix) => ['PREFIX', prefix]);
      await this.#client.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', ...prefixes);
      await this.#client.subscribe(INVALIDATION_CHANNEL);
    } catch {
      if (session === this.#session) this.#drop('tracking was refused');
      return;
    }
    if (session !== this.#session || !this.#isWanted) return;
    this.#isArmed = true;
    this.#previousSentAtMs = undefined;
    this.listener.onArmed();
    void this.#beat(session);
  }

  async #beat(session: number): Promise<void> {
    const sentAtMs = this.clock.nowMs();
    try {
      // On another connection the server proves that it is still a primary.
      await Promise.all([this.#ping(), this.shard.confirm()]);
    } catch {
      if (session === this.#session) this.#drop('no heartbeat');
      return;
    }
    if (session !== this.#session || !this.#isWanted) return;
    const previousSentAtMs = this.#previousSentAtMs;
    this.#previousSentAtMs = sentAtMs;
    if (previousSentAtMs !== undefined) this.listener.onProven(previousSentAtMs);
    // The second ping follows at once, so that trust begins without waiting for a heartbeat.
    const pauseMs = previousSentAtMs === undefined ? 0 : this.heartbeatMs;
    this.#heartbeat = setTimeout(() => void this.#beat(session), pauseMs);
    this.#heartbeat.unref();
  }

  /** Any reply will do, since replies and announcements share the stream: under MISCONF Redis refuses even a PING. */
  async #ping(): Promise<void> {
    const sentAtMs = this.clock.nowMs();
    try {
      await this.#client.ping();
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('MISCONF')) throw error;
    }
    this.listener.onPong(this.clock.nowMs() - sentAtMs);
  }

  #heard(message: unknown): void {
    if (message === null || message === undefined) this.listener.onKeys(null);
    else if (Array.isArray(message)) this.listener.onKeys(message.map((key) => (key as Buffer).toString('latin1')));
    else if (Buffer.isBuffer(message)) this.listener.onKeys([message.toString('latin1')]);
  }

  #drop(reason: string): void {
    this.#gap(reason);
    // A link that does not answer is replaced; ioredis reconnects after a dropped socket, not after `disconnect()`.
    this.#client.disconnect(true);
  }

  #gap(reason: string): void {
    clearTimeout(this.#heartbeat);
    this.#session += 1;
    if (!this.#isArmed) return;
    this.#isArmed = false;
    this.listener.onGap(reason);
  }
}
