import { defineCache } from '../libs/redis-cache/src/cache/definition.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { foreignClient, gatedLoader, startEngine, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

const CONNECTIONS = [
  ['Redis', undefined],
  ['memory only', { connection: false }],
] as const;

describe.each(CONNECTIONS)('invalidatePattern (%s)', (_where, options) => {
  const start = (): Promise<CacheEngine> => startEngine(options ?? {});

  const KEYS = [
    'user:1',
    'user:12',
    'user:1:posts',
    'USER:1',
    'user',
    'other',
    'user:*',
    'user:?',
    'user:[1]',
    'user:a%2Ab',
    'Zoë',
    'a b',
  ];
  it.each<[pattern: string, matching: string[]]>([
    ['user:1', ['user:1']],
    ['user:?', ['user:1', 'user:*', 'user:?']],
    ['user:??', ['user:12']],
    ['user:1*', ['user:1', 'user:12', 'user:1:posts']],
    ['*:posts', ['user:1:posts']],
    ['*user*', ['user:1', 'user:12', 'user:1:posts', 'user', 'user:*', 'user:?', 'user:[1]', 'user:a%2Ab']],
    ['user:[1]', ['user:[1]']],
    ['user:a%2Ab', ['user:a%2Ab']],
    ['user:\\*', []],
    ['Zo?', ['Zoë']],
    ['? ?', ['a b']],
    ['*', KEYS],
    ['none*', []],
  ])('%s removes exactly what matches, and says how many', async (pattern, matching) => {
    const { defaultCache: cache } = await start();
    await cache.setMany(KEYS.map((key) => [key, key] as const));
    expect(await cache.invalidatePattern(pattern)).toEqual({ status: 'applied', count: matching.length });
    const left = await Promise.all(KEYS.map((key) => cache.has(key)));
    expect(KEYS.filter((_key, index) => !left[index])).toEqual(matching);
  });

  it('leaves keys of typed parts alone, which have no text to match', async () => {
    const { defaultCache: cache } = await start();
    await cache.set(['user', 1], 'x');
    expect(await cache.invalidatePattern('*')).toMatchObject({ count: 0 });
    expect(await cache.has(['user', 1])).toBe(true);
  });

  it('leaves other caches and other namespaces alone', async () => {
    const engine = await start();
    const elsewhere = await start();
    const users = defineCache({ name: 'users', key: (id: string) => id });
    await engine.cache(users).for('k').set('x');
    await elsewhere.defaultCache.set('k', 'x');
    await engine.defaultCache.set('k', 'x');
    expect(await engine.defaultCache.invalidatePattern('*')).toEqual({ status: 'applied', count: 1 });
    expect([await engine.cache(users).for('k').has(), await elsewhere.defaultCache.has('k')]).toEqual([true, true]);
  });

  it('cancels running loads of keys that match', async () => {
    const { defaultCache: cache } = await start();
    const old = gatedLoader('old');
    const other = gatedLoader('other');
    const waiting = [cache.getOrSet('user:1', old.load), cache.getOrSet('post:1', other.load)];
    await eventually(() => old.runs() + other.runs() === 2);
    await cache.invalidatePattern('user:*');
    old.open();
    other.open();
    expect(await Promise.all(waiting)).toEqual(['old', 'other']);
    expect(await cache.getMany(['user:1', 'post:1'])).toEqual([undefined, 'other']);
  });

  it.each([[''], [undefined], [7], ['a\ud800*']])('refuses %p', async (pattern) => {
    const { defaultCache: cache } = await start();
    await expect(cache.invalidatePattern(pattern as string)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('invalidatePattern', () => {
  it('reaches the memory and the loads of every process', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    await eventually(async () => (await there.defaultCache.resolve('user:1', () => 'old')).source === 'l1');
    const late = gatedLoader('late');
    const waiting = there.defaultCache.getOrSet('user:2', late.load);
    await eventually(() => late.runs() === 1);
    expect(await here.defaultCache.invalidatePattern('user:*')).toEqual({ status: 'applied', count: 1 });
    await eventually(async () => !(await there.defaultCache.has('user:1')));
    // Whoever comes now does not wait for the load from before.
    expect(await there.defaultCache.getOrSet('user:2', () => 'new')).toBe('new');
    late.open();
    expect(await waiting).toBe('late');
    expect(await here.defaultCache.get('user:2')).toBe('new');
  });

  it('finds a namespace and a cache whose names look like patterns only by those names', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace });
    const redis = foreignClient();
    await engine.defaultCache.set('k', 'x');
    await redis.set(`${namespace}:e:{default:k}x`, 'foreign', 'EX', 60);
    await redis.set(`${namespace}x:e:{default:k}`, 'foreign', 'EX', 60);
    expect(await engine.defaultCache.invalidatePattern('*')).toEqual({ status: 'applied', count: 1 });
    expect(await redis.exists(`${namespace}:e:{default:k}x`, `${namespace}x:e:{default:k}`)).toBe(2);
  });

  it('goes through thousands of keys', async () => {
    const { defaultCache: cache } = await startEngine();
    const keys = Array.from({ length: 3_000 }, (_, id) => `item:${id}`);
    for (let from = 0; from < keys.length; from += 250) {
      await cache.setMany(keys.slice(from, from + 250).map((key) => [key, 1] as const));
    }
    expect(await cache.invalidatePattern('item:1*')).toEqual({ status: 'applied', count: 1_111 });
    expect(await cache.getMany(['item:1', 'item:1999', 'item:2'])).toEqual([undefined, undefined, 1]);
  });
});
