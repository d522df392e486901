import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { startEngine, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';

const IDS = Array.from({ length: 20 }, (_, id) => `id${id}`);

describe('warm', () => {
  it('loads what is not there yet, and says how many', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.setMany([
      ['id0', 'stored'],
      ['id1', 'stored'],
    ]);
    const loaded: string[] = [];
    const load = (key: string): string => {
      loaded.push(key);
      return `value of ${key}`;
    };
    expect(await cache.warm(IDS, load, { ttl: '1h', tags: ['t'] })).toEqual({ loaded: 18, present: 2, failed: 0 });
    expect(loaded.sort()).toEqual(IDS.slice(2).sort());
    expect(await cache.get('id0')).toBe('stored');
    expect(await cache.get('id5')).toBe('value of id5');
    expect(await cache.ttl('id5')).toBeGreaterThan(3_500_000);
    expect(await cache.warm(IDS, load)).toEqual({ loaded: 0, present: 20, failed: 0 });
    await cache.invalidateTags(['t']);
    expect(await cache.get('id5')).toBeUndefined();
  });

  it('goes on when a key fails', async () => {
    const { defaultCache: cache } = await startEngine();
    const load = (key: string): string => {
      if (key === 'id3') throw new Error('cannot');
      return key;
    };
    expect(await cache.warm(IDS, load)).toEqual({ loaded: 19, present: 0, failed: 1 });
    expect(await cache.get('id4')).toBe('id4');
  });

  it.each([1, 3, undefined])('loads as many keys at a time as it is told: %s', async (concurrency) => {
    const { defaultCache: cache } = await startEngine();
    const expected = concurrency ?? 8;
    let running = 0;
    let most = 0;
    const load = async (key: string): Promise<string> => {
      most = Math.max(most, ++running);
      await eventually(() => most >= expected);
      running -= 1;
      return key;
    };
    await cache.warm(IDS, load, concurrency === undefined ? {} : { concurrency });
    expect(most).toBe(expected);
  });

  it('loads each key once when every instance of the fleet warms up at the same time', async () => {
    const fleet = (await startFleet(3)) as [CacheEngine, CacheEngine, CacheEngine];
    let loads = 0;
    const results = await Promise.all(
      fleet.map(({ defaultCache }) =>
        defaultCache.warm(IDS, async (key) => {
          loads += 1;
          await new Promise(setImmediate);
          return key;
        }),
      ),
    );
    expect(loads).toBe(IDS.length);
    expect(results.map(({ failed }) => failed)).toEqual([0, 0, 0]);
  });

  it('renews what is only stale', async () => {
    const { defaultCache: cache } = await startEngine();
    const options = { ttl: '1h', grace: '1h' } as const;
    await cache.set('k', 'old', options);
    await cache.expire('k');
    expect(await cache.warm(['k'], () => 'new', options)).toEqual({ loaded: 1, present: 0, failed: 0 });
    expect(await cache.get('k')).toBe('new');
  });

  it('counts a stale value whose loader fails as failed', async () => {
    const { defaultCache: cache } = await startEngine();
    const options = { ttl: '1h', grace: '1h' } as const;
    await cache.set('k', 'old', options);
    await cache.expire('k');
    const load = (): never => {
      throw new Error('cannot');
    };
    expect(await cache.warm(['k'], load, options)).toEqual({ loaded: 0, present: 0, failed: 1 });
    expect(await cache.lookup('k')).toMatchObject({ value: 'old', isStale: true });
  });

  it('has nothing to do for no keys', async () => {
    const { defaultCache: cache } = await startEngine();
    expect(await cache.warm([], () => 1)).toEqual({ loaded: 0, present: 0, failed: 0 });
  });

  it.each([0, -1, 1.5, NaN])('refuses concurrency %s', async (concurrency) => {
    const { defaultCache: cache } = await startEngine();
    await expect(cache.warm(['k'], () => 1, { concurrency })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `concurrency is ${concurrency}. It must be a whole number of at least 1.`,
    });
  });

  it('refuses a loader that is no function, and wrong options, before the first key', async () => {
    const { defaultCache: cache } = await startEngine();
    await expect(cache.warm(['k'], 'load' as any)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(cache.warm(['k'], () => 1, { ttl: 0 })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});
