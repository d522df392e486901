import { Redis } from 'ioredis';
import { type ConnectionOptions, type RedisNode, sentinelClientOptions } from './connection-options.js';

const SWITCH_CHANNEL = '+switch-master';

/**
 * Hears from every sentinel that the primary was switched. Without it a planned failover goes unnoticed for as long as
 * the old primary keeps accepting writes, about ten seconds, all of which are lost. The detector of ioredis does the
 * same for each client on its own, and prints connection errors nobody can silence.
 */
export class SentinelWatch {
  readonly #clients: Redis[];

  constructor(options: ConnectionOptions & { sentinels: readonly RedisNode[] }, onSwitch: () => void) {
    this.#clients = options.sentinels.map((sentinel) => {
      const client = new Redis(sentinelClientOptions(options, sentinel));
      client.on('error', ignore);
      client.on('ready', () => {
        client.subscribe(SWITCH_CHANNEL).catch(ignore);
      });
      client.on('message', (_channel: string, message: string) => {
        // `<name> <old host> <old port> <new host> <new port>`
        if (message.split(' ', 1)[0] === options.sentinelName) onSwitch();
      });
      return client;
    });
  }

  start(): void {
    for (const client of this.#clients) client.connect().catch(ignore);
  }

  close(): void {
    for (const client of this.#clients) client.disconnect();
  }
}

/** A sentinel that cannot be reached is tried again; the others tell meanwhile. */
function ignore(): void {}
