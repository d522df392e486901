import type { Redis } from 'ioredis';
import { RedisUnavailableError } from '../errors.js';
import type { Clock } from '../time.js';
import { translateRedisError } from './redis-errors.js';
import { sendNow } from './send-together.js';
import { groupBySlot } from './slots.js';

/**
 * Keys of one MGET: a longer one saves little more, and its values all wait for the last. So many do not wait for the end of
 * the turn: Redis looks for them while this process asks for more.
 */
const MAX_KEYS = 32;
/** The same where one caller waits for all of them: a command costs more than what a value waits for the next ones. */
const MAX_KEYS_OF_BATCH = 128;
/** Further reads wait, and merge, until one of these is answered: their time to answer does not run meanwhile. */
const MAX_OUTSTANDING = 16;

/** The primary that is read. */
interface Target {
  readonly isUp: boolean;
  readonly isCluster: boolean;
  execute<T>(lane: 'data', command: string, operation: (client: Redis) => Promise<T>): Promise<T>;
}

/** Who asks for a key. Told once, never at once, what it holds or why nobody knows; must not throw. */
export interface ValueReceiver {
  readonly redisKey: string;
  /** @param nowMs when the reply was read: what came with it is judged by one look at the clock, before anything else runs */
  received(value: Buffer | null, nowMs: number): void;
  failed(error: unknown): void;
}

/**
 * Sends the GETs of one turn of the event loop as one MGET, or a few: most of what a read costs in ioredis is the command object
 * and its promise, not the bytes. A cluster answers only keys of one slot at once, so there it is one MGET per slot, and
 * all of them in one write.
 */
export class MergedReads {
  readonly #pending: ValueReceiver[] = [];
  readonly #batches: (readonly ValueReceiver[])[] = [];
  #outstanding = 0;
  #isBatchNext = false;
  #isScheduled = false;

  constructor(
    private readonly shard: Target,
    private readonly clock: Clock,
  ) {}

  /** Fails with `RedirectedError` when another node of the cluster has the key. */
  ask(receiver: ValueReceiver): void {
    if (!this.shard.isUp) {
      this.#refuse([receiver]);
      return;
    }
    if (this.#pending.push(receiver) >= MAX_KEYS) {
      this.#flush();
      return;
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** Sends at once what one caller asks for. */
  askAll(receivers: readonly ValueReceiver[]): void {
    if (!this.shard.isUp) {
      this.#refuse(receivers);
      return;
    }
    for (let from = 0; from < receivers.length; from += MAX_KEYS_OF_BATCH) {
      this.#batches.push(receivers.slice(from, from + MAX_KEYS_OF_BATCH));
    }
    while (this.#outstanding < MAX_OUTSTANDING && this.#batches.length > 0) {
      void this.#answer(this.#batches.shift() as readonly ValueReceiver[]);
    }
  }

  #refuse(receivers: readonly ValueReceiver[]): void {
    queueMicrotask(() => {
      const error = new RedisUnavailableError('Redis is down: GET was not sent.');
      for (const receiver of receivers) receiver.failed(error);
    });
  }

  #flush(): void {
    // By turns: neither a large batch nor many small reads keep the others waiting.
    while (this.#outstanding < MAX_OUTSTANDING && this.#pending.length + this.#batches.length > 0) {
      const batch = this.#isBatchNext || this.#pending.length === 0 ? this.#batches.shift() : undefined;
      this.#isBatchNext = batch === undefined;
      void this.#answer(batch ?? this.#pending.splice(0, MAX_KEYS));
    }
  }

  async #answer(reads: readonly ValueReceiver[]): Promise<void> {
    this.#outstanding += 1;
    try {
      if (this.shard.isCluster) await this.#answerBySlot(reads);
      else
        this.#settle(
          reads,
          await this.shard.execute('data', 'MGET', (client) => {
            const reply = mget(client, reads);
            if (reads.length >= MAX_KEYS) sendNow(client);
            return reply;
          }),
        );
    } catch (error) {
      for (const read of reads) read.failed(error);
    } finally {
      this.#outstanding -= 1;
      this.#flush();
    }
  }

  async #answerBySlot(reads: readonly ValueReceiver[]): Promise<void> {
    const bySlot = groupBySlot(reads, ({ redisKey }) => redisKey);
    const replies = await this.shard.execute('data', 'MGET', async (client) => {
      const pipeline = client.pipeline();
      for (const group of bySlot) pipeline.mgetBuffer(keysOf(group));
      return (await pipeline.exec()) ?? [];
    });
    for (const [index, group] of bySlot.entries()) {
      const [error, values] = replies[index] ?? [new Error('no reply')];
      if (error === null) this.#settle(group, values as (Buffer | null)[]);
      else for (const read of group) read.failed(translateRedisError(error, 'MGET'));
    }
  }

  #settle(reads: readonly ValueReceiver[], values: readonly (Buffer | null)[]): void {
    const nowMs = this.clock.nowMs();
    for (let index = 0; index < reads.length; index++) {
      (reads[index] as ValueReceiver).received(values[index] ?? null, nowMs);
    }
  }
}

/** MGET even for one key: it answers nil for a foreign type where GET would be an error. */
function mget(client: Redis, reads: readonly ValueReceiver[]): Promise<(Buffer | null)[]> {
  return client.mgetBuffer(keysOf(reads));
}

function keysOf(reads: readonly ValueReceiver[]): string[] {
  return reads.map(({ redisKey }) => redisKey);
}
