/**
 * What cached repositories accept and refuse, checked by `npm run typecheck`: a line below `@ts-expect-error` that
 * compiles is an error. Nothing here runs.
 */
import type { CacheEngine } from '../../libs/redis-cache/src/cache/engine.js';
import { cachedRepository } from '../../libs/redis-cache/src/interception/cached-repository.js';

interface Hero {
  id: number;
  language: string;
}

declare class HeroRepository {
  findById(id: number): Promise<Hero | null>;
  findByLanguage(language: string, page: number): Promise<Hero[]>;
  rename(id: number, name: string): Promise<void>;
  count(): number;
}

declare class Money {
  amount: number;
  plus(other: Money): Money;
}

declare class MoneyRepository {
  findById(id: string): Promise<Money | undefined>;
}

declare const engine: CacheEngine;
declare const heroes: HeroRepository;
declare const money: MoneyRepository;

export const same: HeroRepository = cachedRepository(
  heroes,
  {
    name: 'heroes',
    ttl: '1h',
    tags: (hero) => [`language:${hero.language}`],
    idOf: (hero) => hero.id,
    finders: {
      findById: { ttl: '2h' },
      findByLanguage: { key: (language, page) => [language.toLowerCase(), page], tags: (language) => [language] },
    },
    writes: { rename: { ids: (_result, id, name) => [id, name.length] } },
  },
  engine,
) satisfies HeroRepository & object;

cachedRepository(
  money,
  {
    name: 'money',
    idOf: () => 'EUR',
    serialise: ({ amount }) => amount,
    deserialise: (_amount: number) => new Money(),
  },
  engine,
);

// @ts-expect-error a Money has methods, which plain data does not have
cachedRepository(money, { name: 'money' }, engine);

cachedRepository(
  money,
  // @ts-expect-error what is stored is a number
  { name: 'money', serialise: (m) => m.amount, deserialise: (_s: string) => new Money() },
  engine,
);

// @ts-expect-error there is no such method
cachedRepository(heroes, { name: 'heroes', finders: { findByName: {} } }, engine);

// @ts-expect-error not an asynchronous method
cachedRepository(heroes, { name: 'heroes', finders: { count: {} } }, engine);

cachedRepository(
  heroes,
  // @ts-expect-error the second argument is a number
  { name: 'heroes', finders: { findByLanguage: { key: (_: string, b: string) => [b] } } },
  engine,
);

// @ts-expect-error heroes have no name
cachedRepository(heroes, { name: 'heroes', tags: (hero) => [hero.name] }, engine);

// @ts-expect-error the option is called ttl
cachedRepository(heroes, { name: 'heroes', tll: '1h' }, engine);

// @ts-expect-error no findById
cachedRepository({ list: async () => [] }, { name: 'heroes' }, engine);
