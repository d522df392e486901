import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, type INestApplication, UseInterceptors } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import {
  CACHE_ENGINE,
  type CacheEngine,
  CacheService,
  defineCache,
  defineWarmer,
  HttpCache,
  HttpCacheInterceptor,
  RedisCacheModule,
  type RedisCacheModuleOptions,
  SessionService,
  WarmUpService,
} from 'nestjs-rcache';
import { Registry } from 'prom-client';
import request from 'supertest';
import { METRICS } from '../libs/redis-cache/src/ops/metrics.js';
import { metricsPage } from '../scripts/metrics-page.mjs';
import { startRedis } from '../scripts/servers.mjs';
import { gatedLoader, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { ROOT } from './support/pages.js';
import { scrape, type Series, total } from './support/scrape.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';
import { sessionKeys } from './support/sessions.js';
import { seeded } from './torture/random.mjs';

const ends: (() => unknown)[] = [];

@Controller('page')
@UseInterceptors(HttpCacheInterceptor)
class PageController {
  @Get()
  @HttpCache({ ttl: '1m' })
  page(): object {
    return { text: 'cached' };
  }
}

async function start(options: RedisCacheModuleOptions): Promise<INestApplication> {
  const module = await Test.createTestingModule({
    imports: [RedisCacheModule.forRoot({ startTimeout: '5s', ...options })],
    controllers: [PageController],
  }).compile();
  const app = module.createNestApplication();
  await app.init();
  ends.unshift(() => app.close());
  await trusted(app.get<CacheEngine>(CACHE_ENGINE));
  return app;
}

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** The metric a scraped name belongs to. */
function metricOf({ name }: Series): string {
  const isHistogram = (metric: string): boolean =>
    METRICS.some((each) => each.name === metric && each.type === 'histogram');
  const base = name.replace(/_(?:bucket|sum|count)$/, '');
  return isHistogram(base) ? base : name;
}

describe('docs/metrics.md', () => {
  it('is what the table in the code says; npm run generate writes it', () => {
    expect(readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')).toBe(metricsPage(METRICS));
  });
});

describe('metrics', () => {
  it('all move, and none is scraped that is not documented, nor with other labels', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '200mb', '--maxmemory-policy', 'allkeys-lru'] });
    ends.push(() => redis.stop());
    const foreign = new Redis(redis.url);
    ends.unshift(() => {
      foreign.disconnect();
    });
    // One that asks for INFO, and one whose scrapes need not wait for a Redis that does not answer.
    const registries = [new Registry(), new Registry()] as const;
    const namespace = uniqueNamespace();
    const options = { connection: { url: redis.url }, namespace, l1: { maxEntries: 2 }, session: sessionKeys };
    const app = await start({ ...options, metrics: { prometheus: registries[0], server: 1 } });
    const other = await start({ ...options, metrics: { prometheus: registries[1], server: false } });
    const engine = app.get<CacheEngine>(CACHE_ENGINE);
    const cache = app.get(CacheService);
    const moved = new Map<string, Series>();
    const look = async (): Promise<Series[]> => {
      const series = (await Promise.all(registries.map(scrape))).flat();
      for (const each of series) if (each.value > 0) moved.set(metricOf(each), each);
      return series;
    };

    // Loads: shared in the process, waited for in the fleet, failing, stale, ahead of time.
    const gated = gatedLoader('value');
    const shared = [cache.getOrSet('shared', gated.load), cache.getOrSet('shared', gated.load)];
    await eventually(async () => (await foreign.keys(`${namespace}:l:*shared*`)).length === 1);
    const waiting = other.get(CacheService).getOrSet('shared', gated.load);
    await eventually(async () => total(await look(), 'rcache_coalesced_total', { scope: 'fleet' }) === 1);
    gated.open();
    await Promise.all([...shared, waiting]);
    await cache.getOrSet('failing', () => Promise.reject(new Error('no'))).catch(() => undefined);
    await cache.getOrSet('stale', () => 1, { grace: '1h' });
    await cache.expire('stale');
    await cache.getOrSet('stale', () => 2, { grace: '1h' });
    await eventually(async () => total(await look(), 'rcache_refreshes_total', { trigger: 'stale' }) === 1);

    // Writes, what cannot be stored or read, and room in memory.
    await cache.set('unstored', 'x'.repeat(100), { maxValueBytes: 10 });
    await cache.set('function', () => 1).catch(() => undefined);
    for (const key of ['a', 'b', 'c']) await cache.getOrSet(key, () => key);
    await eventually(async () => {
      for (const key of ['a', 'b', 'c']) await cache.get(key);
      return total(await look(), 'rcache_evictions_total') > 0;
    });
    await cache.delete('a');
    await cache.invalidateTags(['tag']);

    // A warm-up.
    const pages = defineCache({ name: 'pages', key: (id: number) => ['page', id] });
    const warmUps = app.get(WarmUpService);
    const load = (id: number): number => {
      if (id === 2) throw new Error('no');
      return id;
    };
    warmUps.use(defineWarmer(pages), { entries: () => [1, 2], load });
    await warmUps.run('pages').result;

    // Sessions, and HTTP: a first request, a second one, and one that others must not share.
    await app.get<SessionService>(SessionService).create({});
    await app.listen(0, '127.0.0.1');
    const client = request(await app.getUrl());
    await client.get('/page');
    await client.get('/page');
    await client.get('/page').set('authorization', 'Basic dTpw');
    const responses = await scrape(registries[0]);
    const outcome = (name: string): number => total(responses, 'rcache_http_responses_total', { outcome: name });
    expect(['miss', 'hit', 'bypass', 'revalidated', 'stale'].map(outcome)).toEqual([1, 1, 1, 0, 0]);

    // More names than there may be.
    for (let index = 0; index < 51; index += 1) engine.cache(defineCache({ name: `c${index}`, key: () => 'key' }));

    // A server that runs out of memory, stops, and comes back.
    await foreign.config('SET', 'maxmemory', '3mb');
    for (let index = 0; index < 40; index += 1) await foreign.set(`filler:${index}`, 'x'.repeat(100_000));
    await eventually(async () => total(await look(), 'rcache_redis_evicted_keys_total') > 0);
    await redis.pause();
    const unanswered = other.get(CacheService).getOrSet('down', () => 1, { consistency: 'strong' });
    await eventually(async () => {
      const series = await scrape(registries[1]);
      for (const each of series)
        if (each.name === 'rcache_redis_queue_length' && each.value > 0) moved.set(each.name, each);
      return moved.has('rcache_redis_queue_length');
    });
    await unanswered;
    await eventually(async () => total(await look(), 'rcache_redis_up') < 2);
    expect(await cache.delete('down')).toBe('queued');
    await look();
    await redis.resume();
    await eventually(async () => total(await look(), 'rcache_redis_reconnects_total') > 0, 10_000);

    const series = await look();
    expect([...moved.keys()].sort()).toEqual(METRICS.map(({ name }) => name).sort());
    const wrong = series.filter((each) => {
      const { le: _, ...labels } = each.labels;
      const known = METRICS.find(({ name }) => name === metricOf(each))?.labels;
      if (known === undefined || Object.keys(known).join() !== Object.keys(labels).join()) return true;
      return Object.entries(known).some(([name, values]) => Array.isArray(values) && !values.includes(labels[name]));
    });
    expect(wrong).toEqual([]);
  }, 60_000);

  it('agree exactly with what was counted independently, over random use by two processes', async () => {
    const namespace = uniqueNamespace();
    const registries = [new Registry(), new Registry()];
    // A busy machine must not make errors.
    const connection = { url: testRedisUrl(), commandTimeout: '5s', controlTimeout: '5s' } as const;
    const apps = await Promise.all(
      registries.map((registry) => start({ connection, namespace, metrics: { prometheus: registry } })),
    );
    const { next, below, pick } = seeded(7);
    const counts = registries.map(() => new Map<string, number>());
    const runs = Array.from({ length: 1500 }, async (_, run) => {
      const index = run % 2;
      const cache = (apps[index] as INestApplication).get(CacheService);
      const count = (name: string, by = 1): void => {
        const own = counts[index] as Map<string, number>;
        own.set(name, (own.get(name) ?? 0) + by);
      };
      const step = pick([
        'resolve',
        'resolve',
        'steady',
        'steady',
        'lookup',
        'fail',
        'bypass',
        'set',
        'delete',
        'tag',
      ] as const);
      // What nobody invalidates is answered by memory.
      const key = step === 'steady' ? 'steady' : `key${below(20)}`;
      const loader = (): string => {
        count('loads');
        return 'x'.repeat(300);
      };
      // Not all at once, or everything is a miss.
      await new Promise((resolve) => setTimeout(resolve, next() * 2000));
      if (step === 'resolve' || step === 'steady') {
        const options = step === 'steady' ? {} : { tags: ['tag'] };
        const { source, isShared } = await cache.resolve(key, loader, { ...options, ttl: '1h' });
        count(source === 'loader' ? 'misses' : `hits ${source}`);
        count('gets');
        if (isShared) count('shared');
      } else if (step === 'lookup') {
        const found = await cache.lookup(key);
        count(found.isHit ? `hits ${found.source}` : 'misses');
        count('gets');
      } else if (step === 'fail') {
        const failing = `failing${run}`;
        await cache.getOrSet(failing, () => Promise.reject(new Error('no'))).catch(() => undefined);
        count('misses');
        count('failed');
      } else if (step === 'bypass') {
        await cache.getOrSet(key, () => 1, { bypass: true });
        count('bypassed');
      } else if (step === 'set') {
        await cache.set(key, 'x'.repeat(300), { tags: ['tag'] });
        count('sets');
      } else if (step === 'delete') {
        await cache.delete(key);
        count('deletes');
      } else {
        await cache.invalidateTags(['tag']);
        count('tags');
      }
    });
    await Promise.all(runs);

    for (const [index, registry] of registries.entries()) {
      const series = await scrape(registry);
      const expected = (name: string): number => counts[index]?.get(name) ?? 0;
      const metric = (name: string, labels: Record<string, string> = {}): number =>
        total(series, `rcache_${name}`, labels);
      const operation = (name: string): number => metric('operation_duration_seconds_count', { operation: name });
      expect({
        hits: metric('requests_total', { result: 'hit' }),
        stale: metric('requests_total', { result: 'stale' }),
        misses: metric('requests_total', { result: 'miss' }),
        bypassed: metric('requests_total', { result: 'bypass' }),
        l1: metric('tier_lookups_total', { tier: 'l1', result: 'hit' }),
        gets: operation('get'),
        sets: operation('set'),
        deletes: operation('delete'),
        invalidations: operation('invalidate'),
        loads: metric('load_duration_seconds_count', { result: 'success' }),
        failed: metric('load_duration_seconds_count', { result: 'error' }),
        shared: metric('coalesced_total', { scope: 'process' }),
        writes: metric('writes_total', { status: 'applied' }),
        deleted: metric('invalidations_total', { kind: 'key', status: 'applied' }),
        tags: metric('invalidations_total', { kind: 'tag', status: 'applied' }),
        sizes: metric('value_bytes_count') + metric('unstored_total'),
        errors: metric('errors_total') + metric('codec_errors_total') + metric('fallbacks_total'),
      }).toEqual({
        hits: expected('hits l1') + expected('hits l2'),
        stale: 0,
        misses: expected('misses'),
        bypassed: expected('bypassed'),
        l1: expected('hits l1'),
        gets: expected('gets'),
        sets: expected('sets'),
        deletes: expected('deletes'),
        invalidations: expected('tags'),
        loads: expected('loads'),
        failed: expected('failed'),
        shared: expected('shared'),
        writes: expected('sets'),
        deleted: expected('deletes'),
        tags: expected('tags'),
        sizes: expected('loads') + expected('sets'),
        errors: 0,
      });
      expect(expected('hits l1')).toBeGreaterThan(0);
      expect(expected('hits l2')).toBeGreaterThan(0);
    }
  }, 30_000);
});
