import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import { defineCache } from '../libs/redis-cache/src/cache/definition.js';
import type { CacheEngineOptions } from '../libs/redis-cache/src/cache/engine.js';
import { LoaderTimeoutError, RecursiveLoadError } from '../libs/redis-cache/src/errors.js';
import type { Clock } from '../libs/redis-cache/src/time.js';
import { gatedLoader, startEngine } from './support/engines.js';
import { eventually } from './support/eventually.js';

/** Time that passes only when a test says so. */
class ManualClock implements Clock {
  #nowMs = 1_000_000;

  nowMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return 0.5;
  }

  async sleep(): Promise<void> {}

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

describe('connection: false keeps everything in the memory of this process', () => {
  let clock: ManualClock;
  const start = async (options: CacheEngineOptions = {}): Promise<CacheService> => {
    clock = new ManualClock();
    return (await startEngine({ connection: false, ...options }, clock)).defaultCache;
  };

  it('connects to nothing and says so', async () => {
    const engine = await startEngine({ connection: false });
    expect(engine.connection()).toBeUndefined();
    expect(engine.connectionStates()).toEqual([]);
    expect(engine.isEnabled).toBe(true);
  });

  it('reads, writes and deletes', async () => {
    const cache = await start();
    expect(await cache.lookup('k')).toEqual({ isHit: false, reason: 'absent' });
    expect(await cache.set('k', { a: 1 })).toBe('applied');
    expect(await cache.get('k')).toEqual({ a: 1 });
    expect(await cache.has('k')).toBe(true);
    expect(await cache.getMany(['k', 'other'])).toEqual([{ a: 1 }, undefined]);
    expect(await cache.lookup('k')).toMatchObject({ isHit: true, source: 'l1', isStale: false });
    expect(await cache.delete('k')).toBe('applied');
    expect(await cache.has('k')).toBe(false);
    expect(await cache.delete('k', { strict: true })).toBe('applied');
  });

  it('keeps an entry for its ttl', async () => {
    const cache = await start();
    await cache.set('k', 'value', { ttl: '10s' });
    expect(await cache.ttl('k')).toBe(10_000);
    clock.advance(9_999);
    expect(await cache.get('k')).toBe('value');
    expect(await cache.ttl('k')).toBe(1);
    clock.advance(1);
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'new', { ttl: '10s' })).toBe('new');
  });

  it('shares one load between callers, and frozen values between readers', async () => {
    const cache = await start();
    const gate = gatedLoader({ list: [1] });
    const waiting = [cache.resolve('k', gate.load), cache.resolve('k', gate.load)];
    await eventually(() => gate.runs() === 1);
    gate.open();
    const [first, second] = await Promise.all(waiting);
    expect([first!.isShared, second!.isShared]).toEqual([false, true]);
    expect(first!.value).toBe(second!.value);
    expect(() => first!.value.list.push(2)).toThrow(TypeError);
    expect(await cache.resolve('k', gate.load)).toMatchObject({ source: 'l1', isStored: true, value: { list: [1] } });
    expect(gate.runs()).toBe(1);
  });

  it('encodes values as if they went through Redis', async () => {
    const cache = await start();
    const at = new Date(5);
    const answer = await cache.getOrSet('k', () => ({ at, by: new Map([[1n, -0]]) }));
    expect(answer).toEqual({ at, by: new Map([[1n, -0]]) });
    answer.at.setTime(6);
    expect(await cache.get('k')).toEqual({ at, by: new Map([[1n, -0]]) });
    await expect(cache.set('k', { f: () => 1 })).rejects.toMatchObject({ code: 'UNCACHEABLE_VALUE', path: '$.f' });
  });

  it('answers a stale value within its grace and refreshes it in the background', async () => {
    const cache = await start();
    const options = { ttl: '10s', grace: '10s' } as const;
    await cache.set('k', 'old', options);
    clock.advance(10_000);
    expect(await cache.lookup('k')).toMatchObject({ isHit: true, isStale: true, value: 'old' });
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.resolve('k', () => 'new', options)).toMatchObject({ value: 'old', isStale: true, source: 'l1' });
    await eventually(async () => (await cache.get('k')) === 'new');
    clock.advance(20_000);
    expect(await cache.lookup('k')).toEqual({ isHit: false, reason: 'expired' });
  });

  it('answers the stale value when the loader fails, and backs off', async () => {
    const cache = await start();
    const options = { ttl: '10s', grace: '1h', refresh: 'wait' } as const;
    await cache.set('k', 'old', options);
    clock.advance(10_000);
    let loads = 0;
    const load = (): string => {
      loads += 1;
      throw new Error('the source is down');
    };
    for (let read = 0; read < 3; read++) {
      expect(await cache.resolve('k', load, options)).toMatchObject({ value: 'old', source: 'l1', isStale: true });
    }
    expect(loads).toBe(1);
    clock.advance(5_000);
    expect(await cache.getOrSet('k', () => 'new', options)).toBe('new');
  });

  it('answers the stale value after the soft timeout', async () => {
    const cache = await start();
    const options = { ttl: '10s', grace: '1h', softTimeout: 20 } as const;
    await cache.set('k', 'old', options);
    clock.advance(10_000);
    const late = gatedLoader('new');
    expect(await cache.resolve('k', late.load, options)).toMatchObject({ value: 'old', source: 'l1', isStale: true });
    late.open();
    await eventually(async () => (await cache.get('k')) === 'new');
  });

  it('expire makes an entry stale, and without grace a miss', async () => {
    const cache = await start();
    await cache.set('graceful', 'old', { grace: '1h' });
    await cache.set('plain', 'old');
    expect(await cache.expire('graceful')).toBe('applied');
    expect(await cache.expire('plain')).toBe('applied');
    expect(await cache.expire('never')).toBe('applied');
    expect(await cache.getMany(['graceful', 'plain', 'never'])).toEqual([undefined, undefined, undefined]);
    expect(await cache.lookup('graceful')).toMatchObject({ isHit: true, isStale: true, value: 'old' });
    expect(await cache.lookup('plain')).toMatchObject({ isHit: false });
  });

  it('expire cancels a running load', async () => {
    const cache = await start();
    const old = gatedLoader('old');
    const waiting = cache.getOrSet('k', old.load);
    await eventually(() => old.runs() === 1);
    await cache.expire('k');
    old.open();
    expect(await waiting).toBe('old');
    expect(await cache.get('k')).toBeUndefined();
  });

  it.each<[how: string, invalidate: (cache: CacheService) => Promise<unknown>]>([
    ['the key', (cache) => cache.delete('k')],
    ['a set', (cache) => cache.set('k', 'set')],
    ['a tag', (cache) => cache.invalidateTags(['listed'])],
    ['a tag of the value', (cache) => cache.invalidateTags(['value'])],
    ['a pattern', (cache) => cache.invalidatePattern('k*')],
    ['the cache', (cache) => cache.clear()],
    ['the namespace', (cache) => cache.clearNamespace()],
  ])('a load overtaken by the invalidation of %s is not stored', async (how, invalidate) => {
    const cache = await start();
    const old = gatedLoader('old');
    const waiting = cache.getOrSet(
      'k',
      async ({ setTags }) => {
        setTags(['value']);
        return old.load();
      },
      { tags: ['listed'] },
    );
    await eventually(() => old.runs() === 1);
    await invalidate(cache);
    const later = how === 'a tag of the value' ? undefined : cache.getOrSet('k', () => 'new');
    old.open();
    expect(await waiting).toBe('old');
    expect(await (later ?? cache.getOrSet('k', () => 'new'))).toBe(how === 'a set' ? 'set' : 'new');
    expect(await cache.get('k')).toBe(how === 'a set' ? 'set' : 'new');
  });

  it('a load with consistency: strong that was overtaken is not stored either', async () => {
    const cache = await start();
    const old = gatedLoader('old');
    const waiting = cache.getOrSet('k', old.load, { consistency: 'strong' });
    await eventually(() => old.runs() === 1);
    await cache.delete('k');
    old.open();
    expect(await waiting).toBe('old');
    expect(await cache.get('k')).toBeUndefined();
  });

  it('nor is a load that everybody had given up before it was overtaken', async () => {
    const cache = await start();
    const old = gatedLoader('old');
    await expect(cache.getOrSet('k', old.load, { hardTimeout: 20 })).rejects.toThrow(LoaderTimeoutError);
    const next = gatedLoader('next');
    const waiting = cache.getOrSet('k', next.load);
    await eventually(() => next.runs() === 1);
    await cache.delete('k');
    old.open();
    next.open();
    await waiting;
    expect(await cache.get('k')).toBeUndefined();
  });

  it('invalidates by tag over all caches, by cache, and by namespace', async () => {
    const engine = await startEngine({ connection: false });
    const users = engine.cache(defineCache({ name: 'users', key: (id: number) => [id], tags: () => ['t'] }));
    const cache = engine.defaultCache;
    const fill = async (): Promise<void> => {
      await users.for(1).set('user');
      await cache.set('k', 'value', { tags: ['t'] });
      await cache.set('untagged', 'value');
    };
    const have = async (): Promise<boolean[]> => [
      await users.for(1).has(),
      await cache.has('k'),
      await cache.has('untagged'),
    ];
    await fill();
    await cache.invalidateTags(['t']);
    expect(await have()).toEqual([false, false, true]);
    await fill();
    await users.clear();
    expect(await have()).toEqual([false, true, true]);
    await fill();
    await users.clearNamespace();
    expect(await have()).toEqual([false, false, false]);
  });

  it('loads many with one call of the loader', async () => {
    const cache = await start();
    const calls: string[][] = [];
    const load = (missing: readonly string[]): Map<string, string> => {
      calls.push([...missing]);
      return new Map(missing.map((id) => [id, id]));
    };
    await cache.set('b', 'b');
    const [one, two] = await Promise.all([
      cache.getOrSetMany(['a', 'b', 'c'], load),
      cache.getOrSetMany(['c', 'd', 'a'], load),
    ]);
    expect([...one.values(), ...two.values()]).toEqual(['a', 'b', 'c', 'c', 'd', 'a']);
    expect(calls.flat().sort()).toEqual(['a', 'c', 'd']);
  });

  it('answers from its memory with consistency: strong too, which is where entries are', async () => {
    const cache = await start();
    await cache.set('k', 'value');
    expect(await cache.resolve('k', () => 'new', { consistency: 'strong' })).toMatchObject({
      value: 'value',
      source: 'l1',
    });
  });

  it('bounds its memory, and drops what was used longest ago', async () => {
    const engine = await startEngine({ connection: false, l1: { maxEntries: 3 } });
    const cache = engine.defaultCache;
    const evicted: string[] = [];
    engine.events.on('eviction', ({ key }) => evicted.push(key));
    for (const key of ['a', 'b', 'c']) await cache.set(key, key);
    await cache.get('a');
    await cache.set('d', 'd');
    expect(evicted).toEqual(['b']);
    expect(cache.stats.evictions).toBe(1);
    expect(cache.memory.entries).toBe(3);
    expect(await cache.getMany(['a', 'b'])).toEqual(['a', undefined]);
  });

  it('bounds its memory by bytes as well, uncompressed', async () => {
    const cache = await start({ l1: { maxBytes: 100_000 } });
    for (let id = 0; id < 20; id++) await cache.set(`k${id}`, 'x'.repeat(20_000));
    expect(cache.memory.bytes).toBeLessThanOrEqual(100_000);
    expect(cache.memory.entries).toBeLessThan(5);
    expect(await cache.get('k19')).toBe('x'.repeat(20_000));
  });

  it('ends waiting, refuses recursion and passes errors like with Redis', async () => {
    const cache = await start();
    const slow = gatedLoader('late');
    await expect(cache.getOrSet('k', slow.load, { hardTimeout: 20 })).rejects.toThrow(LoaderTimeoutError);
    slow.open();
    await eventually(async () => (await cache.get('k')) === 'late');
    await expect(cache.getOrSet('r', () => cache.getOrSet('r', () => 1))).rejects.toThrow(RecursiveLoadError);
    const thrown = new Error('mine');
    await expect(cache.getOrSet('e', () => Promise.reject(thrown))).rejects.toBe(thrown);
  });

  it('two engines share nothing', async () => {
    const [one, two] = [await start(), await start()];
    await one.set('k', 'value');
    expect(await two.has('k')).toBe(false);
  });
});
