import type { DynamicModule } from '@nestjs/common';
import { ConfigModule, type ConfigType } from '@nestjs/config';
import { basicAuth, Public, RedisCacheModule, type RedisCacheModuleOptions } from 'nestjs-rcache';
import { redisCacheConfig } from 'nestjs-rcache/config';
import type { Environment } from './environment.js';

/** The connection of what must not be lost, and is missed by everybody while it is away: sessions and counts of logins. */
export const SESSIONS = 'sessions';

/** The cache and the sessions as the environment wants them, with alerts, and troubles in the log. */
export function createCacheModule({ SESSION_REDIS_URL, ADMIN_PASSWORD }: Environment): DynamicModule {
  const module = RedisCacheModule.forRootAsync({
    imports: [ConfigModule.forFeature(redisCacheConfig)],
    inject: [redisCacheConfig.KEY],
    useFactory: (options: ConfigType<typeof redisCacheConfig>) => ({
      ...withSessionsApart(options, SESSION_REDIS_URL),
      // Whatever a query is changed to return some day: hashes of passwords stay out of Redis.
      defaults: { ...options.defaults, sensitive: true },
      alerts: true,
      log: { level: 'warn' },
    }),
    connectionNames: [SESSIONS],
    admin: ADMIN_PASSWORD !== undefined && {
      guards: [basicAuth({ operator: { password: ADMIN_PASSWORD, rights: ['read', 'write'] } })],
      topKeys: 20,
    },
  });
  // Without Redis nobody has a session, and that is when operators look: the page asks for its own password instead.
  for (const controller of module.controllers ?? []) Public()(controller);
  return module;
}

function withSessionsApart(options: RedisCacheModuleOptions, url?: string): RedisCacheModuleOptions {
  const { connection, connections, session } = options;
  const own = url === undefined ? connection : { url };
  // Without any Redis the library says that sessions need one.
  if (!own || !session) return options;
  return {
    ...options,
    connections: { [SESSIONS]: own, ...connections },
    session: { ...session, connection: SESSIONS },
  };
}
