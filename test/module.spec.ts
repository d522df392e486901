import { Inject, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Test, type TestingModule } from '@nestjs/testing';
import type { Redis } from 'ioredis';
import {
  CACHE_ENGINE,
  type CacheEngine,
  type CacheOf,
  CacheService,
  defineCache,
  getCacheToken,
  getRedisToken,
  InjectCache,
  InjectRedis,
  InvalidOptionsError,
  RedisCacheModule,
  type RedisCacheModuleOptions,
  type RedisCacheOptionsFactory,
  RedisUnavailableError,
} from 'nestjs-rcache';
import { redisCacheConfig } from 'nestjs-rcache/config';
import { freePort } from '../scripts/servers.mjs';
import { eventually } from './support/eventually.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

const users = defineCache({ name: 'users', key: (id: number) => ['user', id] });

const running: TestingModule[] = [];

function options(more: RedisCacheModuleOptions = {}): RedisCacheModuleOptions {
  return { connection: { url: testRedisUrl() }, namespace: uniqueNamespace(), startTimeout: '5s', ...more };
}

async function start(metadata: ModuleMetadata): Promise<TestingModule> {
  const module = await Test.createTestingModule(metadata).compile();
  running.push(module);
  return module.init();
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((module) => module.close()));
});

describe('RedisCacheModule', () => {
  it('gives the default cache to every module, connected before anybody can use it', async () => {
    @Injectable()
    class Warmer {
      source: string | undefined;
      constructor(
        private readonly cache: CacheService,
        @InjectCache() readonly sameCache: CacheService,
        @InjectRedis() readonly redis: Redis,
      ) {}
      async onModuleInit(): Promise<void> {
        await this.cache.set('warm', 1);
        const found = await this.cache.lookup('warm', { l1: false });
        this.source = found.isHit ? found.source : found.reason;
      }
    }
    @Module({ providers: [Warmer] })
    class WarmModule {}

    const app = await start({ imports: [WarmModule, RedisCacheModule.forRoot(options())] });
    const warmer = app.get(Warmer, { strict: false });
    expect(warmer.source).toBe('l2');
    expect(warmer.sameCache).toBe(app.get(CacheService));
    expect(await warmer.redis.ping()).toBe('PONG');
  });

  it('takes its options from a factory, a class, or a class that exists', async () => {
    const given = options();
    @Injectable()
    class OptionsFactory implements RedisCacheOptionsFactory {
      createRedisCacheOptions(): RedisCacheModuleOptions {
        return given;
      }
    }
    @Module({ providers: [OptionsFactory, { provide: 'given', useValue: given }], exports: [OptionsFactory, 'given'] })
    class OptionsModule {}

    const imports = [OptionsModule];
    const useFactory = (injected: RedisCacheModuleOptions): RedisCacheModuleOptions => injected;
    const modules = [
      RedisCacheModule.forRootAsync({ imports, inject: ['given'], useFactory }),
      RedisCacheModule.forRootAsync({ useClass: OptionsFactory }),
      RedisCacheModule.forRootAsync({ imports, useExisting: OptionsFactory }),
    ];
    for (const module of modules) {
      const app = await start({ imports: [module] });
      expect(await app.get(CacheService).getOrSet('shared', () => 'first', { l1: false })).toBe('first');
    }
  });

  it('takes its options from the environment through @nestjs/config', async () => {
    const namespace = uniqueNamespace();
    Object.assign(process.env, { REDIS_URL: testRedisUrl(), CACHE_NAMESPACE: namespace, CACHE_TTL_USERS: '77s' });
    try {
      const app = await start({
        imports: [
          ConfigModule.forRoot({ ignoreEnvFile: true }),
          RedisCacheModule.forRootAsync(redisCacheConfig.asProvider()),
          RedisCacheModule.forFeature([users]),
        ],
      });
      const cache = app.get<CacheOf<typeof users>>(getCacheToken(users), { strict: false });
      await cache.for(1).set('Ada');
      expect(await cache.for(1).ttl()).toBeGreaterThan(70_000);
      const redis = app.get<Redis>(getRedisToken());
      expect((await redis.keys(`${namespace}:e:*`)).length).toBe(1);
    } finally {
      for (const name of ['REDIS_URL', 'CACHE_NAMESPACE', 'CACHE_TTL_USERS']) Reflect.deleteProperty(process.env, name);
    }
  });

  it('gives every module that names a definition the same cache', async () => {
    @Injectable()
    class Reader {
      constructor(@InjectCache(users) readonly cache: CacheOf<typeof users>) {}
    }
    @Injectable()
    class Evictor {
      constructor(@InjectCache('users') readonly cache: CacheOf<typeof users>) {}
    }
    @Module({ imports: [RedisCacheModule.forFeature([users])], providers: [Reader] })
    class ReaderModule {}
    @Module({ imports: [RedisCacheModule.forFeature([users])], providers: [Evictor] })
    class EvictorModule {}

    const app = await start({ imports: [RedisCacheModule.forRoot(options()), ReaderModule, EvictorModule] });
    const reader = app.get(Reader, { strict: false });
    await reader.cache.for(7).set('Ada');
    await app.get(Evictor, { strict: false }).cache.for(7).delete();
    expect(await reader.cache.for(7).get()).toBeUndefined();
    expect(app.get(Evictor, { strict: false }).cache).toBe(reader.cache);
  });

  it('stays inside the modules that import it when it is not global', async () => {
    @Injectable()
    class Reader {
      constructor(@InjectCache(users) readonly cache: CacheOf<typeof users>) {}
    }
    @Injectable()
    class Stranger {
      constructor(@Inject(CacheService) readonly cache: CacheService) {}
    }
    @Module({ providers: [Stranger] })
    class StrangeModule {}

    // Nest cannot close what a failed start leaves behind, so without connections.
    const root = RedisCacheModule.forRoot({ connection: false, isGlobal: false });
    const app = await start({ imports: [root, RedisCacheModule.forFeature([users], [root])], providers: [Reader] });
    expect(app.get(Reader).cache).toBe(app.get<CacheEngine>(CACHE_ENGINE, { strict: false }).cache(users));
    await expect(start({ imports: [root, StrangeModule] })).rejects.toThrow(/dependencies of the Stranger/);
  });

  it('keeps named connections apart', async () => {
    const sessions = defineCache({ name: 'sessions', connection: 'second', key: (id: string) => id });
    const given = options({ connections: { second: { url: testRedisUrl(), db: 1 } } });
    const modules = [
      RedisCacheModule.forRoot(given),
      RedisCacheModule.forRootAsync({ useFactory: () => given, connectionNames: ['second'] }),
    ];
    for (const module of modules) {
      const app = await start({ imports: [module, RedisCacheModule.forFeature([sessions])] });
      await app.get<CacheOf<typeof sessions>>(getCacheToken(sessions), { strict: false }).for('a').set(1);
      const [main, second] = [app.get<Redis>(getRedisToken()), app.get<Redis>(getRedisToken('second'))];
      const pattern = `${given.namespace ?? ''}:e:*`;
      expect([(await main.keys(pattern)).length, (await second.keys(pattern)).length]).toEqual([0, 1]);
    }
  });

  it('refuses wrong options at start, all at once', async () => {
    const wrong = { namespace: 'a b', maxStaleness: '500ms', l1: { maxEntires: 1 } } as RedisCacheModuleOptions;
    const error = await start({ imports: [RedisCacheModule.forRoot(wrong)] }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect((error as InvalidOptionsError).problems).toHaveLength(3);
  });

  it('starts without Redis, within its startTimeout, and lets loaders answer', async () => {
    const connection = { port: await freePort() };
    const app = await start({ imports: [RedisCacheModule.forRoot({ connection, startTimeout: '50ms' })] });
    expect(await app.get(CacheService).getOrSet('key', () => 'loaded')).toBe('loaded');
  });

  it('does not start without Redis when strictStart is set', async () => {
    const connection = { port: await freePort() };
    const strict = RedisCacheModule.forRoot({ connection, startTimeout: '50ms', strictStart: true });
    await expect(start({ imports: [strict] })).rejects.toBeInstanceOf(RedisUnavailableError);
  });

  it('caches in memory with connection: false, where there is no client to inject', async () => {
    @Injectable()
    class Service {
      constructor(
        readonly cache: CacheService,
        @InjectRedis() readonly redis: Redis | undefined,
      ) {}
    }
    const app = await start({ imports: [RedisCacheModule.forRoot({ connection: false })], providers: [Service] });
    const { cache, redis } = app.get(Service);
    await cache.getOrSet('key', () => 'first');
    expect(await cache.getOrSet('key', () => 'second')).toBe('first');
    expect(redis).toBeUndefined();
  });

  it('lets loaders answer every call when it is disabled', async () => {
    const app = await start({ imports: [RedisCacheModule.forRoot(options({ enabled: false }))] });
    const cache = app.get(CacheService);
    await cache.getOrSet('key', () => 'first');
    expect(await cache.getOrSet('key', () => 'second')).toBe('second');
  });

  it('can be used while the application shuts down, and is closed afterwards', async () => {
    const status: string[] = [];
    @Injectable()
    class Service {
      constructor(private readonly cache: CacheService) {}
      async onModuleDestroy(): Promise<void> {
        status.push(await this.cache.set('key', 1));
      }
      async beforeApplicationShutdown(): Promise<void> {
        status.push(await this.cache.delete('key', { strict: true }));
      }
    }
    const app = await start({ imports: [RedisCacheModule.forRoot(options())], providers: [Service] });
    const redis = app.get<Redis>(getRedisToken());
    running.pop();
    await app.close();
    expect(status).toEqual(['applied', 'applied']);
    await eventually(() => redis.status === 'end');
  });

  it('is closed with an application whose start failed', async () => {
    @Injectable()
    class Broken {
      onModuleInit(): void {
        throw new Error('broken');
      }
    }
    const module = Test.createTestingModule({
      imports: [RedisCacheModule.forRoot(options())],
      providers: [Broken],
    });
    const app = await module.compile();
    await expect(app.init()).rejects.toThrow('broken');
    const redis = app.get<Redis>(getRedisToken());
    await app.close();
    await eventually(() => redis.status === 'end');
  });

  it('shares nothing between two applications of one process', async () => {
    const [a, b] = await Promise.all([
      start({ imports: [RedisCacheModule.forRoot(options()), RedisCacheModule.forFeature([users])] }),
      start({ imports: [RedisCacheModule.forRoot(options()), RedisCacheModule.forFeature([users])] }),
    ]);
    const cacheOf = (app: TestingModule): CacheOf<typeof users> => app.get(getCacheToken(users), { strict: false });
    await Promise.all([cacheOf(a).for(1).set('of a'), cacheOf(b).for(1).set('of b')]);
    await cacheOf(a).clearNamespace();
    expect(await cacheOf(a).for(1).get()).toBeUndefined();
    await a.close();
    expect(await cacheOf(b).for(1).get()).toBe('of b');
    expect(cacheOf(b).stats).not.toBe(cacheOf(a).stats);
  });
});
