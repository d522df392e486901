import { type DynamicModule, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CACHE_ENGINE, type CacheEngine, RedisCacheModule, type RedisCacheModuleOptions } from 'nestjs-rcache';
import { Pool } from 'pg';
import { trusted } from '../../support/engines.js';
import { testRedisUrl, uniqueNamespace } from '../../support/servers.js';
import { sessionKeys } from '../../support/sessions.js';

const running: INestApplication[] = [];

/** The pool of the application, injectable everywhere. */
@Module({})
class PoolModule {
  static of(pool: Pool): DynamicModule {
    return { module: PoolModule, global: true, providers: [{ provide: Pool, useValue: pool }], exports: [Pool] };
  }
}

/**
 * Instances of one deployment, listening: they share the database, the namespace and the keys of sessions. Closed after the
 * test.
 *
 * @param application its module
 */
export async function startInstances(
  count: number,
  application: new () => object,
  pool: Pool,
  options: RedisCacheModuleOptions = {},
): Promise<INestApplication[]> {
  const shared: RedisCacheModuleOptions = {
    connection: { url: testRedisUrl() },
    namespace: uniqueNamespace(),
    startTimeout: '5s',
    session: sessionKeys,
    ...options,
  };
  const instances: INestApplication[] = [];
  for (let index = 0; index < count; index++) {
    const imports = [PoolModule.of(pool), RedisCacheModule.forRoot(shared), application];
    const app = await NestFactory.create(
      { module: class Instance {}, imports },
      { logger: false, abortOnError: false },
    );
    running.push(app);
    await app.listen(0, '127.0.0.1');
    if (options.enabled !== false) await trusted(app.get<CacheEngine>(CACHE_ENGINE));
    instances.push(app);
  }
  return instances;
}

/** One such instance. */
export async function startInstance(
  application: new () => object,
  pool: Pool,
  options: RedisCacheModuleOptions = {},
): Promise<INestApplication> {
  const [app] = await startInstances(1, application, pool, options);
  return app!;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.close()));
});
