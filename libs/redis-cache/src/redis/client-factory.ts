import { Redis } from 'ioredis';
import { clientOptions, type ConnectionKind, type ConnectionOptions, type RedisNode } from './connection-options.js';
import type { CredentialSource } from './credential-source.js';
import { translateRedisError } from './redis-errors.js';

/**
 * Makes the clients of one server and keeps their credentials current. ioredis reads user, password and certificates
 * from a client's options whenever it connects, so that changing them there is enough for the next time.
 */
export class ClientFactory {
  readonly #clients = new Map<Redis, ConnectionKind>();

  constructor(
    private readonly options: ConnectionOptions,
    private readonly credentials: CredentialSource,
    private readonly node?: RedisNode,
    /** Told why a client cannot connect. */
    private readonly onError: (error: unknown) => void = ignore,
    /** Told that a client which had lost its connection has one again. */
    private readonly onReconnect: (kind: ConnectionKind) => void = ignore,
  ) {}

  create(kind: ConnectionKind): Redis {
    const client = new Redis(clientOptions(this.options, kind, this.node));
    Object.assign(client.options, this.credentials.of(kind));
    this.#clients.set(client, kind);
    client.on('error', this.onError);
    client.once('ready', () => {
      client.on('ready', () => {
        this.onReconnect(kind);
      });
    });
    client.on('close', () => {
      this.refresh().catch(ignore);
    });
    return client;
  }

  /** A client that will not be used again. */
  discard(client: Redis): void {
    this.#clients.delete(client);
    client.disconnect();
  }

  /** Takes over the credentials of now, for the next connect. Rejects with what the application's function throws. */
  async refresh(): Promise<void> {
    await this.credentials.refresh();
    for (const [client, kind] of this.#clients) Object.assign(client.options, this.credentials.of(kind));
  }

  /** The same, and proves them on what is connected now; the link, which hears only, keeps what it has till it reconnects. */
  async rotate(): Promise<void> {
    await this.refresh();
    await Promise.all(
      [...this.#clients].map(async ([client, kind]) => {
        const { username = this.options.username ?? 'default', password } = this.credentials.of(kind);
        if (kind !== 'link' && client.status === 'ready' && password !== undefined) {
          await client.auth(username, password).catch((error: unknown) => {
            throw translateRedisError(error, 'AUTH');
          });
        }
      }),
    );
  }
}

/** The state of a connection tells what went wrong; without a listener ioredis prints every error. */
function ignore(): void {}
