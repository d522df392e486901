import { isIPv6 } from 'node:net';
import type { RedisOptions } from 'ioredis';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { InvalidOptionsError } from '../errors.js';
import { toTimeoutMs, type Duration } from '../time.js';

export interface RedisNode {
  host: string;
  /** Default 6379, or 26379 for a sentinel. */
  port?: number;
}

/** What a connection is for; each kind has its own socket so that none waits behind another. */
export type ConnectionKind = 'data' | 'control' | 'link' | 'admin';

/** How one kind of connection proves who it is. What is missing is taken from the connection's own options. */
export interface Credentials {
  username?: string;
  password?: string;
  /** Certificates that change while the application runs. */
  tls?: TlsOptions;
}

/** Asked at start, after every lost connection, and by `CacheEngine.rotateCredentials`. */
export type CredentialsProvider = (kind: ConnectionKind) => Credentials | Promise<Credentials>;

/** Where Redis is and how long to wait for it. */
export interface ConnectionOptions {
  /** `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. Excludes host, port, sentinels and cluster. */
  url?: string;
  /** Default `127.0.0.1`. */
  host?: string;
  /** Default 6379. */
  port?: number;
  /** Database number, default 0; a cluster has no other. */
  db?: number;
  username?: string;
  password?: string;
  /** Credentials by kind of connection, each called when they are needed anew. They win over username and password. */
  credentials?: CredentialsProvider;
  /** `true` uses the system's certificate authorities; options go to `tls.connect`. Default: plain TCP. */
  tls?: boolean | TlsOptions;
  /** Sentinels of a monitored primary; needs `sentinelName`. */
  sentinels?: readonly RedisNode[];
  sentinelName?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
  /** Default: as `tls`. */
  sentinelTls?: boolean | TlsOptions;
  /** Seed nodes of a Redis Cluster; the others are learned from them. */
  cluster?: readonly RedisNode[];
  /**
   * When an invalidation counts as `applied`: when the primary has done it (`primary`, the default), or when a replica
   * has it too (`replicated`), so that no failover brings back what was invalidated. Without a replica in reach
   * invalidations are then `queued` and tried again.
   */
  durability?: Durability;
  /** Most connections for reads and loads, of each node; more than one is opened only under pressure. Default 10. */
  maxConnections?: number;
  /** TCP connect budget, default 1 s. */
  connectTimeout?: Duration;
  /** Budget of one read or fill, default 250 ms. At least twice the round trip to Redis. */
  commandTimeout?: Duration;
  /** Budget of one invalidation, default 1 s. */
  controlTimeout?: Duration;
  /** A connection that owes a reply for this long is dropped, default 1 s; the only cure for a half-open socket. */
  socketTimeout?: Duration;
}

export type Durability = 'primary' | 'replicated';

export interface Timeouts {
  connectMs: number;
  commandMs: number;
  controlMs: number;
  socketMs: number;
}

export function timeoutsOf(options: ConnectionOptions): Timeouts {
  const commandMs = toTimeoutMs(options.commandTimeout ?? 250, 'commandTimeout');
  return {
    connectMs: toTimeoutMs(options.connectTimeout ?? 1000, 'connectTimeout'),
    commandMs,
    controlMs: toTimeoutMs(options.controlTimeout ?? 1000, 'controlTimeout'),
    socketMs: Math.max(toTimeoutMs(options.socketTimeout ?? 1000, 'socketTimeout'), Math.ceil(commandMs * 1.5)),
  };
}

const LINK_TIMEOUT_MS = 500;
const ADMIN_TIMEOUT_MS = 5000;
/** A sentinel that does not answer this fast is passed over for the next one. */
const SENTINEL_TIMEOUT_MS = 500;

/**
 * ioredis settings chosen for a cache rather than for a database: fail now instead of queueing (the defaults let a call
 * wait for over a minute), never resend (a resent write may apply twice), and drop a socket that owes a reply.
 *
 * `maxRetriesPerRequest: 0` and `autoResendUnfulfilledCommands: false` belong together: the second alone leaves the
 * commands in flight pending for ever in ioredis 6.0.0 (redis/ioredis#2193).
 *
 * @param node the node of a cluster, whose address is not among the options
 */
export function clientOptions(options: ConnectionOptions, kind: ConnectionKind, node?: RedisNode): RedisOptions {
  const timeouts = timeoutsOf(options);
  const commandMs = {
    data: timeouts.commandMs,
    control: timeouts.controlMs,
    link: LINK_TIMEOUT_MS,
    admin: ADMIN_TIMEOUT_MS,
  }[kind];
  return {
    ...addressOf(options, node),
    ...identityOf(options),
    // Seen in CLIENT LIST.
    connectionName: `rcache:${kind}`,
    protocol: 2,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableReadyCheck: true,
    maxLoadingRetryTime: 500,
    disableClientInfo: true,
    // Where our own deadline stands before it, which knows when this process was busy, this one is for the handshake.
    commandTimeout: kind === 'link' ? commandMs : commandMs * 5,
    connectTimeout: timeouts.connectMs,
    socketTimeout: Math.max(timeouts.socketMs, commandMs * 1.5),
    disconnectTimeout: 100,
    keepAlive: 10_000,
    retryStrategy: reconnectDelayMs,
  };
}

/** Settings of a client that listens to one sentinel. */
export function sentinelClientOptions(options: ConnectionOptions, { host, port }: RedisNode): RedisOptions {
  const tls = tlsOf(options.sentinelTls ?? options.tls);
  return {
    host,
    port: port ?? 26379,
    ...(options.sentinelUsername === undefined ? {} : { username: options.sentinelUsername }),
    ...(options.sentinelPassword === undefined ? {} : { password: options.sentinelPassword }),
    ...(tls === undefined ? {} : { tls }),
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: timeoutsOf(options).connectMs,
    socketTimeout: 3 * SENTINEL_TIMEOUT_MS,
    retryStrategy: reconnectDelayMs,
  };
}

function reconnectDelayMs(attempt: number): number {
  return Math.min(50 * 2 ** (attempt - 1), 1000) * (0.5 + Math.random());
}

function identityOf(options: ConnectionOptions): RedisOptions {
  const tls = tlsOf(options.tls);
  return {
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.db === undefined ? {} : { db: options.db }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function tlsOf(tls: boolean | TlsOptions | undefined): TlsOptions | undefined {
  return tls === true ? {} : tls === false ? undefined : tls;
}

function addressOf(options: ConnectionOptions, node: RedisNode | undefined): RedisOptions {
  if (node !== undefined) return { host: node.host, port: node.port ?? 6379 };
  if (options.sentinels !== undefined) return sentinelsOf(options, options.sentinels);
  if (options.url !== undefined) return parseUrl(options.url);
  return { host: options.host ?? '127.0.0.1', port: options.port ?? 6379 };
}

function sentinelsOf(options: ConnectionOptions, sentinels: readonly RedisNode[]): RedisOptions {
  const sentinelTls = tlsOf(options.sentinelTls ?? options.tls);
  return {
    sentinels: sentinels.map(({ host, port }) => ({ host, port: port ?? 26379 })),
    name: options.sentinelName ?? 'mymaster',
    ...(options.sentinelUsername === undefined ? {} : { sentinelUsername: options.sentinelUsername }),
    ...(options.sentinelPassword === undefined ? {} : { sentinelPassword: options.sentinelPassword }),
    ...(tlsOf(options.tls) === undefined ? {} : { enableTLSForSentinelMode: true }),
    ...(sentinelTls === undefined ? {} : { sentinelTLS: sentinelTls }),
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    sentinelRetryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
    // A switch of the primary is heard by SentinelWatch, once for all connections and without noise on stderr.
    failoverDetector: false,
    updateSentinels: true,
  };
}

/** @throws InvalidOptionsError for what is not `redis://[user:password@]host[:port][/db]` */
export function parseUrl(text: string): RedisOptions {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refusedUrl('is not a URL; allowed is redis://[user:password@]host[:port][/db]');
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw refusedUrl('begins with another scheme; allowed are redis: and rediss:');
  }
  const [username, password, host] = [url.username, url.password, url.hostname].map(decoded);
  const path = url.pathname.replace(/^\//, '');
  const db = path === '' ? 0 : /^\d{1,5}$/.test(path) ? Number(path) : NaN;
  if (Number.isNaN(db) || url.search !== '' || url.hash !== '') {
    throw refusedUrl(
      'has something other than a database number after the host; write / ? and # in a password as %2F %3F %23',
    );
  }
  if (url.port === '0') throw refusedUrl('has port 0; allowed are 1 to 65535');
  return {
    host: host?.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 6379 : Number(url.port),
    db,
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw refusedUrl(
      'has a % that is not followed by two hexadecimal digits; write % as %25 in user name and password',
    );
  }
}

/** Nothing of the URL is repeated: where it is misspelt any part may be that of a password. */
function refusedUrl(problem: string): InvalidOptionsError {
  return new InvalidOptionsError('connection', [`url: ${problem}`]);
}

/** Whether it is a host name or an address; a URL, or an address with its port, is neither. */
export function isHost(value: unknown): value is string {
  return typeof value === 'string' && /^[^\s/@[\]]+$/.test(value) && (!value.includes(':') || isIPv6(value));
}
