import type { RedisOptions } from 'ioredis';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { InvalidOptionsError } from '../errors.js';
import { toMs, type Duration } from '../time.js';

export interface RedisNode {
  host: string;
  /** Default 6379, or 26379 for a sentinel. */
  port?: number;
}

/** Where Redis is and how long to wait for it. */
export interface ConnectionOptions {
  /** `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. Excludes host, port, sentinels and cluster. */
  url?: string;
  /** Default `127.0.0.1`. */
  host?: string;
  /** Default 6379. */
  port?: number;
  /** Database number, default 0. */
  db?: number;
  username?: string;
  password?: string;
  /** `true` uses the system's certificate authorities; options go to `tls.connect`. Default: plain TCP. */
  tls?: boolean | TlsOptions;
  /** Sentinels of a monitored primary; needs `sentinelName`. */
  sentinels?: readonly RedisNode[];
  sentinelName?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
  /** Seed nodes of a Redis Cluster. */
  cluster?: readonly RedisNode[];
  /** Most connections for reads and loads; more than one is opened only under pressure. Default 10. */
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

/** What a connection is for; each kind has its own socket so that none waits behind another. */
export type ConnectionKind = 'data' | 'control' | 'link' | 'admin';

export interface Timeouts {
  connectMs: number;
  commandMs: number;
  controlMs: number;
  socketMs: number;
}

export function timeoutsOf(options: ConnectionOptions): Timeouts {
  const commandMs = toMs(options.commandTimeout ?? 250, 'commandTimeout');
  return {
    connectMs: toMs(options.connectTimeout ?? 1000, 'connectTimeout'),
    commandMs,
    controlMs: toMs(options.controlTimeout ?? 1000, 'controlTimeout'),
    socketMs: Math.max(toMs(options.socketTimeout ?? 1000, 'socketTimeout'), Math.ceil(commandMs * 1.5)),
  };
}

const LINK_TIMEOUT_MS = 500;
const ADMIN_TIMEOUT_MS = 5000;

/**
 * ioredis settings chosen for a cache rather than for a database: fail now instead of queueing (the defaults let a call
 * wait for over a minute), never resend (a resent write may apply twice), and drop a socket that owes a reply.
 *
 * `maxRetriesPerRequest: 0` and `autoResendUnfulfilledCommands: false` belong together: the second alone leaves the
 * commands in flight pending for ever in ioredis 6.0.0 (redis/ioredis#2193).
 */
export function clientOptions(options: ConnectionOptions, kind: ConnectionKind): RedisOptions {
  const timeouts = timeoutsOf(options);
  const commandMs = {
    data: timeouts.commandMs,
    control: timeouts.controlMs,
    link: LINK_TIMEOUT_MS,
    admin: ADMIN_TIMEOUT_MS,
  }[kind];
  return {
    ...addressOf(options),
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
    retryStrategy: (attempt) => Math.min(50 * 2 ** (attempt - 1), 1000) * (0.5 + Math.random()),
  };
}

function addressOf(options: ConnectionOptions): RedisOptions {
  const tls = options.tls === true ? {} : options.tls === false ? undefined : options.tls;
  const shared = {
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.db === undefined ? {} : { db: options.db }),
    ...(tls === undefined ? {} : { tls }),
  };
  if (options.cluster !== undefined) {
    throw new InvalidOptionsError('connection', [
      'cluster: Redis Cluster is not supported yet; use url, host or sentinels',
    ]);
  }
  if (options.sentinels !== undefined) {
    return {
      ...shared,
      sentinels: options.sentinels.map(({ host, port }) => ({ host, port: port ?? 26379 })),
      name: options.sentinelName ?? 'mymaster',
      ...(options.sentinelUsername === undefined ? {} : { sentinelUsername: options.sentinelUsername }),
      ...(options.sentinelPassword === undefined ? {} : { sentinelPassword: options.sentinelPassword }),
      ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
      sentinelCommandTimeout: 500,
      sentinelRetryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
      failoverDetector: true,
      updateSentinels: true,
    };
  }
  if (options.url !== undefined) return { ...parseUrl(options.url), ...shared };
  return { host: options.host ?? '127.0.0.1', port: options.port ?? 6379, ...shared };
}

/** Throws `InvalidOptionsError` without repeating the address, which may hold a password. */
export function parseUrl(text: string): RedisOptions {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new InvalidOptionsError('connection', [
      'url: is not a URL; allowed is redis://[user:password@]host[:port][/db]',
    ]);
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw new InvalidOptionsError('connection', [`url: begins with "${url.protocol}"; allowed are redis: and rediss:`]);
  }
  const [username, password, host] = [url.username, url.password, url.hostname].map(decoded);
  const path = url.pathname.replace(/^\//, '');
  const db = path === '' ? 0 : Number(path);
  if (!Number.isInteger(db) || db < 0) {
    throw new InvalidOptionsError('connection', [`url: the path "${path}" is not a database number`]);
  }
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
    throw new InvalidOptionsError('connection', [
      'url: has a % that is not followed by two hexadecimal digits; write % as %25 in user name and password',
    ]);
  }
}
