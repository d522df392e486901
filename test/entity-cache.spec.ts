import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { InvalidOptionsError } from '../libs/redis-cache/src/errors.js';
import { cachedRepository } from '../libs/redis-cache/src/interception/cached-repository.js';
import { withoutCache } from '../libs/redis-cache/src/interception/without-cache.js';
import { RedisCacheModule } from '../libs/redis-cache/src/redis-cache.module.js';
import { CACHE_ENGINE } from '../libs/redis-cache/src/tokens.js';
import { startEngine, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { testConnection, uniqueNamespace } from './support/servers.js';

interface Hero {
  id: number;
  name: string;
  language: string;
}

interface Page {
  items: Hero[];
  total: number;
}

/** Keeps its rows in a private field, as real repositories keep their pool, and counts what it is asked. */
class HeroRepository {
  readonly #rows = new Map<number, Hero>();
  readonly asked: string[] = [];

  constructor(...heroes: Hero[]) {
    for (const hero of heroes) this.#rows.set(hero.id, hero);
  }

  async findById(id: number | string): Promise<Hero | null> {
    this.asked.push(`findById ${id}`);
    const row = this.#rows.get(Number(id));
    return row ? { ...row } : null;
  }

  async list(): Promise<Hero[]> {
    this.asked.push('list');
    return [...this.#rows.values()];
  }

  async findByName(name: string, _options?: { trace: () => void }): Promise<Hero | undefined> {
    this.asked.push(`findByName ${name}`);
    return [...this.#rows.values()].find((hero) => hero.name === name);
  }

  async page(size: number): Promise<Page> {
    this.asked.push(`page ${size}`);
    const all = [...this.#rows.values()];
    return { items: all.slice(0, size), total: all.length };
  }

  async save(hero: Hero): Promise<Hero> {
    this.#rows.set(hero.id, hero);
    return hero;
  }

  async update(id: number, changes: Partial<Hero>): Promise<void> {
    this.#rows.set(id, { ...(this.#rows.get(id) as Hero), ...changes });
  }

  async delete(hero: Hero | number): Promise<boolean> {
    return this.#rows.delete(typeof hero === 'number' ? hero : hero.id);
  }

  async renameAll(name: string): Promise<void> {
    for (const row of this.#rows.values()) row.name = name;
  }

  async translate(name: string, language: string): Promise<Hero[]> {
    const translated = [...this.#rows.values()].filter((row) => row.name === name);
    for (const row of translated) row.language = language;
    return translated;
  }

  async failing(): Promise<void> {
    throw new Error('constraint violated');
  }

  size(): number {
    return this.#rows.size;
  }
}

const ADA: Hero = { id: 1, name: 'Ada', language: 'en' };
const EMMY: Hero = { id: 2, name: 'Emmy', language: 'de' };

const strategy = {
  name: 'heroes',
  tags: (hero: Hero) => [`language:${hero.language}`],
  finders: { findByName: { key: (name: string) => [name] }, page: {} },
  writes: { renameAll: {}, translate: { ids: (heroes: Hero[]) => heroes.map(({ id }) => id) }, failing: {} },
};

async function start() {
  const repository = new HeroRepository({ ...ADA }, { ...EMMY });
  const engine = await startEngine();
  return { repository, engine, heroes: cachedRepository(repository, strategy, engine) };
}

/** The reads of `heroes`, after which `asked` says which of them the repository had to answer. */
async function readAll(heroes: HeroRepository): Promise<unknown[]> {
  return Promise.all([
    heroes.findById(1),
    heroes.findById(2),
    heroes.list(),
    heroes.findByName('Ada'),
    heroes.findByName('Nobody'),
    heroes.page(1),
  ]);
}

const LISTS = ['list', 'findByName Ada', 'findByName Nobody', 'page 1'];

describe('a cached repository', () => {
  it('answers its finders from the cache, with what the repository would answer', async () => {
    const { repository, heroes } = await start();
    const expected = await readAll(new HeroRepository(ADA, EMMY));
    expect(await readAll(heroes)).toEqual(expected);
    expect(await readAll(heroes)).toEqual(expected);
    expect(repository.asked.sort()).toEqual(['findById 1', 'findById 2', ...LISTS].sort());
    // Absence is remembered, too.
    await heroes.findById(9);
    await heroes.findById(9);
    expect(repository.asked.filter((asked) => asked === 'findById 9')).toHaveLength(1);
  });

  it.each<[string, (heroes: HeroRepository) => Promise<unknown>, string[]]>([
    ['save', (heroes) => heroes.save({ ...ADA, name: 'Grace' }), ['findById 1']],
    ['save of a new one', (heroes) => heroes.save({ id: 9, name: 'Nobody', language: 'en' }), []],
    ['update', (heroes) => heroes.update(2, { name: 'Nobody' }), ['findById 2']],
    ['delete by id', (heroes) => heroes.delete(1), ['findById 1']],
    ['delete of an entity', (heroes) => heroes.delete(EMMY), ['findById 2']],
    ['a write that does not say what it changes', (heroes) => heroes.renameAll('Nobody'), ['findById 1', 'findById 2']],
    ['a write that says what it changes', (heroes) => heroes.translate('Emmy', 'fr'), ['findById 2']],
  ])('shows the result of %s at once, and asks only for what it may have changed', async (_write, write, ids) => {
    const { repository, heroes } = await start();
    await readAll(heroes);
    repository.asked.length = 0;
    await write(heroes);
    const answers = await readAll(heroes);
    expect([...repository.asked].sort()).toEqual([...ids, ...LISTS].sort());
    expect(answers).toEqual(await readAll(repository));
  });

  it('keeps what is cached when a write fails, and passes the error on', async () => {
    const { repository, heroes } = await start();
    await readAll(heroes);
    repository.asked.length = 0;
    await expect(heroes.failing()).rejects.toThrow('constraint violated');
    await readAll(heroes);
    expect(repository.asked).toEqual([]);
  });

  it('invalidates the tags of what was written, for whoever else uses them', async () => {
    const { engine, heroes } = await start();
    const cache = engine.defaultCache;
    for (const language of ['en', 'de']) await cache.set(language, 1, { tags: [`language:${language}`] });
    await heroes.save({ ...ADA, name: 'Grace' });
    expect([await cache.has('en'), await cache.has('de')]).toEqual([false, true]);
  });

  it('finds an entity by the text of its id, too', async () => {
    const { heroes } = await start();
    await heroes.findById('1');
    await heroes.update(1, { name: 'Grace' });
    expect((await heroes.findById('1'))?.name).toBe('Grace');
  });

  it('gives every caller a copy to change', async () => {
    const { heroes } = await start();
    for (const _ of [1, 2]) {
      const hero = (await heroes.findById(1)) as Hero;
      expect(hero.name).toBe('Ada');
      hero.name = 'changed, not saved';
    }
  });

  it('tells the other processes', async () => {
    const fleet = await startFleet(2);
    const repository = new HeroRepository({ ...ADA });
    const [here, there] = fleet.map((engine) => cachedRepository(repository, strategy, engine));
    if (here === undefined || there === undefined) throw new Error('two were asked for');
    await here.findById(1);
    await there.findById(1);
    await here.update(1, { name: 'Grace' });
    expect((await here.findById(1))?.name).toBe('Grace');
    await eventually(async () => (await there.findById(1))?.name === 'Grace');
  });

  it('passes everything else through to the repository itself', async () => {
    const { repository, heroes } = await start();
    expect(heroes.size()).toBe(2);
    expect(heroes.size).toBe(heroes.size);
    expect(heroes).toBeInstanceOf(HeroRepository);
    expect(heroes.constructor).toBe(HeroRepository);
    expect(heroes.asked).toBe(repository.asked);
    expect('size' in heroes).toBe(true);
  });

  it('can stand before a frozen object', async () => {
    const engine = await startEngine();
    let runs = 0;
    const frozen = Object.freeze({ findById: async (id: number) => ({ id, run: (runs += 1) }) });
    const cached = cachedRepository(frozen, { name: 'frozen' }, engine);
    expect([await cached.findById(1), await cached.findById(1)]).toEqual([
      { id: 1, run: 1 },
      { id: 1, run: 1 },
    ]);
  });

  it('can be told that something else changed an entity', async () => {
    const { repository, heroes } = await start();
    await heroes.findById(1);
    await repository.update(1, { name: 'Grace' });
    expect((await heroes.findById(1))?.name).toBe('Ada');
    await heroes.entityCache.invalidate(1);
    expect((await heroes.findById(1))?.name).toBe('Grace');
  });

  it('is left alone inside withoutCache, except by writes', async () => {
    const { repository, heroes } = await start();
    await heroes.findById(1);
    await withoutCache(() => heroes.findById(1));
    expect(repository.asked).toEqual(['findById 1', 'findById 1']);
    await withoutCache(() => heroes.update(1, { name: 'Grace' }));
    expect((await heroes.findById(1))?.name).toBe('Grace');
  });

  it('may be made again with the same strategy, for a request or a transaction', async () => {
    const { repository, engine, heroes } = await start();
    await heroes.findById(1);
    await cachedRepository(repository, strategy, engine).findById(1);
    expect(repository.asked).toEqual(['findById 1']);
  });

  it('is a provider like any other', async () => {
    let initialised = 0;
    @Injectable()
    class PgHeroRepository extends HeroRepository {
      constructor() {
        super({ ...ADA });
      }
      onModuleInit() {
        initialised += 1;
      }
    }
    @Injectable()
    class Service {
      constructor(@Inject(HeroRepository) readonly heroes: HeroRepository) {}
    }
    @Module({
      imports: [RedisCacheModule.forRoot({ connection: testConnection(), namespace: uniqueNamespace() })],
      providers: [
        PgHeroRepository,
        {
          provide: HeroRepository,
          inject: [PgHeroRepository, CACHE_ENGINE],
          useFactory: (...[repository, engine]: Parameters<typeof make>) => make(repository, engine),
        },
        Service,
      ],
    })
    class AppModule {}
    const make = (repository: PgHeroRepository, engine: Parameters<typeof cachedRepository>[2]) =>
      cachedRepository(repository, strategy, engine);

    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app.useLogger(false);
    await app.init();
    const { heroes } = app.get(Service);
    expect([await heroes.findById(1), await heroes.findById(1)]).toEqual([ADA, ADA]);
    expect(heroes.asked).toEqual(['findById 1']);
    expect(initialised).toBe(1);
    await app.close();
  });
});

describe('entities with a class', () => {
  enum Currency {
    Euro = 'EUR',
  }
  class Money {
    constructor(
      readonly amount: bigint,
      readonly currency: Currency,
    ) {}
    plus(other: Money): Money {
      return new Money(this.amount + other.amount, this.currency);
    }
  }
  class Account {
    constructor(
      readonly id: string,
      readonly balance: Money,
    ) {}
    deposit(money: Money): Account {
      return new Account(this.id, this.balance.plus(money));
    }
  }
  const accounts = new Map(['a', 'b'].map((id) => [id, new Account(id, new Money(5n, Currency.Euro))]));
  const repository = {
    findById: async (id: string) => accounts.get(id),
    list: async () => [...accounts.values()],
    summary: async () => ({ newest: accounts.get('b') as Account, count: accounts.size }),
    count: async () => accounts.size,
  };
  const toPlain = ({ id, balance }: Account) => ({ id, amount: balance.amount, currency: balance.currency });
  const toAccount = (row: ReturnType<typeof toPlain>) => new Account(row.id, new Money(row.amount, row.currency));
  const accountStrategy = {
    name: 'accounts',
    serialise: toPlain,
    deserialise: toAccount,
    finders: {
      count: {},
      summary: {
        serialise: ({ newest, count }: { newest: Account; count: number }) => ({ newest: toPlain(newest), count }),
        deserialise: ({ newest, count }: { newest: ReturnType<typeof toPlain>; count: number }) => ({
          newest: toAccount(newest),
          count,
        }),
      },
    },
  };

  it('are the same from the repository, from memory and from Redis', async () => {
    const fleet = await startFleet(2);
    const expected = [accounts.get('a'), [...accounts.values()], await repository.summary(), 2, undefined];
    for (const engine of [...fleet, ...fleet]) {
      const cached = cachedRepository(repository, accountStrategy, engine);
      const answers = [
        await cached.findById('a'),
        await cached.list(),
        await cached.summary(),
        await cached.count(),
        await cached.findById('nobody'),
      ] as const;
      expect(answers).toStrictEqual(expected);
      expect(answers[0]?.deposit(new Money(1n, Currency.Euro)).balance.amount).toBe(6n);
    }
    const loads = fleet.flatMap((engine) => engine.caches().map(({ stats }) => stats.loads));
    expect(loads.reduce((sum, count) => sum + count, 0)).toBe(expected.length);
  });
});

describe('a wrong strategy is refused at once', () => {
  it.each<[string, object, RegExp]>([
    [
      'a method there is not',
      { finders: { findByNam: {} } },
      /no method of this name: "findByNam" is unknown; did you mean "findByName"/,
    ],
    ['a finder that writes', { finders: { save: {} } }, /save cannot be a finder and a write/],
    ['a write that finds', { writes: { list: {} } }, /list cannot be a finder and a write/],
    ['an unknown option', { tll: '1h' }, /"tll" is unknown; did you mean "ttl"/],
    [
      'an unknown option of a finder',
      { finders: { list: { tll: 1 } } },
      /finders\.list: "tll" is unknown; did you mean "ttl"/,
    ],
    ['a wrong option of a finder', { finders: { list: { ttl: -1 } } }, /finders\.list: ttl is -1/],
    [
      'an unknown option of a write',
      { writes: { save: { id: 1 } } },
      /writes\.save: "id" is unknown; did you mean "ids"/,
    ],
    ['tags that are no function', { tags: 'a' }, /tags is 'a'; it must be a function/],
    ['a wrong name', { name: 'a b' }, /name is "a b"/],
  ])('%s', async (_what, wrong, message) => {
    const engine = await startEngine({ connection: false });
    const wrap = () => cachedRepository(new HeroRepository(), { name: 'heroes', ...wrong }, engine);
    expect(wrap).toThrow(message);
    expect(wrap).toThrow(InvalidOptionsError);
  });
});
