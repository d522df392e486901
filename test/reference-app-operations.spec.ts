import { CACHE_ENGINE, type CacheEngine } from 'nestjs-rcache';
import { permissionCache, userCache } from '../apps/reference/src/caches.js';
import { DATABASE, type Database } from '../apps/reference/src/database/database.js';
import { HTTP_ADAPTERS } from '../apps/reference/src/environment.js';
import { startRedis } from '../scripts/servers.mjs';
import { eventually } from './support/eventually.js';
import { type Client, openReferenceDatabase, peopleOf, type Person, start } from './support/reference-app.js';

const ADMIN_PASSWORD = 'correct horse battery staple';
const PAGE = '/admin/cache';

let db: Database;
let member: Person;

beforeAll(async () => {
  db = await openReferenceDatabase();
  member = (await peopleOf(db, 1))[6]!;
}, 60_000);

afterEach(() => jest.restoreAllMocks());

const as = (user: string, password: string): { authorization: string } => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
const operator = as('operator', ADMIN_PASSWORD);
const overview = async (client: Client): Promise<any> => (await client.get(`${PAGE}/api/overview`, operator)).body;

/** Every statement fails from now on, as without PostgreSQL. */
function loseDatabase({ app }: Client): void {
  const fail = () => {
    throw new Error('no connection to PostgreSQL');
  };
  jest.spyOn(app.get<Database>(DATABASE), 'select').mockImplementation(fail);
  jest.spyOn(app.get<Database>(DATABASE), 'execute').mockImplementation(fail);
}

describe.each(HTTP_ADAPTERS)('operators of the reference application on %s', (adapter) => {
  it('see the cache on a page with a password of its own, which no session opens', async () => {
    const [client] = await start(adapter, 1, { ADMIN_PASSWORD });
    const { status, headers, body } = await client.get(PAGE, operator);
    expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'text/html; charset=utf-8' });
    expect(body).toContain('<title>Cache</title>');
    expect((await client.get(PAGE)).status).toBe(401);
    expect((await client.get(PAGE, as('operator', 'wrong'))).status).toBe(401);
    expect((await (await client.logIn(member)).get(PAGE)).status).toBe(401);
  });

  it('have no page without a password, and no application with a short one', async () => {
    const [client] = await start(adapter);
    expect((await client.get(PAGE, as('operator', ''))).status).toBe(404);
    await expect(start(adapter, 1, { ADMIN_PASSWORD: 'short' })).rejects.toThrow(/ADMIN_PASSWORD/);
  });

  it('see the page while Redis is away and nobody has a session', async () => {
    const redis = await startRedis();
    const [client] = await start(adapter, 1, { ADMIN_PASSWORD, REDIS_URL: redis.url });
    await redis.kill();
    await eventually(async () => {
      expect((await overview(client)).instances).toMatchObject([{ connections: [{ isUp: false }, { isUp: false }] }]);
    });
    expect((await client.get('/health/live')).body).toMatchObject({
      status: 'ok',
      details: { redisCache: { status: 'up' } },
    });
  });

  it('see the sum of all instances', async () => {
    const [first, second] = await start(adapter, 2, { ADMIN_PASSWORD });
    const session = await first.logIn(member);
    for (const each of [first, second]) await session.at(each.app).get('/me');
    await eventually(async () => {
      const { caches, isWhole } = await overview(second);
      expect(isWhole).toBe(true);
      expect(caches.find(({ name }: { name: string }) => name === 'users')).toMatchObject({ requests: 2 });
    }, 15_000);
  });
});

describe.each(HTTP_ADAPTERS)('without PostgreSQL the reference application on %s', (adapter) => {
  it('answers what changes rarely although its time is up, and nothing about permissions', async () => {
    const [client] = await start(adapter);
    const session = await client.logIn(member);
    const colleague = `/users/${member.id + 1}`;
    expect((await session.get('/me')).status).toBe(200);
    expect((await session.get(colleague)).status).toBe(200);
    loseDatabase(client);
    const engine = client.app.get<CacheEngine>(CACHE_ENGINE);
    await engine.cache(userCache).for(member.id).expire();
    await engine.cache(permissionCache).for({ userId: member.id, orgId: member.orgId }).delete();
    expect((await session.get('/me')).body).toMatchObject({ id: member.id });
    expect((await session.get(colleague)).status).toBe(500);
  });
});
