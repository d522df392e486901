import { randomBytes } from 'node:crypto';
import { EventChannel } from '../../libs/redis-cache/src/events.js';
import type { ConnectionOptions } from '../../libs/redis-cache/src/redis/connection-options.js';
import { Keyspace } from '../../libs/redis-cache/src/redis/keyspace.js';
import { RedisConnection } from '../../libs/redis-cache/src/redis/redis-connection.js';
import { DestroyedSessions } from '../../libs/redis-cache/src/session/destroyed-sessions.js';
import type { SessionOptions } from '../../libs/redis-cache/src/session/session-options.js';
import { SessionService } from '../../libs/redis-cache/src/session/session.service.js';
import { systemClock } from '../../libs/redis-cache/src/time.js';
import { testConnection, uniqueNamespace } from './servers.js';

export const newSecret = (): string => randomBytes(32).toString('base64');
export const newKey = (name: string): string => `${name}:${newSecret()}`;

/** The same for all processes of a test. */
export const sessionKeys = { keys: [newKey('test')], indexKey: newSecret() };

export interface SessionProcess<Data extends object> extends Backend {
  readonly sessions: SessionService<Data>;
}

export interface Backend {
  readonly events: EventChannel;
  readonly connection: RedisConnection;
  readonly destroyed: DestroyedSessions;
  readonly keyspace: Keyspace;
}

export interface SessionProcessOptions<Data extends object> extends Partial<SessionOptions<Data>> {
  namespace?: string;
  redis?: ConnectionOptions;
}

const open: RedisConnection[] = [];

/**
 * Sessions with a connection of their own, on the Redis of the test run unless told otherwise, closed after the test. Two
 * of them in one namespace behave like two processes: they share nothing but Redis.
 */
export async function startSessions<Data extends object>(
  { namespace = uniqueNamespace(), redis = testConnection(), ...options }: SessionProcessOptions<Data> = {},
  mustBeUp = true,
): Promise<SessionProcess<Data>> {
  const events = new EventChannel();
  const connection = new RedisConnection('default', redis, systemClock, events, {
    recover: async () => {},
    onStateChange: () => {},
    onMoved: () => {},
  });
  const destroyed = new DestroyedSessions(connection, systemClock, events);
  open.push(connection);
  const keyspace = new Keyspace(namespace);
  const backend = { connection, keyspace, events, destroyed, clock: systemClock };
  const sessions = new SessionService<Data>(backend, { ...sessionKeys, ...options });
  if (!(await connection.start(10_000)) && mustBeUp) throw new Error('Redis was not reached.');
  return { sessions, events, connection, destroyed, keyspace };
}

/** Names of what Redis holds in a namespace, on all of its nodes. */
export async function keysOf({ connection, keyspace }: Backend): Promise<string[]> {
  const keys = new Set<string>();
  await connection.scan(`${keyspace.namespace}:*`, async (page) => {
    for (const key of page) keys.add(key);
  });
  return [...keys];
}

/** Every byte Redis holds in a namespace: names of keys, fields, members and values. */
export async function dump(backend: Backend): Promise<Map<string, Buffer[]>> {
  const { client } = backend.connection;
  const held = new Map<string, Buffer[]>();
  for (const key of await keysOf(backend)) {
    const [name, ...args] = (await client.type(key)) === 'hash' ? ['HGETALL'] : ['ZRANGE', '0', '-1', 'WITHSCORES'];
    held.set(key, (await client.callBuffer(name, key, ...args)) as Buffer[]);
  }
  return held;
}

/** Needed only where what they connect to goes before the test ends. */
export function closeSessions(): void {
  for (const connection of open.splice(0)) connection.close();
}

afterEach(closeSessions);
