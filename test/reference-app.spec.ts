import { sql } from 'drizzle-orm';
import { selectRows, type Database } from '../apps/reference/src/database/database.js';
import { HTTP_ADAPTERS } from '../apps/reference/src/environment.js';
import { startRedis } from '../scripts/servers.mjs';
import type { BrowserResponse } from './support/browser.js';
import { eventually } from './support/eventually.js';
import {
  type Client,
  openReferenceDatabase,
  peopleOf,
  type Person,
  start,
  statementsOf,
  warm,
} from './support/reference-app.js';
import { testRedisUrl } from './support/servers.js';
import { startFaultProxy } from './lab/fault-proxy.mjs';

let db: Database;
let admin: Person;
let member: Person;

beforeAll(async () => {
  db = await openReferenceDatabase();
  const people = await peopleOf(db, 1);
  [admin, member] = [people[0]!, people[4]!];
}, 60_000);

const administrator = async () => {
  const [role] = await selectRows<{ id: number }>(
    db,
    sql`select id from roles where org_id = ${admin.orgId} and name = 'Administrator'`,
  );
  return role?.id ?? 0;
};

describe.each(HTTP_ADAPTERS)('the reference application on %s', (adapter) => {
  it('lets in who knows the password', async () => {
    const [client] = await start(adapter);
    expect((await client.get('/me')).status).toBe(401);
    const wrong = { email: member.email, password: 'wrong' };
    expect(await client.send('POST', '/auth/login', wrong)).toMatchObject({ status: 401 });
    const session = await client.logIn(member);
    expect(await session.get('/me')).toMatchObject({ status: 200, body: { id: member.id, email: member.email } });
  });

  it('refuses bad input with the field and the reason', async () => {
    const [client] = await start(adapter);
    const session = await client.logIn(admin);
    const preferences = { locale: 'en-GB', theme: 'pink', digest: 'daily', pageSize: 5 };
    const { status, body } = await session.send('PUT', `/users/${admin.id}/preferences`, preferences);
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      { field: 'theme', reason: 'theme must be one of the following values: light, dark, system' },
      { field: 'pageSize', reason: 'pageSize must not be less than 10' },
    ]);
    expect(await session.get('/users/nobody')).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'id' }, {}, {}] },
    });
  });

  it('has the rules of every organisation in the cache soon after its start', async () => {
    const [client] = await start(adapter);
    await warm(client);
    const session = await client.logIn(member);
    await session.get('/me');
    const statements = await statementsOf(client, () => session.get(`/orgs/${member.orgId}/rules`));
    // The permissions and the organisation of the user, and not the rules.
    expect(statements).toBe(2);
  });

  it.each([
    ['GET', '/orgs/ORG/rules'],
    ['GET', '/orgs/ORG/rules/AC-1'],
    ['GET', '/orgs/ORG/statistics/daily'],
    ['GET', '/products/1/compliance'],
    ['POST', '/products/1/validate'],
    ['GET', '/users/USER'],
    ['GET', '/users/USER/permissions'],
    ['GET', '/users/USER/preferences'],
  ])('answers %s %s a second time without SQL', async (method, route) => {
    const [client] = await start(adapter);
    await warm(client);
    const session = await client.logIn(member);
    const path = route.replace('ORG', String(member.orgId)).replace('USER', String(member.id));
    const answers: BrowserResponse[] = [];
    const ask = async () => answers.push(await session.send(method, path));
    expect(await statementsOf(client, ask)).toBeGreaterThan(0);
    expect(await statementsOf(client, ask)).toBe(0);
    expect(answers[0]?.status).toBe(200);
    expect(answers[1]?.body).toEqual(answers[0]?.body);
  });

  it('denies on every instance at once what was revoked on one', async () => {
    const [first, second] = await start(adapter, 2);
    const granting = await first.logIn(admin);
    const asking = (await first.logIn(member)).at(second.app);
    const role = `/users/${member.id}/roles/${await administrator()}`;
    const override = () => asking.send('PUT', `/orgs/${member.orgId}/rules/AC-2`, { applicable: true });
    for (let round = 0; round < 10; round++) {
      expect((await override()).status).toBe(403);
      expect((await granting.send('PUT', role)).status).toBe(204);
      expect((await override()).status).toBe(200);
      expect((await granting.send('DELETE', role)).status).toBe(204);
    }
    expect((await override()).status).toBe(403);
    expect((await asking.get(`/users/${member.id}/permissions`)).body.roles).toEqual([]);
  });

  it('denies what was revoked at once even where no message tells of it', async () => {
    const [first] = await start(adapter);
    const proxy = await startFaultProxy({ targetPort: Number(new URL(testRedisUrl()).port) });
    const [second] = await start(adapter, 1, { REDIS_URL: proxy.url, CACHE_NAMESPACE: process.env.CACHE_NAMESPACE });
    try {
      const granting = await first.logIn(admin);
      const asking = (await first.logIn(member)).at(second.app);
      const role = `/users/${member.id}/roles/${await administrator()}`;
      const override = () => asking.send('PUT', `/orgs/${member.orgId}/rules/AC-2`, { applicable: true });
      await granting.send('PUT', role);
      for (let round = 0; round < 3; round++) expect((await override()).status).toBe(200);
      proxy.apply({ type: 'black-hole' }, ['link']);
      await granting.send('DELETE', role);
      expect((await override()).status).toBe(403);
    } finally {
      await proxy.stop();
    }
  });

  it('changes what everybody with a role may do when the role changes', async () => {
    const [first, second] = await start(adapter, 2);
    const changing = await first.logIn(admin);
    const asking = (await first.logIn(member)).at(second.app);
    const [role] = await selectRows<{ id: number; permissions: string[] }>(
      db,
      sql`select r.id, array_agg(p.permission) as permissions from roles r join role_permissions p on p.role_id = r.id
           where r.org_id = ${member.orgId} and r.name = 'Member' group by r.id`,
    );
    const path = `/orgs/${member.orgId}/rules`;
    const change = (permissions: string[] = []) => changing.send('PATCH', `/roles/${role?.id ?? 0}`, { permissions });
    expect((await asking.get(path)).status).toBe(200);
    expect((await change()).status).toBe(200);
    expect((await asking.get(path)).status).toBe(403);
    expect((await change(role?.permissions)).status).toBe(200);
    expect((await asking.get(path)).status).toBe(200);
  });

  it('counts every write in the statistics of the day', async () => {
    const [first, second] = await start(adapter, 2);
    const session = await first.logIn(admin);
    const events = async (client: Client) =>
      (await session.at(client.app).get(`/orgs/${admin.orgId}/statistics/daily`)).body.events as number;
    const before = await events(first);
    expect(await events(second)).toBe(before);

    const preferences = { locale: 'uk-UA', theme: 'dark', digest: 'daily', pageSize: 20 };
    const evidence = {
      kind: 'policy',
      status: 'submitted',
      title: 'Plan',
      issuedOn: '2026-01-01',
      expiresOn: '2026-02-01',
    };
    const role = `/users/${member.id}/roles/${await administrator()}`;
    const [narrow] = await selectRows<{ id: number }>(
      db,
      sql`select max(id) as id from roles where org_id = ${admin.orgId}`,
    );
    const writes = [
      () => session.send('PUT', `/users/${admin.id}/preferences`, preferences),
      () => session.send('PUT', '/products/1/evidence/AC-1', evidence),
      () => session.send('PUT', `/orgs/${admin.orgId}/rules/AC-1`, { applicable: true }),
      () => session.send('PUT', role),
      () => session.send('DELETE', role),
      () => session.send('PATCH', `/roles/${narrow?.id ?? 0}`, { permissions: ['ac.reports:read'] }),
      () => first.logIn(member),
    ];
    for (const [index, write] of writes.entries()) {
      await write();
      expect(await events(first)).toBe(before + index + 1);
    }
    // The copy in the memory of the other instance goes with a message.
    await eventually(async () => {
      expect(await events(second)).toBe(before + writes.length);
    });
  });

  it('answers with the preferences that were saved last', async () => {
    const [client] = await start(adapter);
    const session = await client.logIn(member);
    for (const pageSize of [20, 30, 40]) {
      const preferences = { locale: 'uk-UA', theme: 'dark', digest: 'daily', pageSize };
      await session.send('PUT', `/users/${member.id}/preferences`, preferences);
      expect((await session.get(`/users/${member.id}/preferences`)).body).toEqual(preferences);
    }
  });

  it('judges a product anew after new evidence, and all products after a new rule', async () => {
    const [client] = await start(adapter);
    const session = await client.logIn(admin);
    const validate = async () => (await session.send('POST', '/products/1/validate')).body;
    const score = async () => (await session.get('/products/1/compliance')).body.score as number;
    const [before, scoreBefore] = [await validate(), await score()];
    const failing = before.findings.find(({ passed }: { passed: boolean }) => !passed).controlId as string;
    const findingOf = ({ findings }: any) => findings.find((finding: any) => finding.controlId === failing);

    const today = new Date().toISOString().slice(0, 10);
    for (const kind of ['policy', 'procedure', 'record']) {
      const document = { kind, status: 'accepted', title: 'Review', issuedOn: today, expiresOn: '2999-01-01' };
      expect((await session.send('PUT', `/products/1/evidence/${failing}`, document)).status).toBe(200);
    }
    expect(findingOf(await validate())).toEqual({ controlId: failing, passed: true, problems: [] });
    expect(await score()).toBeGreaterThan(scoreBefore);

    const rule = `/orgs/${admin.orgId}/rules/${failing}`;
    expect((await session.send('PUT', rule, { applicable: false })).body).toMatchObject({ applicable: false });
    expect(findingOf(await validate())).toBeUndefined();
    await session.send('PUT', rule, { applicable: true });
    expect(findingOf(await validate())).toMatchObject({ passed: true });
  });

  it('is ready with Redis, and shows its own metrics and those of the cache', async () => {
    const [client] = await start(adapter);
    const { status, body } = await client.get('/health/ready');
    expect(status).toBe(200);
    expect(body.details).toMatchObject({ database: { status: 'up' }, redisCache: { status: 'up', mode: 'redis' } });
    expect((await client.get('/health/live')).status).toBe(200);
    const metrics = (await client.get('/metrics')).body;
    expect(metrics).toMatch(/^complydesk_sql_statements_total \d+$/m);
    expect(metrics).toMatch(/^rcache_requests_total\{cache="rules",result="miss"\} \d+$/m);
  });

  it('is not ready without Redis, which alone knows its sessions', async () => {
    const redis = await startRedis();
    const [client] = await start(adapter, 1, { REDIS_URL: redis.url });
    await redis.kill();
    await eventually(async () => {
      const { status, body } = await client.get('/health/ready');
      const { sessions, redisCache } = body.details;
      expect([status, sessions.status, redisCache.status]).toEqual([503, 'down', 'degraded']);
    });
    expect((await client.get('/health/live')).status).toBe(200);
  });

  it('stays ready, and answers who is logged in, while the Redis of the cache alone is away', async () => {
    const redis = await startRedis();
    const [client] = await start(adapter, 1, { REDIS_URL: redis.url, SESSION_REDIS_URL: testRedisUrl() });
    const session = await client.logIn(member);
    await redis.kill();
    await eventually(async () => {
      const { status, body } = await client.get('/health/ready');
      const { sessions, redisCache } = body.details;
      expect([status, sessions.status, redisCache.status]).toEqual([200, 'up', 'degraded']);
    });
    expect((await session.get(`/orgs/${member.orgId}/rules`)).status).toBe(200);
    expect((await client.logIn(admin)).cookies.size).toBe(1);
  });

  it('asks the database every time with the cache disabled', async () => {
    const [client] = await start(adapter, 1, { CACHE_ENABLED: 'false' });
    const session = await client.logIn(member);
    const ask = () => session.get('/products/1/compliance');
    expect(await statementsOf(client, ask)).toBe(3);
    expect(await statementsOf(client, ask)).toBe(3);
    expect((await client.get('/health/ready')).body.details.redisCache).toMatchObject({ mode: 'disabled' });
  });
});
