import { Logger } from '@nestjs/common';
import type { CacheEngine } from './cache/engine.js';
import { InvalidOptionsError } from './errors.js';
import { Keyspace } from './redis/keyspace.js';
import type { RedisConnection } from './redis/redis-connection.js';
import type { RedisCacheModuleOptions } from './redis-cache.options.js';
import { DestroyedSessions } from './session/destroyed-sessions.js';
import { evictionPolicies } from './session/eviction.js';
import { SessionService } from './session/session.service.js';
import { systemClock } from './time.js';

/** The sessions of an application, over a connection of its engine; `undefined` without the option. */
export function startSessions(
  engine: CacheEngine,
  { session, namespace = 'app' }: RedisCacheModuleOptions,
): SessionService<object> | undefined {
  if (session === undefined) return undefined;
  const connection = engine.connection(session.connection);
  if (connection === undefined) throw new InvalidOptionsError('session', ['it needs a connection to Redis']);
  const { events } = engine;
  const destroyed = new DestroyedSessions(connection, systemClock, events);
  const keyspace = new Keyspace(namespace);
  warnOfEviction(engine, connection, keyspace);
  return new SessionService({ connection, keyspace, events, destroyed, clock: systemClock }, session);
}

/** A Redis that evicts what it has not been asked for logs users out, and forgets what a logout everywhere has to end. */
function warnOfEviction({ events }: CacheEngine, connection: RedisConnection, keyspace: Keyspace): void {
  const logger = new Logger('RedisCacheModule');
  const warned = new Set<string>();
  const check = async (): Promise<void> => {
    for (const policy of await evictionPolicies(connection, keyspace)) {
      if (policy === 'noeviction' || warned.has(policy)) continue;
      warned.add(policy);
      logger.warn(
        `Connection "${connection.name}" may lose sessions: maxmemory-policy is ${policy}. Set noeviction, or give session.connection a Redis of its own.`,
      );
    }
  };
  const checkIfUp = (): void => {
    // Where INFO is not allowed, or Redis went away again, nobody can tell.
    if (connection.isUp) void check().catch(() => undefined);
  };
  events.on('breaker', ({ connection: name, state }) => {
    if (name === connection.name && state === 'closed') checkIfUp();
  });
  checkIfUp();
}
