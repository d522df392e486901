import { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { LoadContext } from '../libs/redis-cache/src/cache/entry-options.js';
import { InvalidOptionsError, RedisCacheError } from '../libs/redis-cache/src/errors.js';
import { endOfDay, systemClock } from '../libs/redis-cache/src/time.js';
import { gatedLoader, startEngine, startFleet, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

describe('ttl', () => {
  it.each<[form: string, ttl: any, atMostMs: number]>([
    ['milliseconds', 10_000, 10_000],
    ['text', '10s', 10_000],
    ['text with a space', '2 minutes', 120_000],
    ['a Date', () => new Date(Date.now() + 10_000), 10_000],
    ['a function of the value', () => (value: { seconds: number }) => value.seconds * 1_000, 7_000],
    ['a function that gives a Date', () => () => new Date(Date.now() + 20_000), 20_000],
    ['a function that gives text', () => () => '1m', 60_000],
  ])('may be %s', async (_form, ttl, atMostMs) => {
    const { defaultCache: cache } = await startEngine();
    const given = typeof ttl === 'function' ? ttl() : ttl;
    await cache.getOrSet('loaded', () => ({ seconds: 7 }), { ttl: given });
    await cache.set('set', { seconds: 7 }, { ttl: given });
    for (const key of ['loaded', 'set']) {
      const leftMs = await cache.ttl(key);
      // The clock of the server is known to within half a round trip.
      expect(leftMs).toBeLessThanOrEqual(atMostMs + 100);
      expect(leftMs).toBeGreaterThan(atMostMs - 2_000);
    }
  });

  it('may be the end of the day in a time zone', async () => {
    const { defaultCache: cache } = await startEngine();
    const noonMs = Date.now();
    await cache.getOrSet('k', () => 1, { ttl: endOfDay('Asia/Tokyo') });
    const endsAtMs = noonMs + (await cache.ttl('k'))!;
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Tokyo', hour: '2-digit', minute: '2-digit' });
    // Read a little after it was stored, so a little after midnight.
    expect(['23:59', '00:00']).toContain(clock.format(endsAtMs).replace('24:', '00:'));
  });

  it('is said by a loader that passes its context on as a copy', async () => {
    const { defaultCache: cache } = await startEngine();
    const inner = ({ key, signal, setTtl }: LoadContext): string => {
      setTtl('3s');
      return `${key} ${signal.aborted}`;
    };
    expect(await cache.getOrSet('k', (context) => inner({ ...context }), { ttl: '1h' })).toBe('k false');
    expect(await cache.ttl('k')).toBeLessThanOrEqual(3_000);
  });

  it('is said by the loader last', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.getOrSet('k', ({ setTtl }) => setTtl('3s'), { ttl: '1h' });
    expect(await cache.ttl('k')).toBeLessThanOrEqual(3_000);
    await cache.getOrSet('dated', ({ setTtl }) => (setTtl(new Date(Date.now() + 3_000)), 1), { ttl: '1h' });
    expect(await cache.ttl('dated')).toBeLessThanOrEqual(3_100);
  });

  it('is five minutes when nobody says anything', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 1);
    const leftMs = (await cache.ttl('k'))!;
    expect([leftMs <= 300_000, leftMs > 295_000]).toEqual([true, true]);
  });

  it('ends: in this process, in Redis and elsewhere', async () => {
    const namespace = uniqueNamespace();
    const [here, there] = (await startFleet(2, { namespace })) as [CacheEngine, CacheEngine];
    await here.defaultCache.set('k', 'old', { ttl: 60 });
    for (const { defaultCache } of [here, there]) {
      await eventually(async () => (await defaultCache.get('k')) === undefined);
    }
    expect(await there.defaultCache.getOrSet('k', () => 'new', { ttl: '1h' })).toBe('new');
    expect(await here.defaultCache.getOrSet('k', () => 'newer', { ttl: '1h' })).toBe('new');
    expect(await here.connection()!.client.pttl(`${namespace}:e:{default:k}`)).toBeGreaterThan(0);
  });

  it('never makes an entry without an end in Redis', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace });
    await engine.defaultCache.set('k', 1, { ttl: '30d', grace: '30d' });
    const leftMs = await engine.connection()!.client.pttl(`${namespace}:e:{default:k}`);
    expect([leftMs > 0, leftMs <= 30 * 24 * 3_600_000]).toEqual([true, true]);
  });

  it('is shortened by jitter, never lengthened', async () => {
    const clock = { ...systemClock, random: () => 0.9 };
    const { defaultCache: cache } = await startEngine({}, clock);
    await cache.set('k', 1, { ttl: '100s', jitter: 0.5 });
    const leftMs = (await cache.ttl('k'))!;
    expect([leftMs <= 55_000, leftMs > 53_000]).toEqual([true, true]);
  });
});

describe('refused with a clear message, by every method that takes options', () => {
  const METHODS: Record<string, (cache: CacheService, options: any) => Promise<unknown>> = {
    getOrSet: (cache, options) => cache.getOrSet('k', () => 1, options),
    resolve: (cache, options) => cache.resolve('k', () => 1, options),
    set: (cache, options) => cache.set('k', 1, options),
    setMany: (cache, options) => cache.setMany([['k', 1]], options),
    getOrSetMany: (cache, options) => cache.getOrSetMany(['k'], () => new Map([['k', 1]]), options),
  };
  const REFUSED: [options: object, message: string][] = [
    [{ ttl: 0 }, 'ttl is 0. It must be more than 0'],
    [{ ttl: -1 }, 'ttl is -1'],
    [{ ttl: NaN }, 'ttl is NaN'],
    [{ ttl: Infinity }, 'ttl is Infinity'],
    [{ ttl: 'soon' }, "ttl is 'soon'"],
    [{ ttl: '31d' }, 'beyond the 2592000000 ms of maxTtl'],
    [{ ttl: new Date(0) }, 'which is not in the future'],
    [{ ttl: new Date(NaN) }, 'Invalid Date'],
    [{ ttl: new Date(Date.now() + 40 * 86_400_000) }, 'of maxTtl'],
    [{ ttl: null }, 'ttl is null'],
    [{ ttl: {} }, 'ttl is {}'],
    [{ grace: -1 }, 'grace is -1'],
    [{ grace: NaN }, 'grace is NaN'],
    [{ softTimeout: 0 }, 'softTimeout is 0'],
    [{ hardTimeout: -5 }, 'hardTimeout is -5'],
    [{ negativeTtl: 0 }, 'negativeTtl is 0'],
    [{ negativeTtl: '31d' }, 'of maxTtl'],
    [{ refresh: 'later' }, "refresh is 'later'. Allowed: background, wait"],
    [{ jitter: 0.6 }, 'jitter is 0.6. It must be a share between 0 and 0.5'],
    [{ jitter: NaN }, 'jitter is NaN'],
    [{ earlyRefresh: -1 }, 'earlyRefresh is -1'],
    [{ earlyRefresh: 'yes' }, "earlyRefresh is 'yes'"],
    [{ tags: 'user' }, "tags is 'user'. It must be an array"],
    [{ tags: ['a', 'a'] }, 'tags holds "a" twice'],
    [{ l1: 5 }, 'l1 is 5'],
    [{ l1: {} }, 'l1.ttl is undefined'],
    [{ codec: 'json' }, 'codec must have a name'],
    [{ codec: { name: 'x' } }, 'codec must have a name'],
    [{ codec: { encode: String, decode: String } }, 'codec must have a name'],
    [{ codec: null }, 'codec must have a name'],
    [{ compress: true }, 'compress is true. It must be false or { aboveBytes }'],
    [{ compress: null }, 'compress is null'],
    [{ compress: { aboveBytes: -1 } }, 'compress.aboveBytes is -1'],
    [{ maxValueBytes: 0 }, 'maxValueBytes is 0'],
    [{ maxValueBytes: 1.5 }, 'maxValueBytes is 1.5'],
    [{ values: 'shared' }, "values is 'shared'. Allowed: frozen, copy"],
    [{ tll: '1h' }, 'ttl'],
    [{ colour: 'red' }, 'colour'],
  ];

  it.each(Object.entries(METHODS))('%s', async (_name, call) => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    for (const [options, message] of REFUSED) {
      const error: unknown = await call(cache, options).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidOptionsError);
      expect((error as Error).message).toContain(message);
    }
    expect(await cache.has('k')).toBe(false);
  });

  it('the defaults of the module', () => {
    for (const [defaults, message] of REFUSED) {
      expect(() => new CacheEngine({ connection: false, defaults })).toThrow(message);
    }
  });

  it('all wrong options at once', async () => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    const error: any = await cache
      .getOrSet('k', () => 1, { ttl: 0, grace: -1, tll: 1 } as any)
      .catch((thrown: unknown) => thrown);
    expect(error.problems).toHaveLength(3);
  });

  it('bypass and consistency where nothing is read', async () => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    await expect(cache.set('k', 1, { bypass: true } as any)).rejects.toThrow('bypass');
    await expect(cache.getOrSet('k', () => 1, { bypass: 'yes' } as any)).rejects.toThrow('bypass is');
    await expect(cache.getOrSet('k', () => 1, { consistency: 'eventual' } as any)).rejects.toThrow(
      'Allowed: bounded, strong',
    );
  });

  it('a ttl the loader, a function or the clock makes impossible', async () => {
    const { defaultCache: cache } = await startEngine();
    await expect(cache.getOrSet('k', ({ setTtl }) => setTtl(0))).rejects.toThrow('ttl is 0');
    await expect(cache.getOrSet('k', () => 1, { ttl: () => NaN })).rejects.toThrow('ttl is NaN');
    await expect(cache.getOrSet('k', () => 1, { ttl: () => new Date(0) })).rejects.toThrow('not in the future');
    await expect(cache.set('k', 1, { ttl: () => '31d' })).rejects.toThrow('maxTtl');
    expect(await cache.has('k')).toBe(false);
  });

  it.each([['loader'], [undefined], [null], [{}], [Promise.resolve(1)]])('a loader that is %p', async (loader) => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    await expect(cache.getOrSet('k', loader as any)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      key: 'k',
      message: expect.stringContaining('It must be a function'),
    });
    // Also when there is an answer that would need no loader.
    await cache.set('k', 1);
    await expect(cache.getOrSet('k', loader as any)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each([
    [''],
    [[]],
    [undefined],
    [7],
    ['half \ud800'],
    [[Symbol('s')]],
    [[() => 1]],
    [[new Date(NaN)]],
    [{ id: 1 }],
  ])('the key %p, by every method', async (key: any) => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    for (const call of [
      () => cache.get(key),
      () => cache.lookup(key),
      () => cache.getOrSet(key, () => 1),
      () => cache.resolve(key, () => 1),
      () => cache.set(key, 1),
      () => cache.getMany([key]),
      () => cache.setMany([[key, 1]]),
      () => cache.getOrSetMany([key], () => new Map()),
      () => cache.has(key),
      () => cache.ttl(key),
      () => cache.delete(key),
      () => cache.deleteMany([key]),
      () => cache.expire(key),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(RedisCacheError);
    }
  });
});

describe('options of the module', () => {
  it.each<[options: any, message: string]>([
    [{ namespace: 'a b' }, 'namespace is "a b"'],
    [{ namespace: '' }, 'namespace is ""'],
    [{ maxStaleness: 749 }, 'maxStaleness is 749 ms; it must be at least 750 ms, three heartbeats'],
    [{ maxStaleness: 0 }, 'maxStaleness is 0'],
    [{ maxTtl: 0 }, 'maxTtl is 0'],
    [{ defaults: { bypass: true } }, 'bypass'],
    [{ defaults: { ttl: '2h' }, maxTtl: '1h' }, 'beyond the 3600000 ms of maxTtl'],
  ])('are refused when wrong: %p', (options, message) => {
    expect(() => new CacheEngine(options)).toThrow(message);
  });

  it('maxStaleness may be three heartbeats', () => {
    expect(() => new CacheEngine({ maxStaleness: 750 })).not.toThrow();
  });
});

describe('l1', () => {
  it('false keeps no copy in this process: every read asks Redis', async () => {
    const engine = await startEngine();
    await trusted(engine);
    const cache = engine.defaultCache;
    for (let read = 0; read < 5; read++) {
      const { source } = await cache.resolve('k', () => 1, { l1: false });
      expect(source).toBe(read === 0 ? 'loader' : 'l2');
    }
    expect(cache.memory.entries).toBe(0);
  });

  it('false for the module holds for all', async () => {
    const engine = await startEngine({ l1: false });
    await trusted(engine);
    for (let read = 0; read < 3; read++) await engine.defaultCache.getOrSet('k', () => 1);
    expect(engine.defaultCache.stats.hitsL1).toBe(0);
    expect(engine.defaultCache.stats.hitsL2).toBe(2);
  });

  it.each(['resolve', 'lookup'] as const)(
    '{ ttl } makes this process read again after that time (%s)',
    async (method) => {
      const engine = await startEngine();
      await trusted(engine);
      const cache = engine.defaultCache;
      const options = { ttl: '1h', l1: { ttl: 60 } } as const;
      const ask = async (): Promise<string | undefined> => {
        if (method === 'resolve') return (await cache.resolve('k', () => 1, options)).source;
        const found = await cache.lookup('k', options);
        return found.isHit ? found.source : undefined;
      };
      await cache.getOrSet('k', () => 1, options);
      await eventually(async () => (await ask()) === 'l1');
      await eventually(async () => (await ask()) === 'l2');
      await eventually(async () => (await ask()) === 'l1');
      expect(cache.stats.loads).toBe(1);
    },
  );
});

describe('bypass', () => {
  it('asks the loader and leaves what is cached alone', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 'stored');
    expect(await cache.resolve('k', () => 'fresh', { bypass: true })).toEqual({
      value: 'fresh',
      source: 'loader',
      isStale: false,
      isStored: false,
      isShared: false,
      ageMs: 0,
      remainingMs: 0,
      loadMs: 0,
    });
    expect(await cache.get('k')).toBe('stored');
    expect(await cache.lookup('k', { bypass: true })).toEqual({ isHit: false, reason: 'bypassed' });
    expect(await cache.get('k', { bypass: true })).toBeUndefined();
    expect(cache.stats.bypassed).toBeGreaterThanOrEqual(1);
  });

  it('shares nothing: every call is a call of its loader, with the same context', async () => {
    const { defaultCache: cache } = await startEngine();
    let loads = 0;
    const load = ({ key, signal, previous, setTtl, setTags, skip }: any): number => {
      setTtl('1s');
      setTags(['t']);
      skip();
      expect([key, signal.aborted, previous]).toEqual(['k', false, undefined]);
      return ++loads;
    };
    expect(await Promise.all([1, 2, 3].map(() => cache.getOrSet('k', load, { bypass: true })))).toEqual([1, 2, 3]);
  });
});

describe('skip', () => {
  it('returns the value and does not store it', async () => {
    const { defaultCache: cache } = await startEngine();
    const load = ({ skip }: { skip: () => void }): string => (skip(), 'draft');
    expect(await cache.resolve('k', load)).toMatchObject({ value: 'draft', isStored: false });
    expect(await cache.has('k')).toBe(false);
  });

  it('does not make the fleet queue up: the others load at the same time', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    await here.defaultCache.getOrSet('k', ({ skip }) => skip());
    const gates = [gatedLoader('a'), gatedLoader('b')];
    const waiting = [here, there].map(({ defaultCache }, index) => defaultCache.getOrSet('k', gates[index]!.load));
    await eventually(() => gates.every((gate) => gate.runs() === 1));
    for (const gate of gates) gate.open();
    expect(await Promise.all(waiting)).toEqual(['a', 'b']);
  });
});

describe('consistency: strong', () => {
  it('asks Redis even when memory has an answer', async () => {
    const engine = await startEngine();
    await trusted(engine);
    const cache = engine.defaultCache;
    await eventually(async () => (await cache.resolve('k', () => 1)).source === 'l1');
    expect(await cache.resolve('k', () => 2, { consistency: 'strong' })).toMatchObject({ value: 1, source: 'l2' });
    expect(await cache.lookup('k', { consistency: 'strong' })).toMatchObject({ isHit: true, source: 'l2' });
  });

  it('reads what another process has just written, at once and every time', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    for (let round = 0; round < 50; round++) {
      await there.defaultCache.set('k', round, { tags: ['t'] });
      expect(await here.defaultCache.get('k', { consistency: 'strong' })).toBe(round);
      await (round % 2 === 0 ? there.defaultCache.delete('k') : there.defaultCache.invalidateTags(['t']));
      expect(await here.defaultCache.get('k', { consistency: 'strong' })).toBeUndefined();
      expect(await here.defaultCache.getOrSet('k', () => -1, { consistency: 'strong', tags: ['t'] })).toBe(-1);
    }
  });

  it('after an invalidation by another process never gets a load that began before it', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    for (const invalidate of [
      () => there.defaultCache.delete('k'),
      () => there.defaultCache.invalidateTags(['t']),
      () => there.defaultCache.clear(),
    ]) {
      const old = gatedLoader('old');
      const waiting = here.defaultCache.getOrSet('k', old.load, { tags: ['t'] });
      await eventually(() => old.runs() === 1);
      await invalidate();
      expect(await here.defaultCache.getOrSet('k', () => 'new', { consistency: 'strong', tags: ['t'] })).toBe('new');
      old.open();
      await waiting;
      await there.defaultCache.delete('k');
      await eventually(async () => !(await here.defaultCache.has('k')));
    }
  });
});

describe('enabled: false', () => {
  it('asks the loader every time and connects to nothing', async () => {
    const engine = await startEngine({ enabled: false });
    const cache = engine.defaultCache;
    expect(engine.isEnabled).toBe(false);
    expect(engine.connectionStates()).toEqual([]);
    let loads = 0;
    for (let read = 1; read <= 3; read++) {
      expect(await cache.getOrSet('k', () => ++loads)).toBe(read);
    }
    expect(await cache.resolve('k', () => ++loads)).toMatchObject({ value: 4, source: 'loader', isStored: false });
    expect(await cache.getOrSetMany(['a', 'b'], (ids) => new Map(ids.map((id) => [id, ++loads])))).toEqual(
      new Map([
        ['a', 5],
        ['b', 6],
      ]),
    );
    expect(cache.stats.bypassed).toBe(6);
  });

  it('finds nothing, stores nothing, and every invalidation is done', async () => {
    const { defaultCache: cache } = await startEngine({ enabled: false });
    expect(await cache.set('k', 1)).toBe('applied');
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.lookup('k')).toEqual({ isHit: false, reason: 'disabled' });
    expect([await cache.has('k'), await cache.ttl('k')]).toEqual([false, undefined]);
    expect(
      await Promise.all([cache.delete('k'), cache.expire('k'), cache.invalidateTags(['t']), cache.clear()]),
    ).toEqual(Array(4).fill('applied'));
    expect(await cache.invalidatePattern('*')).toEqual({ status: 'applied', count: 0 });
    expect(await cache.clearNamespace()).toBe('applied');
  });

  it('still refuses what would be refused with the cache on', async () => {
    const { defaultCache: cache } = await startEngine({ enabled: false });
    await expect(cache.getOrSet('', () => 1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(cache.getOrSet('k', () => 1, { ttl: 0 })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(cache.getOrSet('k', undefined as any)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(cache.set('k', 1, { ttl: -1 })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(cache.invalidateTags([''])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(cache.invalidatePattern('')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('what a caller can see', () => {
  it('resolve says where the answer came from, how old it is and what it cost', async () => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const load = async (): Promise<string> => {
      const startedAtMs = performance.now();
      await eventually(() => performance.now() > startedAtMs + 15);
      return 'value';
    };
    const options = { ttl: '10s' } as const;
    const loaded = await here.defaultCache.resolve('k', load, options);
    expect(loaded).toMatchObject({ source: 'loader', isStale: false, isStored: true, isShared: false });
    const read = await there.defaultCache.resolve('k', load, options);
    expect(read).toMatchObject({ source: 'l2', isStored: true, isShared: false });
    for (const { loadMs, ageMs, remainingMs } of [loaded, read]) {
      expect(loadMs).toBeGreaterThanOrEqual(14);
      expect(ageMs).toBeGreaterThanOrEqual(0);
      expect(ageMs + remainingMs).toBeLessThanOrEqual(10_010);
      expect(ageMs + remainingMs).toBeGreaterThan(9_990);
    }
  });

  it('counts hits, misses, loads, errors, writes and invalidations', async () => {
    const engine = await startEngine();
    await trusted(engine);
    const { defaultCache: cache } = engine;
    await cache.get('k');
    const gate = gatedLoader(1);
    const waiting = [1, 2, 3].map(() => cache.getOrSet('k', gate.load));
    await eventually(() => gate.runs() === 1);
    gate.open();
    await Promise.all(waiting);
    await cache.getOrSet('bad', () => Promise.reject(new Error('x'))).catch(() => undefined);
    await cache.set('other', 1);
    await cache.delete('k');
    await cache.invalidateTags(['t']);
    await eventually(async () => (await cache.resolve('hot', () => 1)).source === 'l1');
    expect(cache.stats).toMatchObject({ loadErrors: 1, writes: 1, invalidations: 2, coalesced: 2 });
    expect(cache.stats.loads).toBe(2);
    expect(cache.stats.misses).toBeGreaterThanOrEqual(4);
    expect(cache.stats.hitsL1).toBeGreaterThanOrEqual(1);
    expect(cache.stats.loadMicros.count).toBe(2);
    expect(cache.stats.readMicros.count).toBeGreaterThan(0);
  });

  it('events name what happened; a listener that throws disturbs nobody', async () => {
    const engine = await startEngine();
    const cache = engine.defaultCache;
    const seen: string[] = [];
    engine.events.on('miss', () => {
      throw new Error('a broken listener');
    });
    engine.events.on('miss', ({ key, reason }) => seen.push(`miss ${key} ${reason}`));
    engine.events.on('load', ({ key, stored }) => seen.push(`load ${key} ${stored}`));
    engine.events.on('hit', ({ key, stale }) => seen.push(`hit ${key} ${stale}`));
    engine.events.on('write', ({ key, status }) => seen.push(`write ${key} ${status}`));
    const end = engine.events.on('invalidation', ({ kind, target, status }) =>
      seen.push(`${kind} ${target} ${status}`),
    );
    await cache.getOrSet('k', () => 1);
    await cache.get('k');
    await cache.set('k', 2);
    await cache.delete('k');
    await cache.expire('k');
    await cache.invalidateTags(['t']);
    await cache.invalidatePattern('k*');
    await cache.clear();
    end();
    await cache.clearNamespace();
    expect(seen).toEqual([
      'load k true',
      'miss k absent',
      'hit k false',
      'write k applied',
      'key k applied',
      'expire k applied',
      'tag t applied',
      'pattern k* applied',
      'cache default applied',
    ]);
  });
});
