import { defineCache } from '../libs/redis-cache/src/cache/definition.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { CallOptions, Loader } from '../libs/redis-cache/src/cache/entry-options.js';
import { foreignClient, gatedLoader, startEngine, startFleet, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

interface Product {
  id: number;
  category: string;
}
const product: Product = { id: 1, category: 'books' };

/** The three ways to give an entry the tag `category:books`. */
const WAYS: Record<
  string,
  { options: CallOptions<Product>; loader: (load: () => Promise<Product>) => Loader<Product> }
> = {
  'a list': { options: { tags: ['product', 'category:books'] }, loader: (load) => load },
  'a function of the value': {
    options: { tags: ({ category }) => ['product', `category:${category}`] },
    loader: (load) => load,
  },
  'setTags of the loader': {
    options: {},
    loader:
      (load) =>
      async ({ setTags }) => {
        const loaded = await load();
        setTags(['product', `category:${loaded.category}`]);
        return loaded;
      },
  },
};

describe.each(Object.entries(WAYS))('tags by %s', (_name, { options, loader }) => {
  const ask = (cache: CacheService, load: () => Promise<Product> = async () => product) =>
    cache.getOrSet('k', loader(load), options);

  it('invalidate the entry in every process', async () => {
    const fleet = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const [here, there] = fleet.map(({ defaultCache }) => defaultCache) as [CacheService, CacheService];
    for (const tag of ['product', 'category:books']) {
      // A load that hears of the invalidation before only now is not stored.
      await eventually(async () => {
        await ask(here);
        return (await there.lookup('k')).isHit;
      });
      expect(await there.invalidateTags([tag])).toBe('applied');
      expect(await there.lookup('k')).toEqual({ isHit: false, reason: 'invalidated' });
      await eventually(async () => !(await here.lookup('k')).isHit);
    }
  });

  it('leave entries without that tag alone', async () => {
    const [engine] = (await startFleet(1)) as [CacheEngine];
    const cache = engine.defaultCache;
    await ask(cache);
    await cache.invalidateTags(['category:music', 'categor', 'Product']);
    expect(await cache.get('k')).toEqual(product);
  });

  for (const where of ['the same process', 'another process'] as const) {
    it(`invalidated by ${where} during the load keep its result from being stored`, async () => {
      const [loading, other] = (await startFleet(2)) as [CacheEngine, CacheEngine];
      const old = gatedLoader(product);
      const waiting = ask(loading.defaultCache, old.load);
      await eventually(() => old.runs() === 1);
      await (where === 'the same process' ? loading : other).defaultCache.invalidateTags(['category:books']);
      old.open();
      expect(await waiting).toEqual(product);
      const changed = { id: 1, category: 'music' };
      for (const { defaultCache } of [other, loading])
        expect(await ask(defaultCache, async () => changed)).toEqual(changed);
    });
  }

  it('invalidated during the load: who asks afterwards gets a later value', async () => {
    const [loading, other] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const old = gatedLoader(product);
    const waiting = ask(loading.defaultCache, old.load);
    await eventually(() => old.runs() === 1);
    await other.defaultCache.invalidateTags(['category:books']);
    let heard = false;
    loading.events.on('load', () => (heard = true));
    const changed = { id: 1, category: 'music' };
    // Announced by now: what this process sees next came after it.
    await loading.defaultCache.invalidateTags(['category:books']);
    const later = ask(loading.defaultCache, async () => changed);
    expect(heard).toBe(false);
    old.open();
    expect(await waiting).toEqual(product);
    expect(await later).toEqual(changed);
  });

  it('are stored with the entry, so that a process started later can invalidate it', async () => {
    const namespace = uniqueNamespace();
    const first = await startEngine({ namespace });
    await trusted(first);
    await ask(first.defaultCache);
    await first.close();
    const second = await startEngine({ namespace });
    expect(await second.defaultCache.get('k')).toEqual(product);
    await second.defaultCache.invalidateTags(['product']);
    expect(await second.defaultCache.get('k')).toBeUndefined();
  });
});

describe('tags', () => {
  it('reach over all caches of the namespace and not beyond', async () => {
    const one = defineCache({ name: 'one', key: (id: number) => [id], tags: () => ['shared'] });
    const two = defineCache({ name: 'two', key: (id: number) => [id], tags: () => ['shared'] });
    const engine = await startEngine();
    const elsewhere = await startEngine();
    const handles = [engine.cache(one).for(1), engine.cache(two).for(1), elsewhere.cache(one).for(1)];
    for (const handle of handles) await handle.getOrSet(() => 'value');
    await engine.defaultCache.invalidateTags(['shared']);
    expect(await Promise.all(handles.map((handle) => handle.has()))).toEqual([false, false, true]);
  });

  it('of set count as well', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('a', 1, { tags: ['t'] });
    await cache.set('b', 2, { tags: (value) => [`value:${value}`] });
    await cache.invalidateTags(['t', 'value:2']);
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined]);
  });

  it('of the options and of the loader add up', async () => {
    const [engine] = (await startFleet(1)) as [CacheEngine];
    const cache = engine.defaultCache;
    for (const tag of ['option', 'loader']) {
      await cache.getOrSet('k', ({ setTags }) => setTags(['loader', 'option']), { tags: ['option'] });
      expect(await cache.has('k')).toBe(true);
      await cache.invalidateTags([tag]);
      expect(await cache.has('k')).toBe(false);
    }
  });

  it.each(['with space', 'Zoë', 'a{b}c', '*', 'a:b:c', '%', 'ü'.repeat(500)])('may hold any text: %s', async (tag) => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 1, { tags: [tag] });
    await cache.set('other', 1, { tags: [`${tag}.`] });
    await cache.invalidateTags([tag]);
    expect(await cache.getMany(['k', 'other'])).toEqual([undefined, 1]);
  });

  it('that nobody has used can be invalidated', async () => {
    const { defaultCache: cache } = await startEngine();
    expect(await cache.invalidateTags(['never'])).toBe('applied');
    expect(await cache.invalidateTags([])).toBe('applied');
  });

  it('are stored again after they were invalidated', async () => {
    const { defaultCache: cache } = await startEngine();
    for (let round = 0; round < 3; round++) {
      expect(await cache.getOrSet('k', () => round, { tags: ['t'] })).toBe(round);
      expect(await cache.get('k')).toBe(round);
      await cache.invalidateTags(['t']);
    }
  });

  it('invalidate any number of entries without touching one of them', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace });
    const cache = engine.defaultCache;
    const countStored = async (): Promise<number> => {
      let count = 0;
      await engine.connection()!.scan(`${namespace}:e:*`, async (keys) => void (count += keys.length));
      return count;
    };
    await cache.setMany(
      Array.from({ length: 500 }, (_, id) => [`k${id}`, id] as const),
      { tags: ['t'] },
    );
    const stored = await countStored();
    await cache.invalidateTags(['t']);
    expect(stored).toBe(500);
    // The entries stay until they expire; nobody can read them.
    expect(await countStored()).toBe(500);
    expect(
      (await cache.getMany(Array.from({ length: 500 }, (_, id) => `k${id}`))).every((value) => value === undefined),
    ).toBe(true);
  });

  it('gone from Redis make their entries a miss, never a resurrection', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace, l1: false });
    const cache = engine.defaultCache;
    await cache.set('k', 'old', { tags: ['t'] });
    expect(await foreignClient().del(`${namespace}:t:{u:t}`)).toBe(1);
    await eventually(async () => expect(await cache.lookup('k')).toEqual({ isHit: false, reason: 'invalidated' }));
    await cache.getOrSet('other', () => 1, { tags: ['t'] });
    expect(await cache.lookup('k')).toEqual({ isHit: false, reason: 'invalidated' });
  });

  it('more than 64 or twice the same are refused, wherever they come from', async () => {
    const { defaultCache: cache } = await startEngine();
    const many = Array.from({ length: 65 }, (_, id) => `t${id}`);
    await expect(cache.getOrSet('k', () => 1, { tags: many })).rejects.toThrow('tags has 65 items; at most 64');
    await expect(cache.getOrSet('k', () => 1, { tags: () => many })).rejects.toThrow('at most 64');
    await expect(cache.getOrSet('k', ({ setTags }) => setTags(many))).rejects.toThrow('at most 64');
    await expect(cache.set('k', 1, { tags: many })).rejects.toThrow('at most 64');
    await expect(cache.invalidateTags(many)).rejects.toThrow('at most 64');
    const both = { tags: many.slice(0, 40) };
    await expect(cache.getOrSet('k', ({ setTags }) => setTags(many.slice(25)), both)).rejects.toThrow('at most 64');
    await expect(cache.getOrSet('k', () => 1, { tags: ['a', 'b', 'a'] })).rejects.toThrow('tags holds "a" twice');
    await expect(cache.invalidateTags(['a', 'a'])).rejects.toThrow('"a" twice');
    expect(await cache.has('k')).toBe(false);
  });

  it.each([[''], [undefined], [7], ['\ud800']])('that are no text are refused: %p', async (tag) => {
    const { defaultCache: cache } = await startEngine();
    const tags = [tag] as string[];
    await expect(cache.invalidateTags(tags)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(cache.getOrSet('k', () => 1, { tags })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});

describe('clear and clearNamespace', () => {
  const users = defineCache({ name: 'users', key: (id: number) => [id] });

  it('clear empties this cache in every process and no other', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    await here.cache(users).for(1).set('user');
    await here.defaultCache.set('k', 'other');
    await eventually(async () => (await there.cache(users).resolve([1], () => 'x')).source === 'l1');
    expect(await here.cache(users).clear()).toBe('applied');
    expect(await here.cache(users).for(1).has()).toBe(false);
    await eventually(async () => !(await there.cache(users).for(1).has()));
    expect(await here.defaultCache.get('k')).toBe('other');
  });

  it('clearNamespace empties every cache of the namespace and no other namespace', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const elsewhere = await startEngine();
    await here.cache(users).for(1).set('user');
    await here.defaultCache.set('k', 'other');
    await elsewhere.defaultCache.set('k', 'elsewhere');
    expect(await there.defaultCache.clearNamespace()).toBe('applied');
    await eventually(async () => !(await here.defaultCache.has('k')));
    expect(await here.cache(users).for(1).has()).toBe(false);
    expect(await elsewhere.defaultCache.get('k')).toBe('elsewhere');
  });

  it('a cache can be filled again after both', async () => {
    const { defaultCache: cache } = await startEngine();
    for (const clear of [() => cache.clear(), () => cache.clearNamespace()]) {
      await clear();
      await cache.getOrSet('k', () => 'new');
      expect(await cache.get('k')).toBe('new');
      await clear();
      expect(await cache.get('k')).toBeUndefined();
    }
  });
});
