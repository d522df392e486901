import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import {
  CACHE_ENGINE,
  type CacheEngine,
  CacheService,
  defineCache,
  MetricsService,
  type MetricsSnapshot,
  RedisCacheModule,
  type RedisCacheModuleOptions,
} from 'nestjs-rcache';
import { Counter, register, Registry } from 'prom-client';
import request from 'supertest';
import { startRedis } from '../scripts/servers.mjs';
import { trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

const ends: (() => Promise<void>)[] = [];

async function start(options: RedisCacheModuleOptions = {}): Promise<INestApplication> {
  const connection = { url: testRedisUrl() };
  const module = await Test.createTestingModule({
    imports: [
      PrometheusModule.register({ defaultMetrics: { enabled: false } }),
      RedisCacheModule.forRoot({ connection, namespace: uniqueNamespace(), startTimeout: '5s', ...options }),
    ],
  }).compile();
  const app = module.createNestApplication();
  await app.init();
  ends.unshift(() => app.close());
  if (options.connection !== false) await trusted(app.get<CacheEngine>(CACHE_ENGINE));
  return app;
}

/** The samples of a scrape by series: `name{label="value"}`. */
async function scrape(registry: Pick<Registry, 'metrics'>): Promise<Map<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('rcache_'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  register.clear();
});

/** One load, a hit in Redis, hits in memory, a bypass, a failed load, a write and an invalidation. */
async function useOnce(cache: CacheService): Promise<void> {
  await cache.getOrSet('key', () => 1);
  await cache.get('key', { l1: false });
  await eventually(async () => {
    const found = await cache.lookup('key');
    return found.isHit && found.source === 'l1';
  });
  await cache.getOrSet('key', () => 1, { bypass: true });
  await cache.getOrSet('bad', () => Promise.reject(new Error('broken'))).catch(() => undefined);
  await cache.set('other', 2);
  await cache.delete('other');
}

describe('MetricsService', () => {
  it('counts calls, loads, errors and latencies per cache and tier', async () => {
    const app = await start();
    await useOnce(app.get(CacheService));
    const snapshot: MetricsSnapshot = app.get(MetricsService).snapshot();
    const [cache] = snapshot.caches;
    expect(snapshot.isEnabled).toBe(true);
    expect(snapshot.connections).toMatchObject([{ name: 'default', isUp: true, breaker: 'closed' }]);
    expect(cache).toMatchObject({
      name: 'default',
      bypassed: 1,
      misses: 2,
      coalesced: 0,
      loads: 1,
      errors: { load: 1, redis: 0, corrupt: 0 },
      writes: 1,
      invalidations: 1,
      memory: { entries: expect.any(Number) },
    });
    expect(cache?.hits.l1).toBeGreaterThan(0);
    expect(cache?.hits.l2).toBeGreaterThan(0);
    expect(cache?.requests).toBe((cache?.hits.l1 ?? 0) + (cache?.hits.l2 ?? 0) + 2);
    expect(cache?.hitRatio).toBeCloseTo(1 - 2 / (cache?.requests ?? 0));
    expect(cache?.latency.load).toMatchObject({ count: 1 });
    expect(cache?.latency.l2.p99Ms).toBeGreaterThanOrEqual(cache?.latency.l2.p50Ms ?? Infinity);
    expect(cache?.latency.l2.p50Ms).toBeGreaterThan(0);
  });

  it('has no ratio and no latency before the first call', async () => {
    const app = await start({ connection: false });
    const [cache] = app.get(MetricsService).snapshot().caches;
    expect(cache?.hitRatio).toBeUndefined();
    expect(cache?.latency.load).toEqual({ count: 0, meanMs: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 });
  });
});

describe('Prometheus metrics', () => {
  it('are served by nestjs-prometheus and agree with what happened', async () => {
    const app = await start();
    await useOnce(app.get(CacheService));
    const { text } = await request(app.getHttpServer()).get('/metrics');
    const series = await scrape({ metrics: () => Promise.resolve(text) });
    const { hits } = app.get(MetricsService).snapshot().caches[0] ?? { hits: { l1: 0, l2: 0 } };
    expect(Object.fromEntries(series)).toMatchObject({
      'rcache_requests_total{cache="default",result="hit"}': hits.l1 + hits.l2,
      'rcache_requests_total{cache="default",result="stale"}': 0,
      'rcache_requests_total{cache="default",result="miss"}': 2,
      'rcache_requests_total{cache="default",result="bypass"}': 1,
      'rcache_tier_lookups_total{cache="default",tier="l1",result="hit"}': hits.l1,
      'rcache_tier_lookups_total{cache="default",tier="l1",result="miss"}': hits.l2 + 1,
      'rcache_tier_lookups_total{cache="default",tier="l2",result="hit"}': hits.l2,
      'rcache_load_duration_seconds_count{cache="default",result="success"}': 1,
      'rcache_load_duration_seconds_count{cache="default",result="error"}': 1,
      'rcache_writes_total{cache="default",status="applied"}': 1,
      'rcache_invalidations_total{cache="default",kind="key",status="applied"}': 1,
      'rcache_redis_up{connection="default"}': 1,
      'rcache_breaker_state{connection="default",state="closed"}': 1,
      'rcache_breaker_state{connection="default",state="open"}': 0,
      'rcache_journaled_invalidations{connection="default"}': 0,
    });
    expect(series.get('rcache_entries{cache="default"}')).toBeGreaterThan(0);
    expect(series.get('rcache_entry_bytes{cache="default"}')).toBeGreaterThan(0);
  });

  it('move for evictions, coalesced and stale answers, refused and unreadable values', async () => {
    const registry = new Registry();
    const namespace = uniqueNamespace();
    const app = await start({ namespace, metrics: { prometheus: registry }, l1: { maxEntries: 1 } });
    const cache = app.get(CacheService);
    const value = (): Promise<number> => new Promise((resolve) => setImmediate(resolve, 1));
    await Promise.all([cache.getOrSet('a', value), cache.getOrSet('a', value)]);
    await cache.getOrSet('big', () => 'x'.repeat(100), { maxValueBytes: 10 });
    await cache.getOrSet('stale', () => 1, { ttl: '1h', grace: '1h' });
    await cache.expire('stale');
    await cache.getOrSet('stale', () => 2, { ttl: '1h', grace: '1h' });
    const engine = app.get<CacheEngine>(CACHE_ENGINE);
    const redis = engine.connection()?.client;
    await redis?.set(`${namespace}:e:{default:a}`, 'not an envelope');
    await cache.lookup('a', { l1: false });
    await eventually(async () => {
      await cache.getOrSet('one', () => 1);
      await cache.getOrSet('two', () => 2);
      const series = await scrape(registry);
      return (series.get('rcache_evictions_total{cache="default"}') ?? 0) > 0;
    });
    const series = await scrape(registry);
    for (const name of [
      'rcache_coalesced_total{cache="default",scope="process"}',
      'rcache_unstored_total{cache="default",reason="too-large"}',
      'rcache_codec_errors_total{cache="default",operation="decode"}',
      'rcache_stale_served_total{cache="default",reason="refreshing"}',
      'rcache_requests_total{cache="default",result="stale"}',
    ]) {
      expect([name, series.get(name)]).toEqual([name, 1]);
    }
  });

  it('show that Redis is gone', async () => {
    const redis = await startRedis();
    ends.push(() => redis.stop());
    const registry = new Registry();
    const app = await start({ connection: { url: redis.url }, metrics: { prometheus: registry } });
    await redis.pause();
    await Promise.all(Array.from({ length: 8 }, () => app.get(CacheService).get('key', { consistency: 'strong' })));
    await eventually(async () => {
      const series = await scrape(registry);
      expect(series.get('rcache_redis_up{connection="default"}')).toBe(0);
      expect(series.get('rcache_breaker_state{connection="default",state="closed"}')).toBe(0);
      expect([...series.keys()].join()).toMatch(
        /rcache_errors_total\{connection="default",operation="\w+",error_type=/,
      );
      expect(series.get('rcache_tier_lookups_total{cache="default",tier="l2",result="error"}')).toBeGreaterThan(0);
    });
    await app.get(CacheService).delete('key');
    expect((await scrape(registry)).get('rcache_journaled_invalidations{connection="default"}')).toBe(1);
    await redis.resume();
  });

  it('never have a key, a tag or a value in a label', async () => {
    const app = await start();
    const cache = app.get(CacheService);
    await cache.getOrSet('secret-key', () => 'secret-value', { tags: ['secret-tag'] });
    await cache.invalidateTags(['secret-tag']);
    await cache.delete('secret-key');
    expect(await register.metrics()).not.toContain('secret');
  });

  it('have at most 50 cache names; further ones are counted together', async () => {
    const app = await start({ connection: false });
    const engine = app.get<CacheEngine>(CACHE_ENGINE);
    for (let index = 0; index < 60; index += 1) {
      await engine.cache(defineCache({ name: `cache-${index}`, key: () => 'key' })).set('key', 1);
    }
    const series = await scrape(register);
    const caches = new Set([...series.keys()].flatMap((each) => /cache="([^"]+)"/.exec(each)?.[1] ?? []));
    expect(caches.size).toBe(51);
    expect(series.get('rcache_writes_total{cache="other",status="applied"}')).toBe(11);
    expect(series.get('rcache_label_overflow_total{label="cache"}')).toBe(11);
  });

  it('of several modules on one registry are added up, and go with the last of them', async () => {
    const registry = new Registry();
    const others = new Counter({ name: 'others_total', help: 'Not ours.', registers: [registry] });
    const metrics = { prometheus: registry };
    const [a, b] = [await start({ metrics, connection: false }), await start({ metrics, connection: false })];
    await a.get(CacheService).set('key', 1);
    await b.get(CacheService).set('key', 1);
    expect((await scrape(registry)).get('rcache_writes_total{cache="default",status="applied"}')).toBe(2);
    await a.close();
    expect((await scrape(registry)).get('rcache_writes_total{cache="default",status="applied"}')).toBe(1);
    await b.close();
    expect(registry.getMetricsAsArray()).toEqual([others]);
    const c = await start({ metrics, connection: false });
    await c.get(CacheService).set('key', 1);
    expect((await scrape(registry)).get('rcache_writes_total{cache="default",status="applied"}')).toBe(1);
  });

  it('are not registered when that is not wanted', async () => {
    await start({ connection: false, metrics: { prometheus: false } });
    expect((await scrape(register)).size).toBe(0);
  });

  it('come as text without any registry of the application', async () => {
    const app = await start({ connection: false, metrics: { prometheus: false } });
    await app.get(CacheService).set('key', 1);
    const text = await app.get(MetricsService).exposition();
    expect(text).toContain('# HELP rcache_writes_total ');
    expect(text).toContain('# TYPE rcache_writes_total counter');
    expect(text).toContain('rcache_writes_total{cache="default",status="applied"} 1');
    expect(text).toBe(await app.get(MetricsService).exposition());
  });

  it('have the names OpenMetrics wants, where a registry asks for that', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const app = await start({ connection: false, metrics: { prometheus: registry } });
    await app.get(CacheService).set('key', 1);
    for (let scrapes = 0; scrapes < 2; scrapes += 1) {
      const text = await registry.metrics();
      expect(text).toContain('# TYPE rcache_writes counter\nrcache_writes_total{cache="default",status="applied"} 1');
      expect(text).toContain('rcache_operation_duration_seconds_bucket{cache="default",operation="set",le="+Inf"} 1');
    }
    await app.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });
});
