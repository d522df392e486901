import { Controller, Get, type INestApplication } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import {
  CACHE_ENGINE,
  type CacheEngine,
  CacheService,
  type HealthStatus,
  RedisCacheHealthIndicator,
  RedisCacheModule,
  type RedisCacheModuleOptions,
} from 'nestjs-rcache';
import request from 'supertest';
import { startRedis } from '../scripts/servers.mjs';
import { trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';
import { sessionKeys } from './support/sessions.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly cache: RedisCacheHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready(): ReturnType<HealthCheckService['check']> {
    return this.health.check([() => this.cache.check('cache')]);
  }

  @Get('live')
  @HealthCheck()
  live(): ReturnType<HealthCheckService['check']> {
    return this.health.check([() => this.cache.live('cache')]);
  }

  @Get('strict')
  @HealthCheck()
  strict(): ReturnType<HealthCheckService['check']> {
    return this.health.check([() => this.cache.check('cache', { withoutRedis: 'down' })]);
  }
}

const ends: (() => Promise<void>)[] = [];

async function start(options: RedisCacheModuleOptions): Promise<INestApplication> {
  const module = await Test.createTestingModule({
    imports: [TerminusModule, RedisCacheModule.forRoot({ startTimeout: '5s', ...options })],
    controllers: [HealthController],
  }).compile();
  const app = module.createNestApplication();
  await app.init();
  ends.unshift(() => app.close());
  return app;
}

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

describe('RedisCacheHealthIndicator', () => {
  it('is up with Redis, and says how it is', async () => {
    const app = await start({ connection: { url: testRedisUrl() }, namespace: uniqueNamespace() });
    await trusted(app.get<CacheEngine>(CACHE_ENGINE));
    const cache = app.get(CacheService);
    await cache.getOrSet('key', () => 1);
    await cache.get('key');
    const { status, body } = await request(app.getHttpServer()).get('/health/ready');
    expect(status).toBe(200);
    expect(body.status).toBe('ok');
    expect(body.details.cache).toEqual({
      status: 'up',
      mode: 'redis',
      hitRatio: 0.5,
      memory: { entries: expect.any(Number), bytes: expect.any(Number) },
      connections: {
        default: {
          mode: 'standalone',
          nodes: [],
          isUp: true,
          breaker: 'closed',
          link: 'trusted',
          journaled: 0,
          connections: 1,
          latencyMs: expect.any(Number),
          keys: expect.any(Number),
          usedMemoryBytes: expect.any(Number),
          maxMemoryBytes: 0,
          evictionPolicy: 'noeviction',
        },
      },
    });
    expect(body.details.cache.connections.default.keys).toBeGreaterThan(0);
  });

  it('is degraded, with 200, while Redis is down, and down, with 503, where Redis is required', async () => {
    const redis = await startRedis();
    ends.push(() => redis.stop());
    const app = await start({ connection: { url: redis.url } });
    expect((await request(app.getHttpServer()).get('/health/strict')).status).toBe(200);
    await redis.kill();
    const ready = await request(app.getHttpServer()).get('/health/ready');
    expect(ready.status).toBe(200);
    expect(ready.body).toMatchObject({ status: 'degraded', details: { cache: { status: 'degraded', mode: 'redis' } } });
    expect(ready.body.details.cache.message).toMatch(/^Answering without Redis: "default"/);
    const strict = await request(app.getHttpServer()).get('/health/strict');
    expect(strict.status).toBe(503);
    expect(strict.body.error.cache.status).toBe('down');
  });

  it('answers within its deadline when Redis is frozen', async () => {
    const redis = await startRedis();
    ends.push(() => redis.stop());
    // Nothing but the indicator's own deadline ends the wait.
    const connection = { url: redis.url, commandTimeout: 60_000, controlTimeout: 60_000, socketTimeout: 120_000 };
    const app = await start({ connection });
    const indicator = app.get(RedisCacheHealthIndicator, { strict: false });
    await redis.pause();
    const { cache } = await indicator.check('cache', { deadline: '30ms' });
    await redis.resume();
    expect(cache.status).toBe('degraded');
    expect(cache.connections.default).not.toHaveProperty('latencyMs');
    expect(cache.message).toMatch(/"default" (did not answer within 30 ms|is down)/);
  });

  it('is degraded when there is no Redis by configuration', async () => {
    const app = await start({ connection: false });
    const { cache } = await app.get(RedisCacheHealthIndicator, { strict: false }).check('cache');
    expect(cache).toMatchObject({ status: 'degraded', mode: 'memory', connections: {} });
    expect(cache).not.toHaveProperty('hitRatio');
  });

  it('is up, in mode disabled, when the cache is disabled', async () => {
    const app = await start({ enabled: false });
    const { cache } = await app.get(RedisCacheHealthIndicator, { strict: false }).check('cache');
    expect(cache).toMatchObject({ status: 'up', mode: 'disabled' });
  });

  it('has the status asked for where Terminus does not know degraded', async () => {
    const app = await start({ connection: false });
    const indicator = app.get(RedisCacheHealthIndicator, { strict: false });
    for (const status of ['up', 'down', 'degraded'] satisfies HealthStatus[]) {
      const { cache } = await indicator.check('cache', { withoutRedis: status });
      expect(cache.status).toBe(status);
    }
  });

  it('is alive without Redis, which is not even asked', async () => {
    const redis = await startRedis();
    ends.push(() => redis.stop());
    const app = await start({ connection: { url: redis.url } });
    await redis.pause();
    const { status, body } = await request(app.getHttpServer()).get('/health/live');
    await redis.resume();
    expect(status).toBe(200);
    expect(body.details).toEqual({ cache: { status: 'up' } });
  });

  it('tells of a fault within a second, and of its end within two', async () => {
    const redis = await startRedis();
    ends.push(() => redis.stop());
    const app = await start({ connection: { url: redis.url } });
    await trusted(app.get<CacheEngine>(CACHE_ENGINE));
    const indicator = app.get(RedisCacheHealthIndicator, { strict: false });
    const isUp = async (): Promise<boolean> => (await indicator.check('cache')).cache.status === 'up';
    const isDegraded = async (): Promise<boolean> => !(await isUp());
    expect(await isUp()).toBe(true);

    await redis.pause();
    await eventually(isDegraded, 1000);
    await redis.resume();
    await eventually(isUp, 2000);

    await redis.kill();
    await eventually(isDegraded, 1000);
    const again = await startRedis({ port: redis.port });
    ends.push(() => again.stop());
    await eventually(isUp, 2000);
  }, 20_000);

  it('tells each connection by its name, and which of them is down', async () => {
    const redis = await startRedis();
    ends.push(() => redis.stop());
    const app = await start({
      connection: { url: testRedisUrl() },
      connections: { sessions: { url: redis.url } },
      session: { ...sessionKeys, connection: 'sessions' },
    });
    const indicator = app.get(RedisCacheHealthIndicator, { strict: false });
    expect((await indicator.check('cache')).cache.status).toBe('up');
    await redis.kill();
    await eventually(async () => (await indicator.check('cache')).cache.status === 'degraded', 1000);
    const { cache } = await indicator.check('cache');
    expect(cache.message).toMatch(/^Answering without Redis: "sessions" is down/);
    expect(cache.connections).toMatchObject({
      default: { isUp: true, latencyMs: expect.any(Number), evictionPolicy: 'noeviction' },
      sessions: { isUp: false, breaker: 'open' },
    });
    expect(cache.connections.sessions).not.toHaveProperty('latencyMs');
  });

  it('warns where Redis may evict sessions, and is not worse for it', async () => {
    for (const policy of ['noeviction', 'allkeys-lru']) {
      const redis = await startRedis({ args: ['--maxmemory-policy', policy] });
      ends.push(() => redis.stop());
      const app = await start({ connection: { url: redis.url }, session: sessionKeys });
      const { cache } = await app.get(RedisCacheHealthIndicator, { strict: false }).check('cache');
      expect(cache.status).toBe('up');
      expect(cache.connections.default?.evictionPolicy).toBe(policy);
      if (policy === 'noeviction') expect(cache).not.toHaveProperty('warnings');
      else expect(cache.warnings).toEqual([expect.stringMatching(/^"default" may lose sessions: .* allkeys-lru/)]);
    }
    const without = await start({ connection: { url: testRedisUrl() } });
    const { cache } = await without.get(RedisCacheHealthIndicator, { strict: false }).check('cache');
    expect(cache).not.toHaveProperty('warnings');
  });
});
