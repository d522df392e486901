import { AsyncLocalStorage } from 'node:async_hooks';
import { defineCache } from '../libs/redis-cache/src/cache/definition.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { startEngine, startFleet } from './support/engines.js';

const users = defineCache({ name: 'users', key: (id: number) => [id], tags: (id) => [`user:${id}`] });

describe('evictions inside deferEvictions', () => {
  it('apply when the work is done, before its result is returned', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const cache = here.defaultCache;
    await cache.set('k', 'before');
    const result = await cache.deferEvictions(async () => {
      expect(await cache.delete('k')).toBe('deferred');
      // Nobody can tell yet: the transaction is not committed.
      expect(await cache.get('k')).toBe('before');
      expect(await there.defaultCache.get('k')).toBe('before');
      return 'committed';
    });
    expect(result).toBe('committed');
    for (const { defaultCache } of [here, there]) {
      expect(await defaultCache.get('k', { consistency: 'strong' })).toBeUndefined();
    }
    expect(await cache.get('k')).toBeUndefined();
  });

  it('are dropped when the work fails, whose error passes', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 'before', { tags: ['t'] });
    const rollback = new Error('rolled back');
    await expect(
      cache.deferEvictions(async () => {
        await cache.delete('k');
        await cache.invalidateTags(['t']);
        throw rollback;
      }),
    ).rejects.toBe(rollback);
    expect(await cache.get('k')).toBe('before');
    expect(await cache.delete('k')).toBe('applied');
  });

  it('may be of any kind and of any cache', async () => {
    const engine = await startEngine();
    const cache = engine.defaultCache;
    const keys = ['deleted', 'expired', 'tagged', 'many:1', 'like:1', 'kept'];
    const fill = async (): Promise<void> => {
      await cache.setMany(keys.map((key) => [key, 1] as const));
      await cache.set('tagged', 1, { tags: ['t'] });
      await engine.cache(users).for(1).set('user');
    };
    await fill();
    await cache.deferEvictions(async () => {
      const statuses = await Promise.all([
        cache.delete('deleted'),
        cache.expire('expired'),
        cache.invalidateTags(['t']),
        cache.deleteMany(['many:1']),
        engine.cache(users).clear(),
      ]);
      expect(statuses).toEqual(Array(5).fill('deferred'));
      expect(await cache.invalidatePattern('like:*')).toEqual({ status: 'deferred', count: 0 });
      expect(await cache.getMany(keys)).toEqual(Array(6).fill(1));
    });
    expect(await cache.getMany(keys)).toEqual([...(Array(5).fill(undefined) as undefined[]), 1]);
    expect(await engine.cache(users).for(1).has()).toBe(false);
    await fill();
    await cache.deferEvictions(() => cache.clearNamespace());
    expect(await cache.getMany(keys)).toEqual(Array(6).fill(undefined));
  });

  it('of nested work wait for the outermost', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 'before');
    await cache.deferEvictions(async () => {
      await cache.deferEvictions(() => cache.delete('k'));
      expect(await cache.get('k')).toBe('before');
    });
    expect(await cache.get('k')).toBeUndefined();
    await cache.set('k', 'before');
    await cache
      .deferEvictions(async () => {
        await cache.deferEvictions(() => cache.delete('k'));
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    expect(await cache.get('k')).toBe('before');
  });

  it('belong to their own work: what others do at the same time applies at once', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.setMany([
      ['a', 1],
      ['b', 1],
    ]);
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const working = cache.deferEvictions(async () => {
      await cache.delete('a');
      await gate;
    });
    expect(await cache.delete('b')).toBe('applied');
    expect(await cache.getMany(['a', 'b'])).toEqual([1, undefined]);
    finish();
    await working;
    expect(await cache.get('a')).toBeUndefined();
  });

  it.each(['done', 'failed'])('made by what the work left running, after it was %s, apply at once', async (end) => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 'before');
    let evictLater = (): Promise<string> => Promise.reject(new Error('not there yet'));
    await cache
      .deferEvictions(async () => {
        evictLater = AsyncLocalStorage.bind(() => cache.delete('k'));
        if (end === 'failed') throw new Error('rolled back');
      })
      .catch(() => undefined);
    expect(await evictLater()).toBe('applied');
    expect(await cache.get('k')).toBeUndefined();
  });

  it('a set inside is no eviction: it is done at once', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.deferEvictions(async () => {
      expect(await cache.set('k', 'value')).toBe('applied');
    });
    expect(await cache.get('k')).toBe('value');
  });

  it('that cannot be used are refused where they are made', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.deferEvictions(async () => {
      await expect(cache.delete('')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(cache.invalidateTags(['t', 't'])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });
  });
});
