import { DefinedCache, defineCache } from '../libs/redis-cache/src/cache/definition.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { InvalidOptionsError, MissingContextError } from '../libs/redis-cache/src/errors.js';
import { startEngine, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

interface User {
  id: number;
  org: string;
  validUntil?: Date;
}

describe('a defined cache', () => {
  const users = defineCache<[id: number], User | null>({
    name: 'users',
    ttl: '1h',
    key: (id) => ['user', id],
    tags: (id) => [`user:${id}`],
    tagsOf: (user) => (user === null ? [] : [`org:${user.org}`]),
  });
  const ada = { id: 1, org: 'acme' };

  it('gives readers and evictors the same key and the same tags', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const reader = here.cache(users);
    expect(await reader.for(1).getOrSet(() => ada)).toEqual(ada);
    expect(await there.cache(users).for(1).get()).toEqual(ada);
    expect(await there.cache(users).get(['user', 1])).toEqual(ada);
    expect(await reader.for(2).get()).toBeUndefined();

    await there.cache(users).for(1).delete();
    await eventually(async () => !(await reader.for(1).has()));
  });

  it.each(['user:1', 'org:acme'])('can be invalidated by the tag %s', async (tag) => {
    const [engine] = (await startFleet(1)) as [CacheEngine];
    const handle = engine.cache(users).for(1);
    await handle.getOrSet(() => ada);
    expect(await handle.has()).toBe(true);
    await engine.defaultCache.invalidateTags([tag]);
    expect(await handle.has()).toBe(false);
  });

  it('handles have every method of one entry', async () => {
    const engine = await startEngine();
    const handle = engine.cache(users).for(1);
    expect(handle.key).toEqual(['user', 1]);
    expect(await handle.set(ada)).toBe('applied');
    expect(await handle.get()).toEqual(ada);
    expect(await handle.has()).toBe(true);
    expect(await handle.ttl()).toBeGreaterThan(3_599_000);
    expect(await handle.lookup()).toMatchObject({ isHit: true, value: ada });
    expect(await handle.resolve(() => null)).toMatchObject({ value: ada, source: expect.stringMatching(/^l[12]$/) });
    expect(await handle.expire()).toBe('applied');
    expect(await handle.get()).toBeUndefined();
    expect(await handle.getOrSet(() => null)).toBeNull();
    expect(await handle.delete()).toBe('applied');
  });

  it('takes options of a call over its own', async () => {
    const engine = await startEngine();
    const handle = engine.cache(users).for(1);
    await handle.set(ada, { ttl: '1m', tags: ['other'] });
    expect(await handle.ttl()).toBeLessThanOrEqual(60_000);
    await engine.defaultCache.invalidateTags(['user:1']);
    expect(await handle.has()).toBe(true);
  });

  it('is one object however often it is asked for', async () => {
    const engine = await startEngine();
    expect(engine.cache(users)).toBe(engine.cache(users));
    expect(engine.cache(users)).toBeInstanceOf(DefinedCache);
    expect(engine.caches()).toEqual([engine.cache(users)]);
    expect(engine.defaultCache).toBe(engine.defaultCache);
    expect(engine.caches().map(({ name }) => name)).toEqual(['users', 'default']);
  });

  it('does not share its keys with other caches', async () => {
    const engine = await startEngine();
    const other = defineCache({ name: 'other', key: (id: number) => ['user', id] });
    await engine.cache(users).for(1).set(ada);
    expect(await engine.cache(other).for(1).has()).toBe(false);
    expect(await engine.defaultCache.has(['user', 1])).toBe(false);
  });

  it('takes its ttl from the value and the arguments', async () => {
    const engine = await startEngine();
    const byValue = defineCache({
      name: 'by-value',
      key: (id: number) => [id],
      ttl: (user: User, id) => (id === 1 ? (user.validUntil ?? '1h') : '10s'),
    });
    const cache = engine.cache(byValue);
    await cache.for(1).set({ ...ada, validUntil: new Date(Date.now() + 30_000) });
    await cache.for(2).getOrSet(() => ada);
    expect(await cache.for(1).ttl()).toBeGreaterThan(10_000);
    expect(await cache.for(1).ttl()).toBeLessThanOrEqual(31_000);
    expect(await cache.for(2).ttl()).toBeLessThanOrEqual(10_000);
  });

  it('can be set up by name, over its definition and over the defaults', async () => {
    const engine = await startEngine({
      defaults: { ttl: '1m', grace: '1h' },
      caches: { users: { ttl: '10s' }, default: { ttl: '20s' } },
    });
    const plain = defineCache({ name: 'plain', key: (id: number) => [id] });
    await engine.cache(users).for(1).set(ada);
    await engine.cache(plain).for(1).set('x');
    await engine.defaultCache.set('k', 'x');
    const [ofUsers, ofPlain, ofDefault] = await Promise.all([
      engine.cache(users).for(1).ttl(),
      engine.cache(plain).for(1).ttl(),
      engine.defaultCache.ttl('k'),
    ]);
    expect([ofUsers! > 10_000, ofUsers! > 9_000]).toEqual([false, true]);
    expect([ofPlain! > 60_000, ofPlain! > 59_000]).toEqual([false, true]);
    expect([ofDefault! > 20_000, ofDefault! > 19_000]).toEqual([false, true]);
    await engine.cache(users).for(1).expire();
    expect(await engine.cache(users).for(1).lookup()).toMatchObject({ isHit: true, isStale: true });
  });

  it('uses the connection it names', async () => {
    const namespace = uniqueNamespace();
    const named = defineCache({ name: 'named', connection: 'second', key: (id: number) => [id] });
    const engine = await startEngine({ namespace, connections: { second: { url: `${testRedisUrl()}/1` } } });
    await engine.cache(named).for(1).set('x');
    const key = `${namespace}:e:{named:/~n1}`;
    expect(await engine.connection('second')!.client.exists(key)).toBe(1);
    expect(await engine.connection()!.client.exists(key)).toBe(0);
    expect(engine.connectionStates().map(({ name }) => name)).toEqual(['second', 'default']);
    expect(() => engine.connection('third')).toThrow('There is no connection "third"; the module has second, default');
  });
});

describe('a changed version', () => {
  const v1 = defineCache({ name: 'users', key: (id: number) => [id], tags: () => ['t'] });
  const v2 = defineCache({ ...v1, version: 2 });

  it('is a clean miss for both versions, which do not disturb each other', async () => {
    const namespace = uniqueNamespace();
    const old = (await startEngine({ namespace })).cache(v1);
    const current = (await startEngine({ namespace })).cache(v2);
    await old.for(1).set('old shape');
    expect(await current.for(1).lookup()).toEqual({ isHit: false, reason: 'absent' });
    await current.for(1).set('new shape');
    expect(await old.for(1).get()).toBe('old shape');
    expect(await current.for(1).get()).toBe('new shape');
    expect(current.stats.corrupt).toBe(0);
  });

  it('shares tags and clear with the other one, as both may run during a deployment', async () => {
    const namespace = uniqueNamespace();
    const old = (await startEngine({ namespace })).cache(v1);
    const current = (await startEngine({ namespace })).cache(v2);
    for (const invalidate of [() => current.invalidateTags(['t']), () => old.clear()]) {
      await old.for(1).set('old shape');
      await current.for(1).set('new shape');
      await invalidate();
      await eventually(async () => !(await old.for(1).has()) && !(await current.for(1).has()));
    }
  });
});

describe('a context', () => {
  const settings = defineCache({
    name: 'settings',
    key: (name: string) => name,
    context: ['tenant', 'locale'],
  });
  let context: Record<string, string | undefined> = {};
  const start = (): Promise<CacheEngine> => startEngine({ context: () => context });

  it('separates tenants that ask for the same key', async () => {
    const cache = (await start()).cache(settings);
    const answers: unknown[] = [];
    for (const tenant of ['acme', 'globex', 'acme']) {
      context = { tenant, locale: 'de' };
      answers.push(await cache.for('colour').getOrSet(() => `of ${tenant}`));
    }
    expect(answers).toEqual(['of acme', 'of globex', 'of acme']);
    context = { tenant: 'globex', locale: 'de' };
    await cache.for('colour').delete();
    context = { tenant: 'acme', locale: 'de' };
    expect(await cache.for('colour').get()).toBe('of acme');
  });

  it.each([
    [
      { tenant: 'a@b', locale: 'c' },
      { tenant: 'a', locale: 'b@c' },
    ],
    [
      { tenant: 'a|b', locale: 'c' },
      { tenant: 'a', locale: 'b|c' },
    ],
    [
      { tenant: 'acme.co', locale: 'x' },
      { tenant: 'acme_co', locale: 'x' },
    ],
    [
      { tenant: 'x', locale: 'y' },
      { tenant: 'y', locale: 'x' },
    ],
  ])('never lets %p read what %p stored', async (one, other) => {
    const cache = (await start()).cache(settings);
    context = one;
    await cache.for('k').set('secret');
    context = other;
    expect(await cache.for('k').has()).toBe(false);
  });

  it.each([{}, { tenant: 'acme' }, { tenant: 'acme', locale: '' }, { tenant: undefined, locale: 'de' }])(
    'that lacks a value is an error of every method, never a shared entry: %p',
    async (incomplete) => {
      const cache = (await start()).cache(settings);
      context = incomplete;
      const handle = cache.for('k');
      const missing = 'tenant' in incomplete && incomplete.tenant !== undefined ? 'locale' : 'tenant';
      await expect(handle.getOrSet(() => 'x')).rejects.toThrow(MissingContextError);
      await expect(handle.getOrSet(() => 'x')).rejects.toThrow(`needs the context value "${missing}"`);
      for (const call of [
        () => handle.get(),
        () => handle.lookup(),
        () => handle.has(),
        () => handle.ttl(),
        () => handle.resolve(() => 'x'),
        () => handle.set('x'),
        () => handle.delete(),
        () => handle.expire(),
        () => cache.getMany(['k']),
        () => cache.getOrSetMany(['k'], () => new Map()),
        () => cache.invalidatePattern('*'),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'MISSING_CONTEXT' });
      }
    },
  );

  it('is needed only by the caches that name it', async () => {
    context = {};
    const engine = await start();
    expect(await engine.defaultCache.getOrSet('k', () => 'x')).toBe('x');
  });

  it('limits a pattern to its own entries', async () => {
    const cache = (await start()).cache(settings);
    for (const tenant of ['acme', 'globex']) {
      context = { tenant, locale: 'de' };
      await cache.for('colour:1').set(tenant);
      await cache.for('size').set(tenant);
    }
    context = { tenant: 'acme', locale: 'de' };
    expect(await cache.invalidatePattern('colour:*')).toEqual({ status: 'applied', count: 1 });
    expect([await cache.for('colour:1').has(), await cache.for('size').has()]).toEqual([false, true]);
    context = { tenant: 'globex', locale: 'de' };
    expect(await cache.for('colour:1').has()).toBe(true);
  });

  it('is left alone by clear, which is of all contexts', async () => {
    const cache = (await start()).cache(settings);
    for (const tenant of ['acme', 'globex']) {
      context = { tenant, locale: 'de' };
      await cache.for('k').set(tenant);
    }
    await cache.clear();
    expect(await cache.for('k').has()).toBe(false);
  });
});

describe('a wrong definition', () => {
  const key = (id: number): readonly [number] => [id];

  it.each<[problem: string, definition: any]>([
    ['name is "a b"', { name: 'a b', key }],
    ['name is ""', { name: '', key }],
    ['name is', { name: 'x'.repeat(65), key }],
    ['version is 1.5', { name: 'x', key, version: 1.5 }],
    ['key must be a function', { name: 'x' }],
    ['key must be a function', { name: 'x', key: 'user:{id}' }],
    ['tags must be a function of the arguments', { name: 'x', key, tags: ['t'] }],
    ['tagsOf must be a function of the value', { name: 'x', key, tagsOf: ['t'] }],
    ['ttl is 0', { name: 'x', key, ttl: 0 }],
    ['ttl is -1', { name: 'x', key, ttl: -1 }],
    ['grace is', { name: 'x', key, grace: 'soon' }],
    ['"tll"', { name: 'x', key, tll: '1h' }],
    ['bypass', { name: 'x', key, bypass: true }],
    ['context', { name: 'x', key, context: 'tenant' }],
    ['context', { name: 'x', key, context: [] }],
  ])('is refused at once: %s', (problem, definition) => {
    expect(() => defineCache(definition)).toThrow(InvalidOptionsError);
    expect(() => defineCache(definition)).toThrow(problem);
  });

  it('is told everything that is wrong with it, and the nearest known name', () => {
    const define = (): unknown => defineCache({ name: 'x y', key, ttl: NaN, refesh: 'wait' } as any);
    expect(define).toThrow(/name is "x y"[^]*ttl is NaN|ttl is NaN[^]*name is "x y"/);
    expect(define).toThrow('refresh');
  });

  it('with the name of another one is refused by the engine', async () => {
    const engine = await startEngine();
    const first = defineCache({ name: 'taken', key });
    engine.cache(first);
    expect(() => engine.cache(defineCache({ name: 'taken', key, ttl: '1h' }))).toThrow(
      'name is taken by another definition',
    );
    expect(() => engine.cache(defineCache({ name: 'taken', key }))).toThrow(InvalidOptionsError);
    expect(engine.cache(first)).toBeDefined();
  });

  it('that names a connection there is not is refused by the engine', async () => {
    const engine = await startEngine();
    expect(() => engine.cache(defineCache({ name: 'x', key, connection: 'sceond' }))).toThrow(
      'connection is "sceond"; the module has default',
    );
  });

  it('whose ttl is beyond maxTtl of the module is refused by the engine', async () => {
    const engine = await startEngine({ maxTtl: '1h' });
    expect(() => engine.cache(defineCache({ name: 'x', key, ttl: '2h' }))).toThrow('beyond the 3600000 ms of maxTtl');
  });

  it('cannot be changed afterwards', () => {
    const definition = defineCache({ name: 'x', key, ttl: '1h' });
    expect(() => ((definition as any).ttl = '2h')).toThrow(TypeError);
  });
});
