import type { EntryInspection } from 'nestjs-rcache';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { defineCache } from '../libs/redis-cache/src/cache/definition.js';
import { foreignClient, gatedLoader, inMemory, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { startRedis } from '../scripts/servers.mjs';

async function engine(options: Parameters<typeof startEngine>[0] = {}): Promise<CacheEngine> {
  const started = await startEngine(options);
  await trusted(started);
  return started;
}

describe('inspect', () => {
  it('tells what Redis has: times, tags with ids, codec, size', async () => {
    const { defaultCache: cache, namespace } = await engine();
    await cache.set(['user', 7], { name: 'Ada' }, { ttl: '1m', grace: '1h', tags: ['eu', 'team 1'] });
    const found = await cache.inspect(['user', 7]);
    expect(found).toEqual({
      storedKey: '/user/~n7',
      decision: 'fresh',
      isLoading: false,
      value: { name: 'Ada' },
      redis: {
        state: 'fresh',
        id: expect.stringMatching(/^[\w-]{10}$/),
        ageMs: expect.any(Number),
        remainingMs: expect.any(Number),
        graceMs: expect.any(Number),
        loadMs: 0,
        bytes: JSON.stringify({ name: 'Ada' }).length,
        isNegative: false,
        wireVersion: 2,
        codec: 'json',
        isCompressed: false,
        isExpired: false,
        tags: [expect.anything(), expect.anything(), expect.anything(), expect.anything()],
      },
    } satisfies Record<keyof Omit<EntryInspection, 'memory'>, unknown>);
    expect(found.redis?.remainingMs).toBeGreaterThan(50_000);
    expect(found.redis?.remainingMs).toBeLessThanOrEqual(60_000);
    expect(found.redis?.graceMs).toBe(3_600_000);
    const id = await foreignClient().get(`${namespace}:t:{u:eu}`);
    expect(found.redis?.tags.map(({ kind }) => kind)).toEqual(['namespace', 'cache', 'tag', 'tag']);
    expect(found.redis?.tags[2]).toEqual({ kind: 'tag', tag: 'eu', id, currentId: id, isCurrent: true });
    expect(found.redis?.tags[3]?.tag).toBe('team 1');
    expect(await cache.inspect({ stored: '/user/~n7' })).toMatchObject({ decision: 'fresh', value: { name: 'Ada' } });
  });

  it('tells what memory has, and that it answers', async () => {
    const { defaultCache: cache } = await engine();
    await inMemory(cache, 'key', 'value', ['eu']);
    const found = await cache.inspect('key');
    expect(found).toMatchObject({ decision: 'fresh', memory: { state: 'fresh' }, redis: { state: 'fresh' } });
    expect(found.memory?.id).toBe(found.redis?.id);
    expect(found.memory?.tags).toEqual(found.redis?.tags);
  });

  it('says why there would be no hit', async () => {
    const { defaultCache: cache, namespace } = await engine({ l1: false });
    const decision = async (key: string): Promise<string> => (await cache.inspect(key)).decision;
    expect(await cache.inspect('none')).toEqual({ storedKey: 'none', decision: 'absent', isLoading: false });
    await cache.set('tagged', 1, { tags: ['eu'] });
    await cache.invalidateTags(['eu']);
    expect(await decision('tagged')).toBe('invalidated');
    const { redis } = await cache.inspect('tagged');
    expect(redis?.tags.map(({ kind, isCurrent }) => [kind, isCurrent])).toEqual([
      ['namespace', true],
      ['cache', true],
      ['tag', false],
    ]);
    await cache.set('stale', 1, { ttl: '1h', grace: '1h' });
    await cache.expire('stale');
    expect(await cache.inspect('stale')).toMatchObject({
      decision: 'stale',
      redis: { isExpired: true, remainingMs: 0, graceMs: expect.any(Number) },
    });
    await foreignClient().set(`${namespace}:e:{default:foreign}`, 'nonsense');
    expect(await decision('foreign')).toBe('corrupt');
  });

  it('tells a compressed value, and one that is null', async () => {
    const { defaultCache: cache } = await engine({ l1: false });
    const text = 'x'.repeat(20_000);
    await cache.getOrSet('long', () => text, { compress: { aboveBytes: 1000 } });
    await cache.set('null', null);
    const { redis } = await cache.inspect('long');
    expect(redis).toMatchObject({ isCompressed: true, codec: 'json' });
    expect(redis?.bytes).toBeLessThan(1000);
    expect(await cache.inspect('null')).toMatchObject({ decision: 'fresh', value: null, redis: { isNegative: true } });
  });

  it('tells that it is loaded, and does not wait for that', async () => {
    const { defaultCache: cache } = await engine();
    const { load, open } = gatedLoader(1);
    const loading = cache.getOrSet('key', load);
    await eventually(async () => (await cache.inspect('key')).isLoading);
    expect((await cache.inspect('key')).decision).toBe('absent');
    open();
    await loading;
    await eventually(async () => !(await cache.inspect('key')).isLoading);
  });

  it('is no request, and changes nothing', async () => {
    const own = await engine({ l1: { maxEntries: 2 } });
    const { defaultCache: cache, events } = own;
    await inMemory(cache, 'old', 1);
    await inMemory(cache, 'new', 2);
    const before = JSON.stringify(cache.stats);
    const heard: string[] = [];
    for (const name of ['hit', 'miss', 'load', 'refresh', 'stale', 'corrupt'] as const) {
      events.on(name, () => heard.push(name));
    }
    await cache.inspect('old');
    await cache.inspect('none');
    expect(JSON.stringify(cache.stats)).toBe(before);
    expect(heard).toEqual([]);
    // Room is made by dropping what was used least of late, which still is the older one.
    await inMemory(cache, 'third', 3);
    expect(cache.peek('old')).toBeUndefined();
    expect(cache.peek('new')?.value).toBe(2);
  });

  it('answers without Redis, about memory', async () => {
    const redis = await startRedis();
    try {
      const own = await engine({ connection: { url: redis.url } });
      await inMemory(own.defaultCache, 'key', 'value');
      await redis.kill();
      await eventually(() => own.connectionStates().every(({ isUp }) => !isUp));
      expect(await own.defaultCache.inspect('key')).toMatchObject({ decision: 'unavailable', isLoading: false });
    } finally {
      await redis.stop();
    }
    const alone = await startEngine({ connection: false });
    await alone.defaultCache.set('key', 'value', { tags: ['eu'] });
    expect(await alone.defaultCache.inspect('key')).toMatchObject({ decision: 'fresh', memory: { state: 'fresh' } });
    await alone.defaultCache.invalidateTags(['eu']);
    expect(await alone.defaultCache.inspect('key')).toMatchObject({ decision: 'invalidated' });
    const disabled = await startEngine({ enabled: false });
    expect((await disabled.defaultCache.inspect('key')).decision).toBe('disabled');
  });

  it('finds the entry of a context', async () => {
    const own = await startEngine({ context: () => ({ tenant: 'acme' }) });
    const cache = own.cache(defineCache({ name: 'docs', key: (id: number) => ['doc', id], context: ['tenant'] }));
    await cache.for(1).set('value');
    expect(await cache.inspect(['doc', 1])).toMatchObject({ storedKey: '@acme|/doc/~n1', decision: 'fresh' });
  });
});
