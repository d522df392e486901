import type { DynamicModule } from '@nestjs/common';
import { ConfigModule, type ConfigType } from '@nestjs/config';
import { basicAuth, Public, RedisCacheModule } from 'nestjs-rcache';
import { redisCacheConfig } from 'nestjs-rcache/config';

/**
 * The cache as the environment wants it, with alerts and troubles in the log.
 *
 * @param operatorPassword of the user `operator` of the admin page, which there is only with one
 */
export function createCacheModule(operatorPassword: string | undefined): DynamicModule {
  const module = RedisCacheModule.forRootAsync({
    imports: [ConfigModule.forFeature(redisCacheConfig)],
    inject: [redisCacheConfig.KEY],
    useFactory: (options: ConfigType<typeof redisCacheConfig>) => ({
      ...options,
      alerts: true,
      log: { level: 'warn' },
    }),
    admin: operatorPassword !== undefined && {
      guards: [basicAuth({ operator: { password: operatorPassword, rights: ['read', 'write'] } })],
    },
  });
  // Without Redis nobody has a session, and that is when operators look: the page asks for its own password instead.
  for (const controller of module.controllers ?? []) Public()(controller);
  return module;
}
