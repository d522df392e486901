import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { gatedLoader, startEngine, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';

/** A value stored after a write is only as fresh as that write: `put` knows what happened meanwhile, `set` does not. */
describe('put', () => {
  it('stores what the write returned, for every process', async () => {
    const [one, two] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    expect(await one.defaultCache.put('k', () => 'written', { tags: ['t'] })).toBe('written');
    expect(await two.defaultCache.get('k')).toBe('written');
    await two.defaultCache.invalidateTags(['t']);
    expect(await one.defaultCache.get('k')).toBeUndefined();
  });

  it('replaces what is stored and cancels loads that began before it', async () => {
    const [one, two] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const old = gatedLoader('old');
    const loading = two.defaultCache.getOrSet('k', old.load);
    await eventually(() => old.runs() === 1);
    await one.defaultCache.put('k', () => 'written');
    old.open();
    expect(await loading).toBe('old');
    expect(await two.defaultCache.get('k')).toBe('written');
    expect(await one.defaultCache.get('k')).toBe('written');
  });

  it('removes the entry when somebody else wrote meanwhile, for nobody knows whose value is newer', async () => {
    const [one, two] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    await one.defaultCache.set('k', 'before');
    const first = gatedLoader('first');
    const writing = one.defaultCache.put('k', first.load);
    await eventually(() => first.runs() === 1);
    await two.defaultCache.put('k', () => 'second');
    first.open();
    expect(await writing).toBe('first');
    for (const engine of [one, two]) expect(await engine.defaultCache.get('k')).toBeUndefined();
  });

  it('does not survive an invalidation made while the write ran', async () => {
    const [one, two] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const first = gatedLoader('first');
    const writing = one.defaultCache.put('k', first.load, { tags: ['t'] });
    await eventually(() => first.runs() === 1);
    await two.defaultCache.invalidateTags(['t']);
    first.open();
    await writing;
    expect(await two.defaultCache.get('k')).toBeUndefined();
    // Who did not invalidate hears of it a moment later.
    await eventually(async () => (await one.defaultCache.get('k')) === undefined);
  });

  it('removes the entry when the write fails or is skipped', async () => {
    const engine = await startEngine();
    for (const write of [
      () => Promise.reject(new Error('constraint')),
      (context: { skip: () => void }) => {
        context.skip();
        return Promise.resolve('skipped');
      },
    ]) {
      await engine.defaultCache.set('k', 'before');
      await engine.defaultCache.put('k', write).catch(() => undefined);
      expect(await engine.defaultCache.get('k')).toBeUndefined();
    }
  });

  it('stores in memory where there is no Redis', async () => {
    const engine = await startEngine({ connection: false });
    await engine.defaultCache.put('k', () => 'written');
    expect(await engine.defaultCache.get('k')).toBe('written');
  });
});
