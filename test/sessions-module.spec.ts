import { Inject, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  CACHE_ENGINE,
  type CacheEngine,
  InvalidOptionsError,
  RedisCacheModule,
  type RedisCacheModuleOptions,
  SessionService,
} from 'nestjs-rcache';
import { redisCacheConfig } from 'nestjs-rcache/config';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../scripts/servers.mjs';
import { eventually } from './support/eventually.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';
import { newSecret, sessionKeys } from './support/sessions.js';

const running: TestingModule[] = [];
const servers: RedisServer[] = [];
const warnings: string[] = [];
const logger = { log: () => {}, error: () => {}, warn: (message: unknown) => void warnings.push(String(message)) };

function options(more: RedisCacheModuleOptions = {}): RedisCacheModuleOptions {
  return {
    connection: { url: testRedisUrl() },
    namespace: uniqueNamespace(),
    startTimeout: '5s',
    session: sessionKeys,
    ...more,
  };
}

async function start(...imports: NonNullable<ModuleMetadata['imports']>): Promise<TestingModule> {
  const module = await Test.createTestingModule({ imports }).setLogger(logger).compile();
  running.push(module);
  return module.init();
}

beforeEach(() => {
  warnings.length = 0;
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((module) => module.close()));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe('the option session', () => {
  it('makes SessionService injectable everywhere', async () => {
    @Injectable()
    class Logins {
      constructor(@Inject(SessionService) readonly sessions: SessionService<{ role: string }>) {}
    }
    @Module({ providers: [Logins] })
    class LoginModule {}
    const app = await start(LoginModule, RedisCacheModule.forRoot(options()));
    const { sessions } = app.get(Logins, { strict: false });
    const { id } = await sessions.create({ role: 'reader' }, { userId: '42' });
    expect((await sessions.get(id))?.data.role).toBe('reader');
  });

  it('may name a connection of its own', async () => {
    const server = await startRedis();
    servers.push(server);
    const connections = { sessions: { url: server.url } };
    const app = await start(
      RedisCacheModule.forRoot(options({ connections, session: { ...sessionKeys, connection: 'sessions' } })),
    );
    await app.get(SessionService).create({});
    const redis = new Redis(server.url);
    expect(await redis.keys('*:s:*')).toHaveLength(1);
    redis.disconnect();
  });

  it('keeps sessions in Redis where the cache is disabled', async () => {
    const shared = options();
    const app = await start(RedisCacheModule.forRoot({ ...shared, enabled: false }));
    const { id } = await app.get(SessionService).create({}, { userId: '42' });
    const cached = await start(RedisCacheModule.forRoot(shared));
    expect((await cached.get(SessionService).get(id))?.userId).toBe('42');
    expect(app.get<CacheEngine>(CACHE_ENGINE).isEnabled).toBe(false);
  });

  it('comes from the environment', async () => {
    const environment = {
      REDIS_URL: testRedisUrl(),
      CACHE_NAMESPACE: uniqueNamespace(),
      SESSION_KEYS: `k2:${newSecret()},k1:${newSecret()}`,
      SESSION_INDEX_KEY: newSecret(),
      SESSION_IDLE_TIMEOUT: '20m',
      SESSION_ABSOLUTE_TIMEOUT: '8h',
      SESSION_COOKIE_NAME: 'sid',
      SESSION_COOKIE_SECURE: 'false',
    };
    Object.assign(process.env, environment);
    try {
      const sessions = (
        await start(
          ConfigModule.forRoot({ ignoreEnvFile: true }),
          RedisCacheModule.forRootAsync(redisCacheConfig.asProvider()),
        )
      ).get(SessionService);
      const session = await sessions.create({});
      expect(session.expiresAt.getTime() - session.createdAt.getTime()).toBe(28_800_000);
      expect(sessions.setCookie(session)).toBe(`sid=${session.id}; Path=/; HttpOnly; SameSite=Lax`);
    } finally {
      for (const name of Object.keys(environment)) Reflect.deleteProperty(process.env, name);
    }
  });

  it.each<[RedisCacheModuleOptions, string]>([
    [{ session: { keys: [], indexKey: 'short' } }, 'session: keys is empty'],
    [{ session: 'secret' as never }, 'session is text (not shown)'],
    [{ session: { ...sessionKeys, idleTimout: 1 } as never }, 'did you mean "idleTimeout"'],
    [{ session: { ...sessionKeys, connection: 'sessions' } }, "session.connection is 'sessions'"],
    [{ connection: false }, 'session needs Redis, and connection is false'],
  ])('is refused at start (%#)', async (more, problem) => {
    const starting = start(RedisCacheModule.forRoot(options(more)));
    await expect(starting).rejects.toThrow(InvalidOptionsError);
    await expect(starting).rejects.toThrow(problem);
    for (const key of [sessionKeys.indexKey, ...sessionKeys.keys]) await expect(starting).rejects.not.toThrow(key);
  });

  it('without which there are no sessions', async () => {
    const app = await start(RedisCacheModule.forRoot(options({ session: undefined })));
    expect(app.get(SessionService)).toBeUndefined();
  });
});

describe('a Redis that evicts', () => {
  it.each(['allkeys-lru', 'volatile-ttl'])('under %s is warned of, once', async (policy) => {
    const server = await startRedis({ args: ['--maxmemory-policy', policy] });
    servers.push(server);
    const app = await start(RedisCacheModule.forRoot(options({ connection: { url: server.url } })));
    const about = (): string[] => warnings.filter((warning) => warning.includes('may lose sessions'));
    await eventually(() => about().length === 1);
    expect(about()[0]).toContain(`maxmemory-policy is ${policy}`);
    const { client } = app.get<CacheEngine>(CACHE_ENGINE).connection()!;
    (client as Redis).disconnect(true);
    await eventually(() => app.get<CacheEngine>(CACHE_ENGINE).connectionStates()[0]?.isUp === true);
    expect(about()).toHaveLength(1);
  });

  it('is none where the policy is noeviction', async () => {
    const app = await start(RedisCacheModule.forRoot(options()));
    await app.get(SessionService).create({});
    expect(warnings.filter((warning) => warning.includes('may lose sessions'))).toEqual([]);
  });
});
