import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { CallOptions } from '../libs/redis-cache/src/cache/entry-options.js';
import { startEngine, startFleet, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';

/** A bulk loader that remembers what it was asked for. */
function countingLoader(answer: (id: string) => string | undefined = (id) => `value of ${id}`) {
  const calls: string[][] = [];
  const load = async (missing: readonly string[]): Promise<Map<string, string>> => {
    calls.push([...missing]);
    await new Promise(setImmediate);
    return new Map(missing.flatMap((id) => (answer(id) === undefined ? [] : [[id, answer(id)!] as const])));
  };
  return { load, calls };
}

/** As many as one MGET reads. */
const KEYS_OF_A_COMMAND = 32;

describe('getMany and setMany', () => {
  it('answer in the order of the keys, with undefined for what is missing', async () => {
    const { defaultCache: cache } = await startEngine();
    expect(
      await cache.setMany<number>([
        ['a', 1],
        [['b', 2], 2],
      ]),
    ).toBe('applied');
    expect(await cache.getMany([['b', 2], 'missing', 'a', 'a'])).toEqual([2, undefined, 1, 1]);
    expect(await cache.getMany([])).toEqual([]);
  });

  it('do not ask for ids of tags that are known', async () => {
    const engine = await startEngine();
    await trusted(engine);
    const cache = engine.defaultCache;
    await cache.set('a', 0, { tags: ['t'] });
    // The first read of an id may be overtaken by the news of its creation.
    await cache.set('a', 1, { tags: ['t'] });
    const commands: string[] = [];
    engine.events.on('command', ({ command }) => commands.push(command));
    await cache.setMany(new Map([['a', 2]]), { tags: ['t'] });
    expect(commands).toEqual(['put']);
    await cache.invalidateTags(['t']);
    await cache.set('a', 3, { tags: ['t'] });
    expect(await cache.get('a')).toBe(3);
  });

  it('setMany gives every entry the same options', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.setMany(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
      { ttl: '10s', tags: ['t'] },
    );
    expect(await cache.ttl('b')).toBeLessThanOrEqual(10_000);
    await cache.invalidateTags(['t']);
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined]);
  });

  it('deleteMany removes exactly its keys', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.setMany([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    expect(await cache.deleteMany(['a', 'c', 'never'])).toBe('applied');
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual([undefined, 2, undefined]);
  });

  it('read many keys with a few commands', async () => {
    const engine = await startEngine({ l1: false });
    const cache = engine.defaultCache;
    const keys = Array.from({ length: 100 }, (_, id) => `k${id}`);
    await cache.setMany(keys.map((key) => [key, key] as const));
    await trusted(engine);
    await cache.getMany(keys);
    const { shards } = engine.connection()!;
    const sent = shards.map((shard) => jest.spyOn(shard, 'execute'));
    expect(await cache.getMany(keys)).toEqual(keys);
    const reads = sent.flatMap(({ mock }) => mock.calls.filter(([, command]) => command === 'MGET'));
    expect(reads.length).toBeLessThanOrEqual(Math.ceil(keys.length / KEYS_OF_A_COMMAND) + shards.length - 1);
  });
});

describe('getOrSetMany', () => {
  it('calls the loader once, for what is missing only', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('b', 'stored');
    const { load, calls } = countingLoader();
    expect(await cache.getOrSetMany(['a', 'b', 'c'], load)).toEqual(
      new Map([
        ['a', 'value of a'],
        ['b', 'stored'],
        ['c', 'value of c'],
      ]),
    );
    expect(calls).toEqual([['a', 'c']]);
    await cache.getOrSetMany(['c', 'b', 'a'], load);
    expect(calls).toHaveLength(1);
  });

  it('lets the process read its sockets between the values of a large batch', async () => {
    const { defaultCache: cache } = await startEngine();
    const ids = Array.from({ length: 500 }, (_, index) => `id ${index}`);
    let prepared = 0;
    let preparedInOneTurn: number | undefined;
    const load = (missing: readonly string[]): Map<string, string> => {
      setImmediate(() => (preparedInOneTurn = prepared));
      return new Map(missing.map((id) => [id, id]));
    };
    const ttl = (): '1h' => {
      prepared += 1;
      return '1h';
    };
    expect((await cache.getOrSetMany(ids, load, { ttl })).size).toBe(500);
    expect(prepared).toBe(500);
    expect(preparedInOneTurn).toBeLessThan(500);
  });

  it('does not call the loader when nothing is missing or asked for', async () => {
    const { defaultCache: cache } = await startEngine();
    const { load, calls } = countingLoader();
    await cache.set('a', 'stored');
    expect(await cache.getOrSetMany([], load)).toEqual(new Map());
    expect(await cache.getOrSetMany(['a'], load)).toEqual(new Map([['a', 'stored']]));
    expect(calls).toEqual([]);
  });

  it('stores each value under its own key, for the single methods too', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.getOrSetMany(['a', 'b'], countingLoader().load, { ttl: '10s', tags: ['t'] });
    expect(await cache.getOrSet('a', () => 'loaded again')).toBe('value of a');
    expect(await cache.ttl('b')).toBeLessThanOrEqual(10_000);
    await cache.invalidateTags(['t']);
    expect(await cache.has('a')).toBe(false);
  });

  it('takes an id the loader leaves out as undefined, and remembers that', async () => {
    const { defaultCache: cache } = await startEngine();
    const { load, calls } = countingLoader((id) => (id === 'b' ? undefined : id));
    expect(await cache.getOrSetMany(['a', 'b'], load)).toEqual(
      new Map([
        ['a', 'a'],
        ['b', undefined],
      ]),
    );
    await cache.getOrSetMany(['a', 'b'], load);
    expect(calls).toEqual([['a', 'b']]);
    expect(await cache.lookup('b')).toMatchObject({ isHit: true, value: undefined });
  });

  it('does not remember it with negativeTtl: false', async () => {
    const { defaultCache: cache } = await startEngine();
    const { load, calls } = countingLoader((id) => (id === 'b' ? undefined : id));
    await cache.getOrSetMany(['a', 'b'], load, { negativeTtl: false });
    await cache.getOrSetMany(['a', 'b'], load, { negativeTtl: false });
    expect(calls).toEqual([['a', 'b'], ['b']]);
  });

  it('loads each id once for overlapping batches of several processes, and none waits for ever', async () => {
    const fleet = await startFleet(3);
    const loaded: string[] = [];
    const ids = Array.from({ length: 30 }, (_, id) => `id${id}`);
    const load = async (missing: readonly string[]): Promise<Map<string, string>> => {
      loaded.push(...missing);
      await new Promise(setImmediate);
      return new Map(missing.map((id) => [id, id]));
    };
    const batches = [ids.slice(0, 20), ids.slice(10).reverse(), [...ids.slice(15), ...ids.slice(0, 5)]];
    const answers = await Promise.all(
      fleet.flatMap(({ defaultCache }, index) => [
        defaultCache.getOrSetMany(batches[index]!, load),
        defaultCache.getOrSetMany(batches[(index + 1) % 3]!, load),
      ]),
    );
    for (const [index, answer] of answers.entries()) {
      const batch = batches[(Math.floor(index / 2) + (index % 2)) % 3]!;
      expect(answer).toEqual(new Map(batch.map((id) => [id, id])));
    }
    expect(loaded.sort()).toEqual([...ids].sort());
  });

  it('loads each id once together with single calls', async () => {
    const { defaultCache: cache } = await startEngine();
    const { load, calls } = countingLoader();
    let singles = 0;
    const [batch, single] = await Promise.all([
      cache.getOrSetMany(['a', 'b'], load),
      cache.getOrSet('b', () => {
        singles += 1;
        return 'single';
      }),
    ]);
    expect(batch.get('b')).toBe(single);
    expect(calls.flat().filter((id) => id === 'b').length + singles).toBe(1);
  });

  it('gives the loader’s error to its caller and stores nothing', async () => {
    const { defaultCache: cache } = await startEngine();
    const failed = new Error('the source is down');
    await cache.set('a', 'stored');
    const load = (): never => {
      throw failed;
    };
    await expect(cache.getOrSetMany(['a', 'b'], load)).rejects.toBe(failed);
    expect(await cache.getMany(['a', 'b'])).toEqual(['stored', undefined]);
    expect((await cache.getOrSetMany(['b'], countingLoader().load)).get('b')).toBe('value of b');
  });

  it('asks its own loader when that of another batch fails', async () => {
    const [here, there] = (await startFleet(2)).map(({ defaultCache }) => defaultCache) as [CacheService, CacheService];
    let fail = (): void => undefined;
    const gate = new Promise<never>((_resolve, reject) => (fail = () => reject(new Error('failed'))));
    let isLoading = false;
    const failing = here.getOrSetMany(['a', 'b'], () => {
      isLoading = true;
      return gate;
    });
    failing.catch(() => undefined);
    await eventually(() => isLoading);
    const { load, calls } = countingLoader();
    const waiting = there.getOrSetMany(['b', 'c'], load);
    await eventually(() => calls.length === 1);
    fail();
    expect(await waiting).toEqual(
      new Map([
        ['b', 'value of b'],
        ['c', 'value of c'],
      ]),
    );
    expect(calls).toEqual([['c'], ['b']]);
  });

  it('an id invalidated while it is loaded is not stored, the others are', async () => {
    const { defaultCache: cache } = await startEngine();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let isLoading = false;
    const load = async (missing: readonly string[]): Promise<Map<string, string>> => {
      isLoading = true;
      await gate;
      return new Map(missing.map((id) => [id, id]));
    };
    const waiting = cache.getOrSetMany(['a', 'b'], load);
    await eventually(() => isLoading);
    await cache.delete('a');
    open();
    expect(await waiting).toEqual(
      new Map([
        ['a', 'a'],
        ['b', 'b'],
      ]),
    );
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, 'b']);
  });

  it('asks once for a key that is named twice', async () => {
    const { defaultCache: cache } = await startEngine();
    const { load, calls } = countingLoader();
    expect(await cache.getOrSetMany(['a', 'a', 'b', 'a'], load)).toEqual(
      new Map([
        ['a', 'value of a'],
        ['b', 'value of b'],
      ]),
    );
    expect(calls).toEqual([['a', 'b']]);
  });

  it('takes keys of typed parts', async () => {
    const { defaultCache: cache } = await startEngine();
    const keys = [
      ['user', 1],
      ['user', '1'],
    ] as const;
    const load = async (missing: readonly (readonly [string, number | string])[]) =>
      new Map(missing.map((key) => [key, typeof key[1]]));
    expect([...(await cache.getOrSetMany(keys, load)).values()]).toEqual(['number', 'string']);
    expect(await cache.get(['user', 1])).toBe('number');
  });

  it('has one deadline: hardTimeout', async () => {
    const { defaultCache: cache } = await startEngine();
    let signal: AbortSignal | undefined;
    const load = (_missing: readonly string[], context: { signal: AbortSignal }): Promise<Map<string, string>> => {
      signal = context.signal;
      return new Promise((resolve) => signal!.addEventListener('abort', () => resolve(new Map())));
    };
    await expect(cache.getOrSetMany(['a', 'b'], load, { hardTimeout: 20 })).rejects.toMatchObject({
      code: 'LOADER_TIMEOUT',
    });
    await eventually(() => signal!.aborted);
  });

  it('refuses a loader that is no function, or answers no Map', async () => {
    const { defaultCache: cache } = await startEngine();
    await expect(cache.getOrSetMany(['a'], 'loader' as any)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(cache.getOrSetMany(['a'], (async () => ({ a: 1 })) as any)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('Map'),
    });
  });

  it.each<CallOptions>([{ bypass: true }, { consistency: 'strong' }])('works with %p', async (options) => {
    const { defaultCache: cache } = await startEngine();
    const { load, calls } = countingLoader();
    await cache.set('a', 'stored');
    const answer = await cache.getOrSetMany(['a', 'b'], load, options);
    expect(answer.get('b')).toBe('value of b');
    expect(calls).toEqual(options.bypass ? [['a', 'b']] : [['b']]);
  });

  it('waits for every id even when one of them is answered at once from memory', async () => {
    const engine = await startEngine();
    await trusted(engine);
    const cache = engine.defaultCache;
    await eventually(async () => (await cache.resolve('a', () => 'stored')).source === 'l1');
    const { load, calls } = countingLoader();
    await cache.getOrSetMany(['a', 'b', 'c'], load);
    expect(calls).toEqual([['b', 'c']]);
  });
});
