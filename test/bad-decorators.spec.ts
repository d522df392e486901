import 'reflect-metadata';
import { CacheDefaults, Cacheable, CacheEvict, CachePut, attachCache, cachedRepository } from 'nestjs-rcache';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { InvalidArgumentError, InvalidOptionsError } from '../libs/redis-cache/src/errors.js';
import { othersThan } from './support/bad-values.js';
import { startEngine } from './support/engines.js';

type Decorator = (options: never) => unknown;

/** What stands on a method when the class is written, or the error that keeps it from being written. */
function decorate(decorator: unknown): unknown {
  class Service {
    async method(): Promise<void> {}
  }
  try {
    const descriptor = Object.getOwnPropertyDescriptor(Service.prototype, 'method');
    (decorator as (...args: unknown[]) => void)(Service.prototype, 'method', descriptor);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** A method of a class with a decorator, in an application. */
function methodWith(engine: CacheEngine, decorator: unknown, run: (...args: unknown[]) => unknown = () => 'result') {
  class Service {
    async method(...args: unknown[]): Promise<unknown> {
      return run(...args);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Service.prototype, 'method')!;
  (decorator as (...args: unknown[]) => void)(Service.prototype, 'method', descriptor);
  Object.defineProperty(Service.prototype, 'method', descriptor);
  const service = attachCache(new Service(), engine);
  return (...args: unknown[]): Promise<unknown> => service.method(...args);
}

/** Names of the values that were not refused with a message like this. */
function slips(
  values: readonly (readonly [string, unknown])[],
  message: RegExp,
  use: (value: unknown) => unknown,
): string[] {
  return values.flatMap(([name, value]) => {
    const error = use(value);
    return error instanceof InvalidOptionsError && message.test(error.message) ? [] : [`${name}: ${String(error)}`];
  });
}

const TEXTS = [
  'text',
  'a number as text',
  'a negative number as text',
  'a duration',
  'a long duration',
  'the name __proto__',
];
const FUNCTIONS = ['function', 'class'];
const LISTS = ['an empty list', 'a list of text', 'proxy'];

const DECORATORS: Record<string, { decorator: Decorator; base: object; options: Record<string, readonly string[]> }> = {
  '@Cacheable': {
    decorator: Cacheable,
    base: {},
    options: {
      cache: TEXTS,
      key: FUNCTIONS,
      tags: [...LISTS, ...FUNCTIONS],
      tagsOf: FUNCTIONS,
      condition: FUNCTIONS,
      unless: FUNCTIONS,
      bypass: FUNCTIONS,
      consistency: [],
      jitter: ['0'],
    },
  },
  '@CachePut': {
    decorator: CachePut,
    base: { key: () => 'k' },
    options: {
      cache: TEXTS,
      key: FUNCTIONS,
      keyOf: FUNCTIONS,
      tags: [...LISTS, ...FUNCTIONS],
      tagsOf: FUNCTIONS,
      condition: FUNCTIONS,
      unless: FUNCTIONS,
      jitter: ['0'],
    },
  },
  '@CacheEvict': {
    decorator: CacheEvict,
    base: { all: true },
    options: {
      cache: TEXTS,
      key: FUNCTIONS,
      keys: FUNCTIONS,
      keysOf: FUNCTIONS,
      tags: [...LISTS, ...FUNCTIONS],
      tagsOf: FUNCTIONS,
      pattern: [...TEXTS, ...FUNCTIONS, 'blank'],
      all: ['true', 'false'],
      when: [],
      condition: FUNCTIONS,
      strict: ['true', 'false'],
    },
  },
};

describe.each(Object.entries(DECORATORS))('%s', (name, { decorator, base, options }) => {
  const accepted = name === '@Cacheable' ? ['undefined', 'an empty object'] : [];

  it('is refused without options', () => {
    const message = new RegExp(
      `${name} on Service\\.method[^]*(must be an object of options|nothing says what|needs the key|is unknown)`,
    );
    const values = othersThan([...accepted, 'an object without a prototype']);
    expect(slips(values, message, (value) => decorate(decorator(value as never)))).toEqual([]);
  });

  it.each(Object.entries(options))(
    'is refused with a wrong %s, which it names with what is allowed',
    (option, right) => {
      const message = new RegExp(
        `${name} on Service\\.method[^]*${option.replace(/s$/, '')}[^]*(must be|allowed|Allowed|not empty|is text|half of)`,
      );
      const use = (value: unknown): unknown => decorate(decorator({ ...base, [option]: value } as never));
      expect(slips(othersThan(['undefined', ...right]), message, use)).toEqual([]);
    },
  );
});

describe('@CacheDefaults', () => {
  const use = (options: unknown): unknown => {
    try {
      CacheDefaults(options as never)(class Service {});
      return undefined;
    } catch (error) {
      return error;
    }
  };

  it('is refused without options, and with wrong ones', () => {
    const none = /@CacheDefaults on Service[^]*(must be an object of options|is unknown)/;
    expect(slips(othersThan(['an empty object']), none, use)).toEqual([]);
    const cache = /@CacheDefaults on Service[^]*cache must be the name of a cache/;
    expect(slips(othersThan(['undefined', ...TEXTS]), cache, (value) => use({ cache: value }))).toEqual([]);
  });
});

describe('what functions of decorators return', () => {
  it('is refused before the method runs, where it is made of the arguments', async () => {
    const engine = await startEngine({ connection: false });
    let runs = 0;
    const run = (): number => (runs += 1);
    const wrong: unknown[] = [
      CacheEvict({ tags: () => 'user:1' as never }),
      CacheEvict({ tags: () => [''] }),
      CacheEvict({ keys: () => 'user:1' as never }),
      CacheEvict({ keys: () => [''] }),
      CacheEvict({ key: () => undefined as never }),
      CacheEvict({ pattern: () => '' }),
      CachePut({ key: () => '' }),
      CachePut({ key: () => 'k', tags: () => 'user:1' as never }),
      Cacheable({ key: () => '' }),
      Cacheable({ key: () => 'k', tags: () => 'user:1' as never }),
    ];
    for (const decorator of wrong) {
      await expect(methodWith(engine, decorator, run)()).rejects.toMatchObject({
        message: expect.stringMatching(/must be an array|not empty|with at least one part|is text such as/),
      });
    }
    expect(runs).toBe(0);
  });

  it('cannot lose an eviction that is known, where it is made of the result', async () => {
    const engine = await startEngine({ connection: false });
    const { defaultCache: cache } = engine;
    const wrong: unknown[] = [
      CacheEvict({ key: () => 'k', tags: ['t'], keysOf: () => 'k' as never }),
      CacheEvict({ key: () => 'k', tags: ['t'], keysOf: () => [''] }),
      CacheEvict({ key: () => 'k', tags: ['t'], tagsOf: () => 'user:1' as never }),
      CacheEvict({
        key: () => 'k',
        tags: ['t'],
        tagsOf: () => {
          throw new InvalidArgumentError('cannot be told');
        },
      }),
    ];
    for (const decorator of wrong) {
      await cache.set('k', 1);
      await cache.set('tagged', 1, { tags: ['t'] });
      await expect(methodWith(engine, decorator)()).rejects.toBeInstanceOf(InvalidArgumentError);
      expect([await cache.has('k'), await cache.has('tagged')]).toEqual([false, false]);
    }
  });

  it('is a list of tags, never the characters of one', async () => {
    const engine = await startEngine({ connection: false });
    const { defaultCache: cache } = engine;
    const wrong = { key: () => 'k', tagsOf: () => 'user:1' as never };
    await expect(methodWith(engine, Cacheable(wrong))()).rejects.toThrow(
      /tagsOf returns is 'user:1'\. It must be an array/,
    );
    await expect(methodWith(engine, CachePut(wrong))()).rejects.toThrow(
      /tagsOf returns is 'user:1'\. It must be an array/,
    );
    expect(await cache.has('k')).toBe(false);
  });

  it('is not repeated in errors: a method that is not asynchronous answers with what may be a secret', async () => {
    const engine = await startEngine({ connection: false });
    class Service {
      method(): Promise<string> {
        return 'hunter2' as never;
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Service.prototype, 'method')!;
    (Cacheable() as (...args: unknown[]) => void)(Service.prototype, 'method', descriptor);
    Object.defineProperty(Service.prototype, 'method', descriptor);
    const error: unknown = await attachCache(new Service(), engine)
      .method()
      .catch((thrown: unknown) => thrown);
    expect((error as Error).message).toContain('the method returned text, not a promise');
    expect((error as Error).message).not.toContain('hunter2');
  });
});

describe('a cached repository', () => {
  interface Hero {
    id: number;
    name: string;
  }
  const repository = {
    heroes: new Map<number, Hero>([[1, { id: 1, name: 'Ada' }]]),
    findById: async (id: number): Promise<Hero | null> => repository.heroes.get(id) ?? null,
    findByName: async (name: string): Promise<Hero[]> =>
      [...repository.heroes.values()].filter((hero) => hero.name === name),
    rename: async (id: number, name: string): Promise<void> => void repository.heroes.set(id, { id, name }),
  };
  const refusal = (call: () => unknown): unknown => {
    try {
      return call();
    } catch (error) {
      return error;
    }
  };

  it('is refused with anything but a repository and a strategy', async () => {
    const engine = await startEngine({ connection: false });
    const good = { name: 'heroes' };
    const objects = ['an empty object', 'an object without a prototype', 'an object of unknown fields', 'an instance'];
    const wrap = (...args: unknown[]): unknown => refusal(() => cachedRepository(...(args as [never, never]), engine));
    const isNoObject = ([, value]: readonly [string, unknown]): boolean => typeof value !== 'object' || value === null;
    expect(
      slips(othersThan([]).filter(isNoObject), /repository is .* must be an object/, (value) => wrap(value, good)),
    ).toEqual([]);
    expect(slips(othersThan(objects), /strategy is .* must be an object/, (value) => wrap(repository, value))).toEqual(
      [],
    );
    expect(slips(othersThan(TEXTS), /name is/, (name) => wrap(repository, { name }))).toEqual([]);
    for (const option of ['finders', 'writes']) {
      const message = new RegExp(`${option}.* is .* must be an object`);
      const all = othersThan(['undefined', ...objects]);
      expect(slips(all, message, (value) => wrap(repository, { ...good, [option]: value }))).toEqual([]);
      expect(
        slips([...all, ['undefined', undefined]], message, (value) =>
          wrap(repository, { ...good, [option]: { findByName: value } }),
        ),
      ).toEqual([]);
    }
    for (const option of ['idOf', 'tags', 'serialise', 'deserialise']) {
      const message = new RegExp(`${option} is .* must be a function`);
      expect(
        slips(othersThan(['undefined', ...FUNCTIONS]), message, (value) =>
          wrap(repository, { ...good, [option]: value }),
        ),
      ).toEqual([]);
    }
  });

  it('does not drop an entity that has no id, without a word', async () => {
    const engine = await startEngine({ connection: false });
    const { entityCache } = cachedRepository(repository, { name: 'heroes' }, engine);
    for (const id of [undefined, null, '', NaN]) {
      await expect(entityCache.invalidate(id)).rejects.toThrow(/id is .* must be the id of an entity/);
    }
    await expect(entityCache.invalidate(1, { stirct: true } as never)).rejects.toThrow('did you mean "strict"');
  });

  it.each([
    ['ids', { ids: () => '1' as never }],
    ['ids', { ids: () => [undefined] }],
    ['entities', { ids: () => [1], entities: () => ({}) as never }],
    ['tags', { ids: () => [1], entities: () => [{ id: 1, name: 'x' }] }],
  ])('forgets everything when a write cannot say what it changed: its %s', async (what, rename) => {
    const engine = await startEngine({ connection: false });
    const tags = what === 'tags' ? { tags: () => 'hero' as never } : {};
    const strategy = { name: 'heroes', ...tags, finders: { findByName: {} }, writes: { rename } };
    const heroes = cachedRepository(repository, strategy, engine);
    await heroes.rename(1, 'Ada').catch(() => undefined);
    expect(await heroes.findById(1)).toEqual({ id: 1, name: 'Ada' });
    expect(await heroes.findByName('Ada')).toHaveLength(1);
    await expect(heroes.rename(1, 'Grace')).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(await heroes.findById(1)).toEqual({ id: 1, name: 'Grace' });
    expect(await heroes.findByName('Ada')).toEqual([]);
  });

  it('refuses a finder whose key or tags are no lists', async () => {
    const engine = await startEngine({ connection: false });
    for (const findByName of [{ key: () => 'ab' as never }, { tags: () => 'ab' as never }]) {
      const name = Object.keys(findByName).join();
      const heroes = cachedRepository(repository, { name, finders: { findByName } }, engine);
      await expect(heroes.findByName('x')).rejects.toThrow(/what (key|tags) returns is 'ab'\. It must be an array/);
    }
  });
});
