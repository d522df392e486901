import { RedisUnavailableError } from '../errors.js';
import type { RedisConnection } from './redis-connection.js';

/** Keys of one MGET; a longer one would hold up the server and the replies behind it. */
const MAX_KEYS = 128;

interface PendingRead {
  key: string;
  resolve: (value: Buffer | null) => void;
  reject: (error: unknown) => void;
}

/**
 * Sends the GETs of one turn of the event loop as one MGET: most of what a read costs in ioredis is the command object
 * and its promise, not the bytes.
 */
export class MergedReads {
  #pending: PendingRead[] = [];

  constructor(private readonly connection: RedisConnection) {}

  get(key: string): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      if (!this.connection.isUp) {
        reject(new RedisUnavailableError('Redis is down: GET was not sent.'));
        return;
      }
      this.#pending.push({ key, resolve, reject });
      if (this.#pending.length === 1)
        process.nextTick(() => {
          this.#flush();
        });
      else if (this.#pending.length === MAX_KEYS) this.#flush();
    });
  }

  #flush(): void {
    const reads = this.#pending;
    if (reads.length === 0) return;
    this.#pending = [];
    this.#send(reads).then(
      (values) => {
        for (let i = 0; i < reads.length; i++) (reads[i] as PendingRead).resolve(values[i] ?? null);
      },
      (error: unknown) => {
        for (const read of reads) read.reject(error);
      },
    );
  }

  #send(reads: readonly PendingRead[]): Promise<(Buffer | null)[]> {
    // MGET even for one key: it answers nil for a foreign type where GET would be an error.
    return this.connection.execute('data', 'MGET', (client) => client.mgetBuffer(reads.map(({ key }) => key)));
  }
}
