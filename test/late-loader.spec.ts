import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import { defineCache } from '../libs/redis-cache/src/cache/definition.js';
import { foreignClient, gatedLoader, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

/** A call that takes longer waits for a load. */
const JOINED_MS = 50;

const products = defineCache({ name: 'products', key: (id: string) => id, tags: (id) => [`product:${id}`] });

interface Invalidation {
  name: string;
  run: (cache: CacheService) => Promise<unknown>;
  /** What a later reader may get: nothing stored, so a load, or the value that was set. */
  later: 'loaded' | 'set';
}

const INVALIDATIONS: Invalidation[] = [
  { name: 'the key is deleted', run: (cache) => cache.delete('1'), later: 'loaded' },
  { name: 'the key is expired', run: (cache) => cache.expire('1'), later: 'loaded' },
  { name: 'the key is set', run: (cache) => cache.set('1', 'set'), later: 'set' },
  { name: 'a tag is invalidated', run: (cache) => cache.invalidateTags(['product:1']), later: 'loaded' },
  { name: 'the cache is cleared', run: (cache) => cache.clear(), later: 'loaded' },
  { name: 'the namespace is cleared', run: (cache) => cache.clearNamespace(), later: 'loaded' },
  { name: 'a pattern is invalidated', run: (cache) => cache.invalidatePattern('*'), later: 'loaded' },
];

/** Promise 1: whatever is invalidated while it is loaded reaches those who waited and nobody who asks later. */
describe('a late loader never overwrites', () => {
  for (const { name, run, later } of INVALIDATIONS) {
    const expected = later === 'set' ? 'set' : 'new';
    for (const where of ['the same process', 'another process'] as const) {
      it(`when ${name} by ${where} during the load`, async () => {
        const [loading, other] = (await startFleet(2)) as [CacheEngine, CacheEngine];
        const { waiting, old } = await startLoad(loading);
        await run((where === 'the same process' ? loading : other).cache(products));
        old.open();
        expect(await waiting).toBe('old');
        const ask = (engine: CacheEngine) =>
          engine
            .cache(products)
            .for('1')
            .getOrSet(() => 'new');
        // Who did not invalidate hears of it a moment later.
        if (where === 'another process') await eventually(async () => (await ask(loading)) === expected);
        for (const engine of [loading, other, loading, other]) expect(await ask(engine)).toBe(expected);
      });
    }

    it(`when ${name} by another process and somebody asks before the load ends`, async () => {
      const [loading, other] = (await startFleet(2)) as [CacheEngine, CacheEngine];
      const { waiting, old } = await startLoad(loading);
      await run(other.cache(products));
      const ask = () =>
        loading
          .cache(products)
          .for('1')
          .getOrSet(() => 'new');
      // Until the announcement is there it may join that load, which does not end.
      await eventually(async () => (await Promise.race([ask(), sleep(JOINED_MS)])) === expected);
      old.open();
      expect(await waiting).toBe('old');
    });

    it(`when ${name} during the load and others ask before it ends`, async () => {
      const [loading, other] = (await startFleet(2)) as [CacheEngine, CacheEngine];
      const { waiting, old } = await startLoad(loading);
      await run(loading.cache(products));
      // Neither joins the load that began before, nor waits for its lease.
      expect(
        await loading
          .cache(products)
          .for('1')
          .getOrSet(() => 'new'),
      ).toBe(expected);
      expect(
        await other
          .cache(products)
          .for('1')
          .getOrSet(() => 'newer'),
      ).toBe(expected);
      old.open();
      expect(await waiting).toBe('old');
      for (const engine of [loading, other, loading, other]) {
        expect(
          await engine
            .cache(products)
            .for('1')
            .getOrSet(() => 'newest'),
        ).toBe(expected);
      }
    });
  }

  it('when any client deletes the entry that is being refreshed', async () => {
    const namespace = uniqueNamespace();
    const [engine] = (await startFleet(1, { namespace })) as [CacheEngine];
    const options = { grace: '1m', refresh: 'wait' } as const;
    await engine.defaultCache.set('k', 'first');
    await engine.defaultCache.expire('k');
    const old = gatedLoader('old');
    const waiting = engine.defaultCache.getOrSet('k', old.load, options);
    await eventually(() => old.runs() === 1);
    await foreignClient().del(`${namespace}:e:{default:k}`);
    old.open();
    expect(await waiting).toBe('old');
    expect(await engine.defaultCache.getOrSet('k', () => 'new', options)).toBe('new');
  });

  for (const [how, remove] of Object.entries({
    'any client deletes': (namespace: string) => foreignClient().del(`${namespace}:e:{default:k}`),
    'a pattern removes': (_namespace: string, other: CacheEngine) => other.defaultCache.invalidatePattern('k*'),
  })) {
    it(`when ${how} the entry that is being refreshed, and somebody asks before the refresh ends`, async () => {
      const namespace = uniqueNamespace();
      const [loading, other] = (await startFleet(2, { namespace })) as [CacheEngine, CacheEngine];
      const options = { grace: '1m', refresh: 'wait' } as const;
      await loading.defaultCache.set('k', 'first');
      await loading.defaultCache.expire('k');
      const old = gatedLoader('old');
      const waiting = loading.defaultCache.getOrSet('k', old.load, options);
      await eventually(() => old.runs() === 1);
      await remove(namespace, other);
      expect(await other.defaultCache.getOrSet('k', () => 'new', options)).toBe('new');
      old.open();
      expect(await waiting).toBe('old');
      expect(await loading.defaultCache.getOrSet('k', () => 'newest', options)).toBe('new');
    });
  }

  async function startLoad(engine: CacheEngine) {
    const old = gatedLoader('old');
    const waiting = engine.cache(products).for('1').getOrSet(old.load);
    await eventually(() => old.runs() === 1);
    return { waiting, old };
  }
});
