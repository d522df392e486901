import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { systemClock, type Clock } from '../libs/redis-cache/src/time.js';
import { gatedLoader, inMemory, startEngine, startFleet, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';

const GRACE = { ttl: '1h', grace: '1h' } as const;

/** Stores `value` and makes it stale. */
async function stale(cache: CacheService, value: string, options = {}): Promise<void> {
  await cache.set('k', value, { ...GRACE, ...options });
  await cache.expire('k');
}

const TIERS = [
  ['Redis', false],
  ['memory', {}],
] as const;

describe('a value past its ttl, within its grace', () => {
  it('comes to be by itself when its ttl passes, and goes when its grace has passed', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 'old', { ttl: 50, grace: 1000 });
    await eventually(async () => expect(await cache.lookup('k')).toMatchObject({ isHit: true, isStale: true }));
    await eventually(async () => expect(await cache.lookup('k')).toMatchObject({ isHit: false }));
  });

  it.each(TIERS)('is answered at once while one load refreshes it in the background (%s)', async (_tier, l1) => {
    const engine = await startEngine({ l1 });
    await trusted(engine);
    const cache = engine.defaultCache;
    await stale(cache, 'old');
    const refresh = gatedLoader('new');
    for (let read = 0; read < 10; read++) {
      expect(await cache.resolve('k', refresh.load, GRACE)).toMatchObject({
        value: 'old',
        isStale: true,
        remainingMs: 0,
      });
    }
    await eventually(() => refresh.runs() === 1);
    refresh.open();
    await eventually(async () => (await cache.getOrSet('k', refresh.load, GRACE)) === 'new');
    expect(refresh.runs()).toBe(1);
    expect(cache.stats.staleHits).toBeGreaterThanOrEqual(10);
  });

  it('is refreshed by one process of the fleet', async () => {
    const fleet = await startFleet(3);
    await stale(fleet[0]!.defaultCache, 'old');
    const refresh = gatedLoader('new');
    const answers = await Promise.all(
      fleet.flatMap(({ defaultCache }) => [1, 2, 3].map(() => defaultCache.getOrSet('k', refresh.load, GRACE))),
    );
    expect(new Set(answers)).toEqual(new Set(['old']));
    await eventually(() => refresh.runs() === 1);
    refresh.open();
    for (const { defaultCache } of fleet) {
      await eventually(async () => (await defaultCache.getOrSet('k', refresh.load, GRACE)) === 'new');
    }
    expect(refresh.runs()).toBe(1);
  });

  it('is shown by lookup and left out by get, getMany, has and ttl', async () => {
    const { defaultCache: cache } = await startEngine();
    await stale(cache, 'old');
    expect(await cache.lookup('k')).toMatchObject({ isHit: true, value: 'old', isStale: true, remainingMs: 0 });
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getMany(['k'])).toEqual([undefined]);
    expect(await cache.has('k')).toBe(false);
    expect(await cache.ttl('k')).toBeUndefined();
  });

  it('is reported with the reason why it was answered', async () => {
    const engine = await startEngine();
    const reasons: string[] = [];
    engine.events.on('stale', ({ reason }) => reasons.push(reason));
    await stale(engine.defaultCache, 'old');
    await engine.defaultCache.getOrSet('k', () => 'new', GRACE);
    expect(reasons).toEqual(['refreshing']);
  });

  it('is given to the loader as the previous value', async () => {
    const { defaultCache: cache } = await startEngine();
    await stale(cache, 'old');
    const load = ({ previous }: { previous: string | undefined }): string => `${previous} and new`;
    expect(await cache.getOrSet('k', load, { ...GRACE, refresh: 'wait' })).toBe('old and new');
    expect(await cache.getOrSet('other', load)).toBe('undefined and new');
  });

  it('without grace there is none: expire is as good as delete', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 'old');
    await cache.expire('k');
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });
});

describe('refresh: wait', () => {
  it('answers the new value', async () => {
    const { defaultCache: cache } = await startEngine();
    await stale(cache, 'old');
    expect(await cache.resolve('k', () => 'new', { ...GRACE, refresh: 'wait' })).toMatchObject({
      value: 'new',
      source: 'loader',
      isStale: false,
    });
  });

  it('answers the old one when the loader fails, and does not ask again at once', async () => {
    const engine = await startEngine();
    const cache = engine.defaultCache;
    const reasons: string[] = [];
    engine.events.on('stale', ({ reason }) => reasons.push(reason));
    await stale(cache, 'old');
    let loads = 0;
    const load = (): string => {
      loads += 1;
      throw new Error('the source is down');
    };
    for (let read = 0; read < 5; read++) {
      expect(await cache.resolve('k', load, { ...GRACE, refresh: 'wait' })).toMatchObject({
        value: 'old',
        isStale: true,
      });
    }
    expect(loads).toBe(1);
    expect(reasons[0]).toBe('error');
    expect(cache.stats.loadErrors).toBe(1);
  });

  it('a failing background refresh is not repeated at once either', async () => {
    const { defaultCache: cache } = await startEngine();
    await stale(cache, 'old');
    // Hearing of its own write only now would part the reads below from the refresh.
    await inMemory(cache, 'probe', 1);
    let loads = 0;
    const load = async (): Promise<string> => {
      loads += 1;
      throw new Error('the source is down');
    };
    await cache.getOrSet('k', load, GRACE);
    await eventually(() => cache.stats.loadErrors === 1);
    for (let read = 0; read < 5; read++) expect(await cache.getOrSet('k', load, GRACE)).toBe('old');
    expect(loads).toBe(1);
  });
});

describe('softTimeout', () => {
  it('answers the old value when the loader is late; the load goes on and is stored', async () => {
    const { defaultCache: cache } = await startEngine();
    await stale(cache, 'old');
    const late = gatedLoader('new');
    const options = { ...GRACE, softTimeout: 20 };
    expect(await cache.resolve('k', late.load, options)).toMatchObject({ value: 'old', isStale: true });
    late.open();
    await eventually(async () => (await cache.get('k')) === 'new');
    expect(late.runs()).toBe(1);
  });

  it('answers the new value when the loader is in time', async () => {
    const { defaultCache: cache } = await startEngine();
    await stale(cache, 'old');
    expect(await cache.getOrSet('k', () => 'new', { ...GRACE, softTimeout: '20s' })).toBe('new');
  });

  it('does not abort the load it does not wait for', async () => {
    const { defaultCache: cache } = await startEngine();
    await stale(cache, 'old');
    const late = gatedLoader('new');
    let signal: AbortSignal | undefined;
    const load = (context: { signal: AbortSignal }): Promise<string> => {
      signal = context.signal;
      return late.load();
    };
    expect(await cache.getOrSet('k', load, { ...GRACE, softTimeout: 20 })).toBe('old');
    expect(signal?.aborted).toBe(false);
    late.open();
  });

  it('has nothing to answer without an old value, and waits', async () => {
    const { defaultCache: cache } = await startEngine();
    const load = async (): Promise<string> => {
      await eventually(() => cache.stats.readsL2 > 0 && performance.now() > startedAtMs + 40);
      return 'new';
    };
    const startedAtMs = performance.now();
    expect(await cache.getOrSet('k', load, { ...GRACE, softTimeout: 10 })).toBe('new');
  });
});

describe('an invalidated value is never answered as stale', () => {
  const INVALIDATIONS: Record<string, (cache: CacheService) => Promise<unknown>> = {
    delete: (cache) => cache.delete('k'),
    invalidateTags: (cache) => cache.invalidateTags(['t']),
    clear: (cache) => cache.clear(),
    clearNamespace: (cache) => cache.clearNamespace(),
    invalidatePattern: (cache) => cache.invalidatePattern('k*'),
  };

  it.each(Object.entries(INVALIDATIONS))('after %s', async (_name, invalidate) => {
    const { defaultCache: cache } = await startEngine();
    await stale(cache, 'old', { tags: ['t'] });
    await invalidate(cache);
    expect(await cache.lookup('k')).toMatchObject({ isHit: false });
    expect(await cache.getOrSet('k', () => 'new', { ...GRACE, tags: ['t'] })).toBe('new');
  });

  for (const where of ['this', 'another'] as const) {
    it.each(Object.entries(INVALIDATIONS))(
      `nor after %s by ${where} process while its refresh fails`,
      async (_name, invalidate) => {
        const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
        const cache = here.defaultCache;
        await stale(cache, 'old', { tags: ['t'] });
        let fail = (): void => undefined;
        const failing = new Promise<string>((_resolve, reject) => {
          fail = () => reject(new Error('the source is down'));
        });
        let isLoading = false;
        const load = (): Promise<string> => {
          isLoading = true;
          return failing;
        };
        const options = { ...GRACE, refresh: 'wait', tags: ['t'] } as const;
        const waiting = cache.getOrSet('k', load, options);
        waiting.catch(() => undefined);
        await eventually(() => isLoading);
        await invalidate(where === 'this' ? cache : there.defaultCache);
        fail();
        await expect(waiting).rejects.toThrow('the source is down');
      },
    );

    it.each(Object.entries(INVALIDATIONS))(
      `nor after %s by ${where} process while its refresh is late`,
      async (_name, invalidate) => {
        const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
        const cache = here.defaultCache;
        await stale(cache, 'old', { tags: ['t'] });
        const late = gatedLoader('new');
        const options = { ...GRACE, softTimeout: 200, tags: ['t'] };
        const waiting = cache.getOrSet('k', late.load, options);
        await eventually(() => late.runs() === 1);
        await invalidate(where === 'this' ? cache : there.defaultCache);
        const startedAtMs = performance.now();
        await eventually(() => performance.now() > startedAtMs + 250);
        late.open();
        expect(await waiting).toBe('new');
      },
    );
  }
});

describe('earlyRefresh', () => {
  /** A clock whose dice always show the same. */
  const withDice = (random: number): Clock => ({ ...systemClock, random: () => random });
  const slowly = (value: string) => async (): Promise<string> => {
    const startedAtMs = performance.now();
    await eventually(() => performance.now() > startedAtMs + 10);
    return value;
  };
  const UNLUCKY = 1 - 1e-9;

  it.each(TIERS)(
    'renews a value before it expires, without anybody waiting or getting a stale one (%s)',
    async (_tier, l1) => {
      const engine = await startEngine({ l1 }, withDice(UNLUCKY));
      await trusted(engine);
      const cache = engine.defaultCache;
      // The load took 10 ms at least and these dice multiply it by twenty: it is due from the beginning.
      const options = { ttl: '2s', earlyRefresh: 10 } as const;
      await cache.getOrSet('k', slowly('old'), options);
      let answer = await cache.resolve('k', slowly('new'), options);
      const sources = new Set<string>();
      while (answer.value === 'old') {
        sources.add(answer.source);
        expect(answer.isStale).toBe(false);
        await new Promise(setImmediate);
        answer = await cache.resolve('k', slowly('new'), options);
      }
      expect(sources.has('loader')).toBe(false);
      expect(answer.source).not.toBe('loader');
      expect(cache.stats.loads).toBe(2);
    },
  );

  it('is left to chance: with lucky dice nobody refreshes early', async () => {
    const engine = await startEngine({}, withDice(0));
    await trusted(engine);
    const cache = engine.defaultCache;
    const options = { ttl: '1h', earlyRefresh: 1000 } as const;
    await cache.getOrSet('k', slowly('old'), options);
    for (let read = 0; read < 50; read++) await cache.getOrSet('k', slowly('new'), options);
    expect(cache.stats.loads).toBe(1);
  });

  it('is off by default', async () => {
    const engine = await startEngine({}, withDice(UNLUCKY));
    const cache = engine.defaultCache;
    await cache.getOrSet('k', slowly('old'), { ttl: 10_000 });
    for (let read = 0; read < 20; read++) await cache.getOrSet('k', slowly('new'), { ttl: 10_000 });
    expect(cache.stats.loads).toBe(1);
  });

  it('goes by a larger beta earlier', async () => {
    const engine = await startEngine({ l1: false }, withDice(0.5));
    const cache = engine.defaultCache;
    await cache.getOrSet('k', slowly('old'), { ttl: '1m', earlyRefresh: 1 });
    await cache.getOrSet('k', slowly('new'), { ttl: '1m', earlyRefresh: 1 });
    expect(cache.stats.loads).toBe(1);
    await cache.getOrSet('k', slowly('new'), { ttl: '1m', earlyRefresh: 1e6 });
    await eventually(() => cache.stats.loads === 2);
  });

  it('a copy that memory may keep only for a while is read again, not loaded again', async () => {
    const engine = await startEngine({}, withDice(0));
    await trusted(engine);
    const cache = engine.defaultCache;
    const options = { ttl: '1h', earlyRefresh: true, l1: { ttl: 20 } } as const;
    await cache.getOrSet('k', slowly('old'), options);
    let reads = 0;
    await eventually(async () => {
      const { source } = await cache.resolve('k', slowly('new'), options);
      if (source === 'l2') reads += 1;
      return reads > 2;
    });
    expect(cache.stats.loads).toBe(1);
  });
});
