import type { Keyspace } from '../redis/keyspace.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { Script } from '../redis/script.js';

/** KEYS any, to find a server by. Reply: its `maxmemory-policy`. */
const POLICY = new Script(
  'session-eviction',
  1,
  `return string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:(%S+)')`,
);

/** Keys this many slots of a cluster apart find all of its nodes, unless one has hardly any slots. */
const PROBES = 64;

/**
 * The `maxmemory-policy` of the servers that hold sessions, each once. Every session has an expiry, so all policies but
 * `noeviction` may evict sessions: `allkeys-*` and `volatile-*` alike.
 */
export async function evictionPolicies(
  connection: Pick<RedisConnection, 'run'>,
  keyspace: Keyspace,
): Promise<ReadonlySet<string>> {
  const keys = Array.from({ length: PROBES }, (_, probe) => keyspace.session(String(probe), ''));
  const policies = await Promise.all(keys.map((key) => connection.run('control', POLICY, [key])));
  return new Set(policies.map(String));
}
