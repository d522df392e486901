import { type INestApplication, Module } from '@nestjs/common';
import { Redis } from 'ioredis';
import {
  Cacheable,
  CACHE_ENGINE,
  type CacheEngine,
  defineCache,
  getRedisToken,
  type RedisCacheModuleOptions,
} from 'nestjs-rcache';
import { freePort, startRedis } from '../../scripts/servers.mjs';
import { eventually } from '../support/eventually.js';
import { uniqueNamespace } from '../support/servers.js';
import { sessionKeys } from '../support/sessions.js';
import { AccountsService, BillingDetails } from './property/accounts.service.js';
import { AnalysesService } from './property/analyses.service.js';
import {
  analysisCache,
  analysisListCache,
  conversationCache,
  profileCache,
  subscriptionCache,
  usageCache,
} from './property/caches.js';
import { examine } from './property/examination.js';
import { PropertyModule, propertyOptions } from './property/property.module.js';
import { startInstance, startInstances } from './support/applications.js';
import { minutesLeft } from './support/caches.js';
import { ScenarioDatabase } from './support/database.js';

const REPORT = { price: 1, rent: 2, comparables: [3] };

let database: ScenarioDatabase;

beforeAll(async () => {
  database = await ScenarioDatabase.open('property');
}, 60_000);
afterAll(() => database.close());

const start = (options?: RedisCacheModuleOptions) =>
  startInstance(PropertyModule, database.pool, { ...propertyOptions, ...options });

async function startTwo(): Promise<[INestApplication, INestApplication]> {
  return (await startInstances(2, PropertyModule, database.pool, propertyOptions)) as [
    INestApplication,
    INestApplication,
  ];
}

/** Reads everything an account can see. */
async function readAll(app: INestApplication, accountId: number): Promise<void> {
  const [accounts, analyses] = [app.get(AccountsService), app.get(AnalysesService)];
  await Promise.all([accounts.profile(accountId), accounts.subscription(accountId), accounts.conversations(accountId)]);
  await Promise.all([accounts.usage(accountId), analyses.list(accountId, 1), analyses.list(accountId, 2)]);
  await analyses.find(accountId);
}

describe('property analysis', () => {
  it('keeps profiles and subscriptions 1 h, lists, conversations and usage 5 min, an analysis 24 h', async () => {
    const app = await start();
    await readAll(app, 1);
    expect(await minutesLeft(app, profileCache, 1)).toBe(60);
    expect(await minutesLeft(app, subscriptionCache, 1)).toBe(60);
    expect(await minutesLeft(app, analysisListCache, 1, 1)).toBe(5);
    expect(await minutesLeft(app, conversationCache, 1)).toBe(5);
    expect(await minutesLeft(app, usageCache, 1)).toBe(5);
    expect(await minutesLeft(app, analysisCache, 1)).toBe(24 * 60);
    expect(await database.queriesDuring(() => readAll(app, 1))).toBe(0);
  });

  it.each<[string, (app: INestApplication) => Promise<void>]>([
    ['a profile', (app) => app.get(AccountsService).rename(2, 'New name')],
    ['a subscription', (app) => app.get(AccountsService).subscribe(2, 'premium')],
    ['a conversation', (app) => app.get(AccountsService).say(2, 1)],
    ['usage', (app) => app.get(AccountsService).use(2, 'analysis')],
  ])('invalidates by its own event, and nothing else: %s', async (_what, change) => {
    const app = await start();
    await readAll(app, 2);
    await readAll(app, 3);
    await change(app);
    expect(await database.queriesDuring(() => readAll(app, 2))).toBe(1);
    expect(await database.queriesDuring(() => readAll(app, 3))).toBe(0);
  });

  it('answers with what the event has changed, on every instance', async () => {
    const [first, second] = await startTwo();
    const plan = async (app: INestApplication) => (await app.get(AccountsService).subscription(4))?.plan;
    expect([await plan(first), await plan(second)]).toEqual(['basic', 'basic']);
    await first.get(AccountsService).subscribe(4, 'premium');
    expect(await plan(first)).toBe('premium');
    await eventually(async () => (await plan(second)) === 'premium');
  });

  it('shows a new analysis on every page it moves, and leaves what never changes alone', async () => {
    const app = await start();
    const analyses = app.get(AnalysesService);
    await readAll(app, 5);
    expect(await analyses.find(9_005)).toBeUndefined();
    await analyses.add(5, { id: 9_005, address: '1 New Street', report: REPORT });
    expect((await analyses.list(5, 1)).analyses[0]).toEqual({ id: 9_005, address: '1 New Street' });
    expect((await analyses.list(5, 2)).total).toBe(101);
    expect((await analyses.find(9_005))?.createdAt).toBeInstanceOf(Date);
    expect(await database.queriesDuring(() => analyses.find(5))).toBe(0);
  });

  it('takes its lifetimes from the presets of the environment', async () => {
    process.env.CACHE_TTL_LONG = '20m';
    try {
      const app = await start();
      await readAll(app, 6);
      expect(await minutesLeft(app, profileCache, 6)).toBe(20);
      expect(await minutesLeft(app, subscriptionCache, 6)).toBe(20);
    } finally {
      delete process.env.CACHE_TTL_LONG;
    }
  });

  it('keeps its keys in its namespace, apart from others on the same Redis', async () => {
    const [ours, theirs] = [await start({ namespace: uniqueNamespace() }), await start()];
    await readAll(ours, 7);
    await readAll(theirs, 7);
    await ours.get<CacheEngine>(CACHE_ENGINE).defaultCache.clearNamespace();
    expect(await database.queriesDuring(() => readAll(ours, 7))).toBe(7);
    expect(await database.queriesDuring(() => readAll(theirs, 7))).toBe(0);
  });

  it('does not read what another version of a cached shape has stored', async () => {
    const namespace = uniqueNamespace();
    const app = await start({ namespace });
    await app.get(AccountsService).profile(8);
    const other = await startInstance(ReleaseBefore, database.pool, { namespace });
    const before = other.get<CacheEngine>(CACHE_ENGINE).cache({ ...profileCache, version: 1 });
    expect(await before.for(8).lookup()).toMatchObject({ isHit: false, reason: 'absent' });
    const after = await start({ namespace });
    expect(await database.queriesDuring(() => after.get(AccountsService).profile(8))).toBe(0);
  });

  it('stores nothing that its queries do not name: no password hash, no card', async () => {
    const namespace = uniqueNamespace();
    const app = await start({ namespace });
    await readAll(app, 9);
    const client = app.get<Redis>(getRedisToken());
    const stored = await storedIn(client, namespace);
    expect(stored).toContain('owner9@example.com');
    expect(stored).not.toMatch(/scrypt\$|card_/);
  });

  it.each<[string, object, string]>([
    ['a password hash', { id: 1, password_hash: 'scrypt$1' }, '$.password_hash'],
    ['payment data', { plan: 'basic', cards: [{ card_token: 'card_1' }] }, '$.cards.0.card_token'],
    ['a field of its own list', { renewalKey: 'x' }, '$.renewalKey'],
    ['a marked field', Object.assign(new BillingDetails(), { plan: 'basic', taxNumber: 'DE1' }), '$.taxNumber'],
  ])('refuses to cache %s, and says where it is', async (_what, value, path) => {
    const app = await start();
    const cache = app.get<CacheEngine>(CACHE_ENGINE).defaultCache;
    await expect(cache.getOrSet('forgotten', async () => value)).rejects.toMatchObject({ path });
    expect(await cache.has('forgotten')).toBe(false);
  });

  it('answers and does not store it in production', async () => {
    const environment = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    try {
      const app = await start();
      const cache = app.get<CacheEngine>(CACHE_ENGINE).defaultCache;
      const row = async () => (await database.pool.query('select * from accounts where id = 1')).rows[0] as object;
      expect(await cache.getOrSet('forgotten', row)).toMatchObject({ id: 1, password_hash: 'scrypt$1' });
      expect(await cache.has('forgotten')).toBe(false);
    } finally {
      process.env.NODE_ENV = environment;
    }
  });

  it.each(['card-tokens', 'passwordHashes'])('does not start with a cache named %s', async (name) => {
    const cache = defineCache({ name, key: (id: number) => [id] });
    class Wallets {
      @Cacheable(cache)
      async find(id: number): Promise<number> {
        return id;
      }
    }
    @Module({ providers: [Wallets] })
    class WalletModule {}
    await expect(startInstance(WalletModule, database.pool, propertyOptions)).rejects.toThrow(/is named after/);
  });

  it('has a doctor who tells what Redis is like and what is wrong with it', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'] });
    try {
      const { code, text } = await doctorSays({ connection: { url: redis.url }, session: sessionKeys });
      expect(text).toMatch(
        /^default: redis \d+\.\d+\.\d+, [\d.]+ ms away, [\d.]+ MiB of 100\.0 MiB, allkeys-lru, \d+ clients$/m,
      );
      // Sessions would be dropped for room.
      expect(text).toMatch(/^(warning|error) .*allkeys-lru/m);
      const admin = new Redis(redis.url);
      await admin.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+@read', '+@connection', '+info');
      admin.disconnect();
      const limited = await doctorSays({ connection: { url: redis.url, username: 'reader', password: 'secret' } });
      expect(limited.text).toMatch(/^error .*NOPERM/m);
      expect([code, limited.code]).toEqual([expect.any(Number), 1]);
    } finally {
      await redis.stop();
    }
  });

  it('has a doctor who says so when there is no Redis', async () => {
    const port = await freePort();
    const { code, text } = await doctorSays({ connection: { host: '127.0.0.1', port } });
    expect([code, text]).toEqual([1, expect.stringContaining(`nothing listens at 127.0.0.1:${port}`)]);
    expect(await doctorSays({ connection: false })).toEqual({ code: 0, text: expect.stringContaining('no-redis') });
  });
});

async function doctorSays(options: RedisCacheModuleOptions): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const code = await examine(options, (line) => lines.push(line));
  return { code, text: lines.join('\n') };
}

/** An instance of the release before, which knows the definition in its older version. */
class ReleaseBefore {}

/** Everything the entries of a namespace hold, as text. */
async function storedIn(client: Redis, namespace: string): Promise<string> {
  const contents = (await client.keys(`${namespace}:*`)).map(async (key) =>
    (await client.type(key)) === 'hash' ? JSON.stringify(await client.hgetall(key)) : await client.get(key),
  );
  return (await Promise.all(contents)).join('\n');
}
