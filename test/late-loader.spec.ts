import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import { defineCache } from '../libs/redis-cache/src/cache/definition.js';
import { gatedLoader, startFleet } from './support/engines.js';

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
    for (const where of ['the same process', 'another process'] as const) {
      it(`when ${name} by ${where} during the load`, async () => {
        const [loading, other] = (await startFleet(2)) as [CacheEngine, CacheEngine];
        const cache = loading.cache(products);
        const invalidating = where === 'the same process' ? cache : other.cache(products);
        const old = gatedLoader('old');
        const waiting = cache.for('1').getOrSet(old.load);
        while (old.runs() === 0) await new Promise(setImmediate);

        await run(invalidating);
        const asked = cache.for('1').getOrSet(() => 'new');
        const askedElsewhere = other
          .cache(products)
          .for('1')
          .getOrSet(() => 'new');
        const expected = later === 'set' ? 'set' : 'new';
        if (where === 'the same process') expect(await asked).toBe(expected);
        expect(await askedElsewhere).toBe(expected);

        old.open();
        expect(await waiting).toBe('old');
        await asked;
        for (const engine of [loading, other]) {
          for (let read = 0; read < 3; read++) {
            expect(
              await engine
                .cache(products)
                .for('1')
                .getOrSet(() => 'newer'),
            ).toBe(expected);
          }
        }
      });
    }
  }
});
