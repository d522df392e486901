import { RedisUnavailableError } from '../errors.js';
import type { RedisConnection } from './redis-connection.js';

/** Keys of one MGET; a longer one would hold up the server and the replies behind it. */
const MAX_KEYS = 128;
/** Further reads wait, and merge, until one of these is answered: their time to answer does not run meanwhile. */
const MAX_OUTSTANDING = 8;

interface PendingRead {
  key: string;
  resolve: (value: Buffer | null) => void;
  reject: (error: unknown) => void;
}

/**
 * Sends the GETs of one turn of the event loop as one MGET, or a few: most of what a read costs in ioredis is the command object
 * and its promise, not the bytes.
 */
export class MergedReads {
  readonly #pending: PendingRead[] = [];
  #outstanding = 0;
  #isScheduled = false;

  constructor(private readonly connection: RedisConnection) {}

  get(key: string): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      if (!this.connection.isUp) {
        reject(new RedisUnavailableError('Redis is down: GET was not sent.'));
        return;
      }
      this.#pending.push({ key, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      process.nextTick(() => {
        this.#isScheduled = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    while (this.#pending.length > 0 && this.#outstanding < MAX_OUTSTANDING) {
      void this.#answer(this.#pending.splice(0, MAX_KEYS));
    }
  }

  async #answer(reads: readonly PendingRead[]): Promise<void> {
    this.#outstanding += 1;
    try {
      const values = await this.#send(reads);
      for (const [index, { resolve }] of reads.entries()) resolve(values[index] ?? null);
    } catch (error) {
      for (const { reject } of reads) reject(error);
    } finally {
      this.#outstanding -= 1;
      this.#flush();
    }
  }

  #send(reads: readonly PendingRead[]): Promise<(Buffer | null)[]> {
    // MGET even for one key: it answers nil for a foreign type where GET would be an error.
    return this.connection.execute('data', 'MGET', (client) => client.mgetBuffer(reads.map(({ key }) => key)));
  }
}
