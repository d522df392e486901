import { isDeepStrictEqual } from 'node:util';
import type { Resolved } from '../libs/redis-cache/src/cache/answers.js';
import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { Codec } from '../libs/redis-cache/src/cache/value.js';
import { foreignClient, startEngine, startFleet, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

class Account {
  readonly #secret = 'not data';
  constructor(
    readonly id: number,
    readonly opened: Date,
  ) {}
  secret(): string {
    return this.#secret;
  }
}

const SAMPLES: Record<string, unknown> = {
  text: 'Zoë 🎈',
  'an empty text': '',
  zero: 0,
  'minus zero': -0,
  NaN: NaN,
  Infinity: Infinity,
  false: false,
  'a BigInt': 2n ** 70n,
  null: null,
  undefined: undefined,
  'a Date': new Date('2024-02-29T12:00:00.000Z'),
  'a Map': new Map<unknown, unknown>([
    ['a', 1],
    [{ key: 'object' }, new Set([1n])],
  ]),
  'a Set': new Set(['a', undefined, NaN]),
  'a Buffer': Buffer.from([0, 255, 128]),
  'a Uint8Array': Uint8Array.of(0, 1, 254),
  'plain data': { id: 1, roles: ['admin', null], nested: { deep: [[]] } },
  'data of all types': {
    id: 7n,
    none: undefined,
    odd: [NaN, -0, undefined],
    at: new Date(0),
    by: new Map([['x', Buffer.from('y')]]),
  },
};

/** The value as the loader's caller, Redis, the memory and another process answer it. */
async function answersOf(value: unknown, options = {}): Promise<Record<string, unknown>> {
  const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
  const load = (): unknown => value;
  const ask = (cache: CacheService): Promise<Resolved<unknown>> => cache.resolve('k', load, options);
  const loaded = await ask(here.defaultCache);
  const stored = await here.defaultCache.resolve('k', load, { ...options, consistency: 'strong' });
  const elsewhere = await ask(there.defaultCache);
  let remembered = loaded;
  await eventually(async () => (remembered = await ask(here.defaultCache)).source === 'l1');
  expect([loaded.source, stored.source, elsewhere.source, remembered.source]).toEqual(['loader', 'l2', 'l2', 'l1']);
  return { loaded: loaded.value, stored: stored.value, elsewhere: elsewhere.value, remembered: remembered.value };
}

describe('a value is the same from the loader, from Redis, from memory and in another process', () => {
  it.each(Object.entries(SAMPLES))('%s', async (_name, value) => {
    const answers = await answersOf(value);
    const different = Object.entries(answers).filter(([, answer]) => !isDeepStrictEqual(answer, value));
    expect(different).toEqual([]);
  });

  it('a class instance is plain data everywhere, for the caller of its loader too', async () => {
    const opened = new Date(1);
    const answers = await answersOf(new Account(1, opened));
    for (const answer of Object.values(answers)) {
      expect(Object.getPrototypeOf(answer)).toBe(Object.prototype);
      expect(answer).toEqual({ id: 1, opened });
    }
  });

  it('plain data is frozen all the way down, so that nobody can change what others get', async () => {
    const answers = await answersOf({ list: [{ id: 1 }] });
    for (const answer of Object.values(answers) as { list: { id: number }[] }[]) {
      expect(() => (answer.list[0]!.id = 2)).toThrow(TypeError);
      expect(() => answer.list.push({ id: 2 })).toThrow(TypeError);
    }
  });

  it.each([
    ['a Map', () => new Map([['a', 1]]), (value: any) => value.clear()],
    ['a Set', () => new Set(['a']), (value: any) => value.add('b')],
    ['a Date', () => new Date(5), (value: any) => value.setTime(6)],
    ['a Buffer', () => Buffer.from('abc'), (value: any) => value.fill(0)],
    ['a Date inside', () => ({ at: new Date(5) }), (value: any) => value.at.setTime(6)],
  ])('%s is each caller’s own: what one does to it no other sees', async (_name, make, change) => {
    const engine = await startEngine();
    await trusted(engine);
    const cache = engine.defaultCache;
    const original = make();
    change(await cache.getOrSet('k', () => original));
    for (let read = 0; read < 5; read++) {
      const answer = await cache.getOrSet('k', () => original);
      expect(answer).toEqual(make());
      change(answer);
    }
    expect(original).toEqual(make());
  });

  it('callers of one load do not share what freezing cannot protect', async () => {
    const { defaultCache: cache } = await startEngine();
    const answers = await Promise.all([1, 2, 3].map(() => cache.getOrSet('k', () => new Map([['a', 1]]))));
    expect(new Set(answers).size).toBe(3);
  });

  it('what the loader keeps changing afterwards does not change what is cached', async () => {
    const { defaultCache: cache } = await startEngine();
    const mutable = { id: 1 };
    await cache.getOrSet('k', () => mutable);
    mutable.id = 2;
    expect(await cache.get('k')).toEqual({ id: 1 });
  });
});

describe('values: copy', () => {
  it.each(['get', 'lookup', 'getOrSet', 'resolve'] as const)(
    'gives every caller of %s data of its own, whatever others asked for',
    async (method) => {
      const engine = await startEngine();
      await trusted(engine);
      const cache = engine.defaultCache;
      await eventually(async () => (await cache.resolve('k', () => ({ list: [1] }))).source === 'l1');
      const ask = async (): Promise<{ list: number[] }> => {
        const options = { values: 'copy' } as const;
        if (method === 'get') return (await cache.get<{ list: number[] }>('k', options))!;
        if (method === 'getOrSet') return cache.getOrSet('k', () => ({ list: [0] }), options);
        if (method === 'resolve') return (await cache.resolve('k', () => ({ list: [0] }), options)).value;
        return ((await cache.lookup('k', options)) as { value: { list: number[] } }).value;
      };
      for (let read = 0; read < 4; read++) {
        const answer = await ask();
        expect(answer).toEqual({ list: [1] });
        answer.list.push(2);
      }
    },
  );

  it('is a policy too', async () => {
    const { defaultCache: cache } = await startEngine({ defaults: { values: 'copy' } });
    for (let read = 0; read < 4; read++) {
      const answer = await cache.getOrSet('k', () => ({ n: 1 }));
      expect(answer).toEqual({ n: 1 });
      answer.n = 2;
    }
  });
});

describe('null and undefined', () => {
  it.each([null, undefined])('%s is cached like any value: its loader runs once in the fleet', async (value) => {
    const [here, there] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    let loads = 0;
    const load = (): null | undefined => {
      loads += 1;
      return value;
    };
    for (const engine of [here, there, here, there]) {
      expect(await engine.defaultCache.getOrSet('k', load)).toBe(value);
    }
    expect(loads).toBe(1);
  });

  it('lookup tells a cached undefined from absence', async () => {
    const { defaultCache: cache } = await startEngine();
    expect(await cache.lookup('k')).toEqual({ isHit: false, reason: 'absent' });
    await cache.getOrSet('k', () => undefined);
    expect(await cache.lookup('k')).toMatchObject({ isHit: true, value: undefined });
    expect(await cache.has('k')).toBe(true);
  });

  it('live for negativeTtl, by default no longer than a minute', async () => {
    const { defaultCache: cache } = await startEngine();
    const ttl = '1h';
    expect((await cache.resolve('a', () => null, { ttl })).remainingMs).toBeLessThanOrEqual(60_000);
    expect((await cache.resolve('b', () => null, { ttl, negativeTtl: '10s' })).remainingMs).toBeLessThanOrEqual(10_000);
    expect((await cache.resolve('c', () => 1, { ttl, negativeTtl: '10s' })).remainingMs).toBeGreaterThan(60_000);
    expect((await cache.resolve('d', () => null, { ttl: '5s' })).remainingMs).toBeLessThanOrEqual(5_000);
  });

  it('live for negativeTtl even when that is longer than ttl', async () => {
    const { defaultCache: cache } = await startEngine();
    const found = await cache.resolve('k', () => null, { ttl: '5s', negativeTtl: '1m' });
    expect(found.remainingMs).toBeGreaterThan(5_000);
  });

  it('are not stored with negativeTtl: false', async () => {
    const { defaultCache: cache } = await startEngine();
    let loads = 0;
    const load = (): null => {
      loads += 1;
      return null;
    };
    const options = { negativeTtl: false } as const;
    expect(await cache.resolve('k', load, options)).toMatchObject({ value: null, isStored: false, remainingMs: 0 });
    expect(await cache.getOrSet('k', load, options)).toBeNull();
    expect(loads).toBe(2);
    expect(await cache.lookup('k')).toMatchObject({ isHit: false });
  });

  it('set with negativeTtl: false removes what was there', async () => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 'old');
    expect(await cache.set<string | null>('k', null, { negativeTtl: false })).toBe('applied');
    expect(await cache.has('k')).toBe(false);
  });
});

describe('a value that cannot be stored without changing it', () => {
  const cycle: { name: string; self?: unknown } = { name: 'cycle' };
  cycle.self = cycle;
  const REFUSED: [what: string, value: unknown, path: string][] = [
    ['a function', { handlers: [() => 1] }, '$.handlers[0]'],
    ['a symbol', { by: { id: Symbol('id') } }, '$.by.id'],
    ['a cycle', { node: cycle }, '$.node.self'],
  ];

  it.each(REFUSED)(
    '%s is an error of getOrSet that names its path, and nothing is stored',
    async (_what, value, path) => {
      const { defaultCache: cache } = await startEngine();
      await expect(cache.getOrSet('k', () => value)).rejects.toMatchObject({ code: 'UNCACHEABLE_VALUE', path });
      expect(await cache.has('k')).toBe(false);
      expect(await cache.getOrSet('k', () => 'plain')).toBe('plain');
    },
  );

  it.each(REFUSED)('%s is an error of set that leaves the old value alone', async (_what, value, path) => {
    const { defaultCache: cache } = await startEngine();
    await cache.set('k', 'old');
    await expect(cache.set('k', value)).rejects.toMatchObject({ code: 'UNCACHEABLE_VALUE', path });
    expect(await cache.get('k')).toBe('old');
  });

  it.each([
    ['a Node stream', () => ({ pipe: () => undefined })],
    ['a web stream', () => new ReadableStream()],
  ])('%s is refused: it can be read only once', async (_what, load) => {
    const { defaultCache: cache } = await startEngine();
    await expect(cache.getOrSet<unknown>('k', load)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('"k" returned a stream'),
    });
  });
});

describe('maxValueBytes', () => {
  it('returns a larger value and does not store it, counted and reported', async () => {
    const engine = await startEngine({ defaults: { maxValueBytes: 100 } });
    const cache = engine.defaultCache;
    const reasons: string[] = [];
    engine.events.on('unstored', ({ reason }) => reasons.push(reason));
    expect(await cache.resolve('k', () => 'x'.repeat(101))).toMatchObject({ value: 'x'.repeat(101), isStored: false });
    expect(await cache.has('k')).toBe(false);
    expect(cache.stats.unstored).toBe(1);
    expect(reasons).toEqual(['too-large']);
    expect(await cache.resolve('small', () => 'x'.repeat(98))).toMatchObject({ isStored: true });
  });

  it('is about the value and not about how well it compresses', async () => {
    const { defaultCache: cache } = await startEngine({
      defaults: { maxValueBytes: 10_000, compress: { aboveBytes: 1 } },
    });
    expect(await cache.resolve('k', () => 'x'.repeat(10_001))).toMatchObject({ isStored: false });
    expect(cache.stats.corrupt).toBe(0);
  });

  it('makes set remove the old value rather than leave it', async () => {
    const { defaultCache: cache } = await startEngine({ defaults: { maxValueBytes: 100 } });
    await cache.set('k', 'old');
    await cache.set('k', 'x'.repeat(101));
    expect(await cache.has('k')).toBe(false);
  });
});

describe('compression', () => {
  const large = Array.from({ length: 1000 }, (_, id) => ({ id, name: 'somebody' }));

  it('shrinks large values in Redis and changes nothing else', async () => {
    const namespace = uniqueNamespace();
    const [here, there] = (await startFleet(2, { namespace })) as [CacheEngine, CacheEngine];
    expect(await here.defaultCache.getOrSet('k', () => large)).toEqual(large);
    expect(await there.defaultCache.get('k')).toEqual(large);
    expect(await foreignClient().strlen(`${namespace}:e:{default:k}`)).toBeLessThan(JSON.stringify(large).length / 2);
  });

  it('can be turned off, and begins above the bytes it is told', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace });
    const cache = engine.defaultCache;
    const strlen = (key: string): Promise<number> => foreignClient().strlen(`${namespace}:e:{default:${key}}`);
    const text = 'abc'.repeat(300);
    await cache.set('off', large, { compress: false });
    await cache.set('below', text, { compress: { aboveBytes: 1000 } });
    await cache.set('above', text, { compress: { aboveBytes: 100 } });
    expect(await strlen('off')).toBeGreaterThan(JSON.stringify(large).length);
    expect(await strlen('below')).toBeGreaterThan(900);
    expect(await strlen('above')).toBeLessThan(300);
    expect(await cache.get('off')).toEqual(large);
    expect(await cache.get('above')).toBe(text);
  });
});

describe('a custom codec', () => {
  const reversed = (text: string): string => text.split('').reverse().join('');
  const codec: Codec = {
    name: 'reversed-1',
    encode: (value) => Buffer.from(reversed(JSON.stringify(value))),
    decode: (bytes) => JSON.parse(reversed(Buffer.from(bytes).toString())),
  };

  it('encodes what is stored and decodes it in every process', async () => {
    const namespace = uniqueNamespace();
    const [here, there] = (await startFleet(2, { namespace, defaults: { codec } })) as [CacheEngine, CacheEngine];
    await here.defaultCache.getOrSet('k', () => ({ a: 1 }));
    expect(await there.defaultCache.get('k')).toEqual({ a: 1 });
    const raw = await foreignClient().getBuffer(`${namespace}:e:{default:k}`);
    expect(raw!.toString('latin1')).toContain('}1:"a"{');
  });

  it('a process that does not have it loads afresh, and counts what it could not read', async () => {
    const namespace = uniqueNamespace();
    const withCodec = await startEngine({ namespace, defaults: { codec } });
    const without = await startEngine({ namespace });
    await withCodec.defaultCache.set('k', 'old');
    expect(await without.defaultCache.lookup('k')).toEqual({ isHit: false, reason: 'corrupt' });
    expect(await without.defaultCache.getOrSet('k', () => 'new')).toBe('new');
    expect(without.defaultCache.stats.corrupt).toBeGreaterThan(0);
  });

  it('that cannot decode makes the read a miss', async () => {
    const namespace = uniqueNamespace();
    const broken: Codec = {
      ...codec,
      decode: () => {
        throw new Error('changed its mind');
      },
    };
    await (await startEngine({ namespace, defaults: { codec } })).defaultCache.set('k', 'old');
    const { defaultCache: cache } = await startEngine({ namespace, defaults: { codec: broken } });
    expect(await cache.get('k')).toBeUndefined();
    expect(cache.stats.corrupt).toBe(1);
  });

  it('that cannot encode makes the value uncacheable', async () => {
    const { defaultCache: cache } = await startEngine({ defaults: { codec } });
    await expect(cache.getOrSet('k', () => 1n)).rejects.toMatchObject({ code: 'UNCACHEABLE_VALUE' });
  });
});

describe('stored bytes that are not ours', () => {
  it.each([
    ['empty', Buffer.alloc(0)],
    ['short', Buffer.from('x')],
    [
      'text',
      Buffer.from('{"name":"a JSON of somebody else, long enough to have a header of ours, or so it may seem"}'),
    ],
    ['an entry of a later version', Buffer.from(`RC9${'\0'.repeat(100)}`, 'latin1')],
    ['a header without the rest', Buffer.from('RC2\0aaaaaaaaaaaa', 'latin1')],
  ])('%s: a miss that is counted, reported and repaired', async (_what, bytes) => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace });
    const cache = engine.defaultCache;
    const keys: string[] = [];
    engine.events.on('corrupt', ({ key }) => keys.push(key));
    await foreignClient().set(`${namespace}:e:{default:k}`, bytes);
    expect(await cache.lookup('k')).toEqual({ isHit: false, reason: 'corrupt' });
    expect(cache.stats.corrupt).toBe(1);
    expect(keys).toEqual(['k']);
    expect(await cache.getOrSet('k', () => 'ours')).toBe('ours');
    expect(await cache.get('k')).toBe('ours');
  });

  it.each([0, 1, 2])('a damaged entry never answers with anything but its value (%s)', async (seed) => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace, l1: false });
    const cache = engine.defaultCache;
    const redis = foreignClient();
    const key = `${namespace}:e:{default:k}`;
    await cache.set('k', { id: 1, at: new Date(0) }, { tags: ['t'] });
    const whole = (await redis.getBuffer(key))!;
    for (let length = seed; length < whole.length; length += 3) {
      await redis.set(key, whole.subarray(0, length), 'PX', 60_000);
      expect(await cache.get('k')).toBeUndefined();
    }
  });

  it('another type under the key is a miss, and gone with the first load, which is counted', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace, l1: false });
    const cache = engine.defaultCache;
    await foreignClient().rpush(`${namespace}:e:{default:k}`, 'x');
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(cache.stats.corrupt).toBe(1);
    expect(await cache.get('k')).toBe('loaded');
  });
});
