import type { Redis } from 'ioredis';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { startEngine } from './support/engines.js';
import { uniqueNamespace } from './support/servers.js';

/** What somebody else may have put at one of our keys. */
const FOREIGN: Record<string, (redis: Redis, key: string) => Promise<unknown>> = {
  'a list': (redis, key) => redis.rpush(key, 'x'),
  'a hash': (redis, key) => redis.hset(key, 'field', 'x'),
  'a set': (redis, key) => redis.sadd(key, 'x'),
  'a sorted set': (redis, key) => redis.zadd(key, 1, 'x'),
  'a stream': (redis, key) => redis.xadd(key, '*', 'field', 'x'),
  'an empty text': (redis, key) => redis.set(key, ''),
  'a text': (redis, key) => redis.set(key, 'x'),
  'the beginning of an entry': (redis, key) => redis.set(key, 'RC2'),
  'a text as long as an id': (redis, key) => redis.set(key, 'abcdefghijkl'),
  'what aborted loads leave, for ever': (redis, key) => redis.set(key, 'pass'),
  'a megabyte': (redis, key) => redis.set(key, Buffer.alloc(1024 * 1024, 'x')),
};
const KEYS = [
  'e:{default:k}',
  'l:{default:k}',
  'xe:{default:k}',
  'w:{default:k}',
  't:{u:tag}',
  'xt:{u:tag}',
  't:{n}',
  't:{c:default}',
];
const OPTIONS = { tags: ['tag'], hardTimeout: '3s' } as const;

describe.each(KEYS)('at %s', (place) => {
  let engine: CacheEngine;
  let corrupt: string[];

  async function startWith(put: (redis: Redis, key: string) => Promise<unknown>): Promise<void> {
    const namespace = uniqueNamespace();
    engine = await startEngine({ namespace, l1: false });
    corrupt = [];
    engine.events.on('corrupt', ({ key }) => corrupt.push(key));
    await put(engine.connection()!.client as Redis, `${namespace}:${place}`);
  }

  describe.each(Object.entries(FOREIGN))('%s', (_what, put) => {
    it('is a miss for every read, and gone with the first load', async () => {
      await startWith(put);
      const { defaultCache: cache } = engine;
      expect(await cache.get('k')).toBeUndefined();
      expect(await cache.getOrSet('k', () => 'loaded', OPTIONS)).toBe('loaded');
      expect(await cache.resolve('k', () => 'again', OPTIONS)).toMatchObject({ value: 'loaded', source: 'l2' });
      expect(cache.stats.corrupt).toBe(corrupt.length);
      if (place.startsWith('e:')) expect(corrupt.length).toBeGreaterThan(0);
    });

    it('hinders nobody who writes', async () => {
      await startWith(put);
      const { defaultCache: cache } = engine;
      expect(await cache.set('k', 'set', OPTIONS)).toBe('applied');
      expect(await cache.get('k')).toBe('set');
    });

    it('hinders nobody who writes through', async () => {
      await startWith(put);
      const { defaultCache: cache } = engine;
      expect(await cache.put('k', async () => 'put', OPTIONS)).toBe('put');
      expect(await cache.get('k')).toBe('put');
    });

    it('hinders no invalidation', async () => {
      await startWith(put);
      const { defaultCache: cache } = engine;
      const strict = { strict: true };
      expect(await cache.expire('k', strict)).toBe('applied');
      expect(await cache.delete('k', strict)).toBe('applied');
      expect(await cache.invalidateTags(['tag'], strict)).toBe('applied');
      expect(await cache.invalidatePattern('*', strict)).toMatchObject({ status: 'applied' });
      expect(await cache.clear(strict)).toBe('applied');
      expect(await cache.clearNamespace(strict)).toBe('applied');
      await cache.getOrSet('k', () => 'loaded', OPTIONS);
      expect(await cache.get('k')).toBe('loaded');
    });
  });
});

it('what Redis refuses for another reason is not taken for something foreign: nothing is removed', async () => {
  const namespace = uniqueNamespace();
  const admin = (await startEngine()).connection()!.client as Redis;
  const user = namespace;
  await admin.call('ACL', 'SETUSER', user, 'on', 'nopass', '~*', '&*', '+@all', '-getrange');
  try {
    const { host, port } = admin.options;
    const limited = await startEngine({
      namespace,
      l1: false,
      connection: { host: host!, port: port!, username: user, password: 'any' },
    });
    await limited.defaultCache.set('k', 'kept');
    expect(await limited.defaultCache.getOrSet('other', () => 'loaded')).toBe('loaded');
    expect(await limited.defaultCache.getOrSet('k', () => 'loaded')).toBe('kept');
    expect(limited.defaultCache.stats.corrupt).toBe(0);
  } finally {
    await admin.call('ACL', 'DELUSER', user);
  }
});
