import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cacheable,
  type CacheEngineOptions,
  defineCache,
  RedisCacheModule,
  Sensitive,
  SENSITIVE_FIELDS,
  type SensitiveOptions,
  UncacheableValueError,
} from 'nestjs-rcache';
import { foreignClient, startEngine } from './support/engines.js';
import { testConnection, uniqueNamespace } from './support/servers.js';

const ACCOUNT = { id: 1, name: 'Ada', passwordHash: 'scrypt$1' };

class Person {
  id = 1;
  taxNumber?: string;
}
Sensitive()(Person.prototype, 'taxNumber');

const load = (value: unknown) => () => Promise.resolve(value);

/** Everything that Redis holds of a namespace, as text. */
async function storedIn(namespace: string): Promise<string> {
  const client = foreignClient();
  const values = (await client.keys(`${namespace}:*`)).map(async (key) =>
    (await client.type(key)) === 'hash' ? JSON.stringify(await client.hgetall(key)) : client.get(key),
  );
  return (await Promise.all(values)).join('\n');
}

describe('data that must not be stored', () => {
  it('is an error that says where it is', async () => {
    const { defaultCache } = await startEngine({ defaults: { sensitive: true } });
    const asked = defaultCache.getOrSet('k', load({ accounts: [{ id: 0 }, ACCOUNT] }));
    await expect(asked).rejects.toThrow(UncacheableValueError);
    await expect(asked).rejects.toMatchObject({ path: '$.accounts.1.passwordHash' });
    await expect(defaultCache.set('k', ACCOUNT)).rejects.toThrow('$.passwordHash');
    expect(await defaultCache.get('k')).toBeUndefined();
  });

  it('reaches the caller and not Redis, with `refuse`', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace, defaults: { sensitive: { onFound: 'refuse' } } });
    const { defaultCache, events } = engine;
    const reasons: string[] = [];
    events.on('unstored', ({ reason }) => reasons.push(reason));
    for (let round = 0; round < 2; round++) expect(await defaultCache.getOrSet('k', load(ACCOUNT))).toEqual(ACCOUNT);
    expect(await defaultCache.resolve('k', load(ACCOUNT))).toMatchObject({ source: 'loader', isStored: false });
    await defaultCache.put('written', load(ACCOUNT));
    await defaultCache.getOrSetMany(['one'], async (keys) => new Map(keys.map((key) => [key, ACCOUNT])));
    // A key whose last load was not stored is not even tried for a while.
    expect(reasons.filter((reason) => reason !== 'skipped')).toEqual(['sensitive', 'sensitive', 'sensitive']);
    expect(defaultCache.memory.entries).toBe(0);
    await defaultCache.set('other', { note: 'kept' });
    const stored = await storedIn(namespace);
    expect(stored).toContain('kept');
    expect(stored).not.toContain('scrypt');
  });

  it.each<[string, CacheEngineOptions['connection']]>([
    ['without any Redis', false],
    ['while Redis is away', { host: '127.0.0.1', port: 1 }],
  ])('does not stay in memory %s', async (_when, connection) => {
    const defaults = { sensitive: { onFound: 'refuse' } } as const;
    const { defaultCache } = await startEngine({ connection, startTimeout: 50, defaults });
    expect(await defaultCache.getOrSet('k', load(ACCOUNT))).toEqual(ACCOUNT);
    expect(defaultCache.peek('k')).toBeUndefined();
    expect(await defaultCache.getOrSet('other', load({ id: 1 }))).toEqual({ id: 1 });
    expect(defaultCache.memory.entries).toBe(1);
  });

  it('takes away what `set` would replace', async () => {
    const { defaultCache } = await startEngine({ defaults: { sensitive: { onFound: 'refuse' } } });
    await defaultCache.set('k', { id: 1 });
    await defaultCache.set('k', ACCOUNT);
    expect(await defaultCache.get('k')).toBeUndefined();
  });

  it('is refused in production, and an error elsewhere', async () => {
    const { defaultCache } = await startEngine({ defaults: { sensitive: true } });
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    try {
      expect(await defaultCache.getOrSet('k', load(ACCOUNT))).toEqual(ACCOUNT);
      expect(await defaultCache.get('k')).toBeUndefined();
    } finally {
      process.env.NODE_ENV = before;
    }
  });

  it.each<[string, unknown]>([
    ['in another spelling', { card_number: '4111' }],
    ['in capitals', { PASSWORD: 'x' }],
    ['in a list', [[{ token: 'x' }]]],
    ['in a Map', new Map([['apiKey', 'x']])],
    ['in an object of a Set', new Set([{ cvv: '123' }])],
    ['beside bytes and dates', { at: new Date(), bytes: Buffer.from('x'), secret: 'x' }],
  ])('is found %s', async (_where, value) => {
    const { defaultCache } = await startEngine({ defaults: { sensitive: true } });
    await expect(defaultCache.getOrSet('k', load(value))).rejects.toThrow(UncacheableValueError);
  });

  it.each<[string, unknown]>([
    ['a field that is empty', { id: 1, password: null, token: undefined }],
    ['a word inside a name', { tokens: 12, passwordChangedAt: 1, companion: 'x' }],
    ['a text that names it', { note: 'password' }],
    ['text alone', 'password'],
    ['nothing', null],
  ])('is not %s', async (_what, value) => {
    const { defaultCache } = await startEngine({ defaults: { sensitive: true } });
    await defaultCache.getOrSet('k', load(value));
    expect((await defaultCache.lookup('k')).isHit).toBe(true);
  });

  it('is what the list says', async () => {
    const fields = [...SENSITIVE_FIELDS, 'taxNumber'];
    const { defaultCache } = await startEngine({ defaults: { sensitive: { fields } } });
    await expect(defaultCache.set('k', { taxNumber: 1 })).rejects.toThrow('$.taxNumber');
    await expect(defaultCache.set('k', { password: 1 })).rejects.toThrow('$.password');
    await defaultCache.set('k', { password: 1 }, { sensitive: { fields: ['taxNumber'] } });
  });

  it('is looked for by its name only where that is asked for', async () => {
    const engine = await startEngine();
    await engine.defaultCache.set('k', ACCOUNT);
    expect(await engine.defaultCache.get('k')).toEqual(ACCOUNT);
    const strict = engine.cache(defineCache({ name: 'strict', key: (id: number) => [id], sensitive: true }));
    await expect(strict.for(1).set(ACCOUNT)).rejects.toThrow('$.passwordHash');
  });

  it('is a marked field, whatever it is called, unless it is empty or the cache says false', async () => {
    const { defaultCache } = await startEngine();
    const person = Object.assign(new Person(), { taxNumber: 'x' });
    await expect(defaultCache.set('k', { people: [person] })).rejects.toThrow('$.people.0.taxNumber');
    await defaultCache.set('k', { people: [new Person()] });
    await defaultCache.set('k', person, { sensitive: false });
    class Employee extends Person {}
    await expect(defaultCache.set('k', Object.assign(new Employee(), person))).rejects.toThrow('$.taxNumber');
  });

  it.each(['passwords', 'card-tokens', 'user_password_hashes', 'resetTokens', 'PAN'])(
    'gives no cache its name: %s',
    async (name) => {
      const engine = await startEngine({ defaults: { sensitive: true } });
      const definition = { name, key: (id: number) => [id] as const };
      expect(() => engine.cache(defineCache(definition))).toThrow(/is named after/);
      engine.cache(defineCache({ ...definition, sensitive: false }));
    },
  );

  it.each(['user-profiles', 'tokenizers', 'companies', 'spins'])('leaves other names alone: %s', async (name) => {
    const engine = await startEngine({ defaults: { sensitive: true } });
    engine.cache(defineCache({ name, key: (id: number) => [id] }));
  });

  it('gives no decorated method its name, when the application starts', async () => {
    @Injectable()
    class Tokens {
      @Cacheable()
      async accessTokenOf(id: number): Promise<string> {
        return `token ${id}`;
      }
    }
    const start = async (sensitive: boolean) => {
      const options = { connection: testConnection(), namespace: uniqueNamespace(), defaults: { sensitive } };
      const imports = [RedisCacheModule.forRoot(options)];
      const app = await Test.createTestingModule({ imports, providers: [Tokens] }).compile();
      await app.init().finally(() => app.close());
    };
    await expect(start(true)).rejects.toThrow('@Cacheable on Tokens.accessTokenOf');
    await start(false);
  });

  it.each<[unknown, string]>([
    ['yes', 'It must be true, false or { fields, onFound }.'],
    [{ fields: 'password' }, 'It must be a list of names of fields.'],
    [{ fields: ['--'] }, 'It must be a list of names of fields.'],
    [{ onFound: 'log' }, 'Allowed: throw, refuse.'],
    [{ field: [] }, 'fields'],
  ])('refuses the option %j', async (sensitive, message) => {
    const options = { defaults: { sensitive: sensitive as SensitiveOptions } };
    await expect(startEngine(options)).rejects.toThrow(message);
  });
});
