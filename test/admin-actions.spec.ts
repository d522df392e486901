import { Controller, Get, UseInterceptors } from '@nestjs/common';
import { Redis } from 'ioredis';
import { type CacheEvents, defineCache, HttpCache, HttpCacheInterceptor, SessionService } from 'nestjs-rcache';
import { startRedis } from '../scripts/servers.mjs';
import { type AdminApp, PASSWORD, startAdminApp } from './support/admin-app.js';
import { listen } from './support/admin-requests.js';
import { foreignClient, inMemory } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { ADAPTERS } from './support/http-app.js';
import { uniqueNamespace } from './support/servers.js';
import { sessionKeys } from './support/sessions.js';

const OPS = `ops:${PASSWORD}`;
const VIEWER = `viewer:${PASSWORD}`;
const API = '/admin/cache/api';
const EXCHANGE_MS = 10_000;

/** What somebody does who looks at the preview and confirms it. */
async function act({ ask: send }: AdminApp, wanted: object): Promise<{ preview: any; status: string }> {
  const preview = await send(`${API}/actions/preview`, { as: OPS, body: wanted });
  expect([wanted, preview.status, preview.body.message]).toEqual([wanted, 200, undefined]);
  const done = await send(`${API}/actions`, { as: OPS, body: { token: preview.body.token } });
  expect(done.status).toBe(200);
  return { preview: preview.body, status: done.body.status };
}

async function refusal({ ask: send }: AdminApp, wanted: object): Promise<[status: number, message: string]> {
  const { status, body } = await send(`${API}/actions/preview`, { as: OPS, body: wanted });
  return [status, body.message];
}

function audited({ engine }: AdminApp): [action: string, target: string, outcome: string][] {
  const heard: [string, string, string][] = [];
  engine.events.on('admin', ({ action, target, outcome }: CacheEvents['admin']) =>
    heard.push([action, target, outcome]),
  );
  return heard;
}

describe('expiring an entry by hand', () => {
  it('makes it stale, so that its grace is used', async () => {
    const app = await startAdminApp();
    const cache = app.engine.defaultCache;
    await cache.set('key', 1, { ttl: '1h', grace: '1h' });
    const heard = audited(app);
    const { preview, status } = await act(app, { kind: 'expire', cache: 'default', target: 'key' });
    expect([preview.entries, preview.isEstimate, status]).toEqual([1, false, 'applied']);
    expect(await cache.lookup('key')).toMatchObject({ isHit: true, isStale: true, value: 1 });
    expect(heard).toEqual([['expire', 'default key', 'applied']]);
  });
});

describe('bypassing a cache', () => {
  it('lets loaders answer in all processes, while invalidations go on, until it is ended', async () => {
    const module = { namespace: uniqueNamespace() };
    const [one, two] = [await startAdminApp({ module }), await startAdminApp({ module })];
    for (const { engine } of [one, two]) await inMemory(engine.defaultCache, 'key', 'cached');
    const heard = audited(one);
    const { preview, status } = await act(one, { kind: 'bypass', cache: 'default', seconds: '60' });
    expect(preview).toMatchObject({ name: 'default', isEstimate: false, sample: [] });
    expect(preview).not.toHaveProperty('entries');
    expect(status).toBe('everywhere');
    expect(one.engine.defaultCache.isBypassed).toBe(true);
    await two.admin.refresh();
    for (const { engine, ask: send } of [one, two]) {
      const cache = engine.defaultCache;
      expect(await cache.getOrSet('key', () => 'loaded')).toBe('loaded');
      expect(await cache.get('key')).toBeUndefined();
      expect(await cache.lookup('key')).toEqual({ isHit: false, reason: 'bypassed' });
      expect(cache.peek('key')).toBeUndefined();
      expect((await cache.inspect('key')).decision).toBe('bypassed');
      const { body } = await send(`${API}/overview`, { as: VIEWER });
      expect(body.overrides.bypasses).toEqual([
        { cache: 'default', remainingMs: expect.any(Number), isEverywhere: true },
      ]);
      expect(body.overrides.bypasses[0].remainingMs).toBeLessThanOrEqual(60_000);
    }
    await two.engine.defaultCache.delete('key');
    const ended = await one.ask(`${API}/overrides/end`, { as: OPS, body: { kind: 'bypass', cache: 'default' } });
    expect(ended.body).toEqual({ status: 'everywhere' });
    await two.admin.refresh();
    for (const { engine } of [one, two]) {
      expect(engine.defaultCache.isBypassed).toBe(false);
      expect(await engine.defaultCache.getOrSet('key', () => 'new')).toBe('new');
    }
    expect(heard).toEqual([
      ['bypass', 'default', 'everywhere'],
      ['end-bypass', 'default', 'everywhere'],
    ]);
  });

  it('ends by itself, and reaches a process that starts meanwhile', async () => {
    const module = { namespace: uniqueNamespace() };
    const one = await startAdminApp({ module });
    await act(one, { kind: 'bypass', cache: 'default', seconds: '3' });
    const two = await startAdminApp({ module });
    await two.admin.refresh();
    expect(two.engine.defaultCache.isBypassed).toBe(true);
    await eventually(() => ![one, two].some(({ engine }) => engine.defaultCache.isBypassed), EXCHANGE_MS);
    expect(await foreignClient().exists(`${module.namespace}:i:{fleet}:orders`)).toBe(0);
  });

  it.each(ADAPTERS)('of responses lets handlers answer, on %s', async (_name, createAdapter) => {
    let runs = 0;
    @Controller('page')
    @UseInterceptors(HttpCacheInterceptor)
    class PageController {
      @Get()
      @HttpCache({ ttl: '1m' })
      page(): object {
        runs += 1;
        return { runs };
      }
    }
    const app = await startAdminApp({ createAdapter, controllers: [PageController] });
    for (const expected of [1, 1]) expect((await app.ask('/page')).body).toEqual({ runs: expected });
    await act(app, { kind: 'bypass', cache: 'http', seconds: '60' });
    for (const expected of [2, 3]) {
      const { status, headers, body } = await app.ask('/page');
      expect([status, body]).toEqual([200, { runs: expected }]);
      expect(headers['cache-status']).not.toContain('hit');
    }
    await app.ask(`${API}/overrides/end`, { as: OPS, body: { kind: 'bypass', cache: 'http' } });
    expect((await app.ask('/page')).body).toEqual({ runs: 1 });
  });

  it('is of one process without Redis, and says so', async () => {
    const app = await startAdminApp({ module: { connection: { host: '127.0.0.1', port: 1 }, startTimeout: 1 } });
    const { status } = await act(app, { kind: 'bypass', cache: 'default', seconds: '60' });
    expect(status).toBe('in this process alone');
    await app.admin.refresh();
    expect(app.engine.defaultCache.isBypassed).toBe(true);
  });

  it('does not follow what is no order', async () => {
    const app = await startAdminApp();
    const client = foreignClient();
    for (const text of ['nonsense', '[1]', '{"default":"soon"}', '{"nobody":9e15}', '7']) {
      await client.set(`${app.engine.namespace}:i:{fleet}:orders`, text);
      await app.admin.refresh();
      expect([text, app.engine.defaultCache.isBypassed]).toEqual([text, false]);
    }
  });
});

describe('holding a breaker', () => {
  it('open makes this process do without Redis, and use it again when the time is over', async () => {
    const app = await startAdminApp();
    const cache = app.engine.defaultCache;
    await cache.set('key', 'in Redis');
    const heard = audited(app);
    const state = (): string | undefined => app.engine.connectionStates()[0]?.breaker;
    const { preview, status } = await act(app, { kind: 'breaker', connection: 'default', state: 'open', seconds: '3' });
    expect([preview.name, status, state()]).toEqual(['default', 'held', 'open']);
    expect(await cache.getOrSet('key', () => 'loaded')).toBe('loaded');
    expect(await cache.delete('other')).toBe('queued');
    const { body } = await app.ask(`${API}/overview`, { as: VIEWER });
    expect(body.overrides.breakers).toEqual([
      { connection: 'default', state: 'open', remainingMs: expect.any(Number) },
    ]);
    await eventually(() => state() === 'closed', EXCHANGE_MS);
    expect(await cache.getOrSet('key', () => 'loaded')).toBe('in Redis');
    await eventually(() => app.engine.connectionStates()[0]?.journaled === 0);
    expect(heard).toEqual([['hold-breaker', 'default open', 'held']]);
  });

  it('ends when somebody ends it', async () => {
    const app = await startAdminApp();
    await act(app, { kind: 'breaker', connection: 'default', state: 'open', seconds: '3600' });
    const ended = await app.ask(`${API}/overrides/end`, { as: OPS, body: { kind: 'breaker', connection: 'default' } });
    expect(ended.body).toEqual({ status: 'released' });
    await eventually(() => app.engine.connectionStates()[0]?.isUp);
    const { body } = await app.ask(`${API}/overview`, { as: VIEWER });
    expect(body.overrides.breakers).toEqual([]);
  });

  it('open lets nothing old be answered when it is over', async () => {
    const module = { namespace: uniqueNamespace() };
    const [one, two] = [await startAdminApp({ module }), await startAdminApp({ module })];
    await inMemory(one.engine.defaultCache, 'key', 'old', ['tag']);
    await act(one, { kind: 'breaker', connection: 'default', state: 'open', seconds: '3600' });
    await two.engine.defaultCache.invalidateTags(['tag']);
    await two.engine.defaultCache.set('key', 'new');
    await one.ask(`${API}/overrides/end`, { as: OPS, body: { kind: 'breaker', connection: 'default' } });
    await eventually(() => one.engine.connectionStates()[0]?.isUp);
    expect(await one.engine.defaultCache.get('key')).toBe('new');
  });

  it('is seen on the page of the other processes', async () => {
    const module = { namespace: uniqueNamespace() };
    const [one, two] = [await startAdminApp({ module }), await startAdminApp({ module })];
    await act(one, { kind: 'breaker', connection: 'default', state: 'closed', seconds: '60' });
    await one.admin.refresh();
    await two.admin.refresh();
    const { body } = await two.ask(`${API}/overview`, { as: VIEWER });
    expect(body.instances.map(({ holds }: any) => holds.map(({ state }: any) => state))).toEqual([[], ['closed']]);
  });
});

describe('orders that make no sense', () => {
  it('are refused', async () => {
    const app = await startAdminApp();
    for (const [wanted, message] of [
      [{ kind: 'bypass', cache: 'nobody', seconds: '60' }, /no cache 'nobody'/],
      [{ kind: 'bypass', cache: 'default' }, /seconds must be a whole number from 1 to 3600/],
      [{ kind: 'bypass', cache: 'default', seconds: '3601' }, /seconds/],
      [{ kind: 'bypass', cache: 'default', seconds: '0' }, /seconds/],
      [{ kind: 'breaker', connection: 'default', state: 'ajar', seconds: '60' }, /'open' or 'closed'/],
      [{ kind: 'breaker', connection: 'nobody', state: 'open', seconds: '60' }, /no connection "nobody"/],
      [{ kind: 'sessions', user: '7' }, /no sessions/],
      [{ kind: 'session', user: '7', session: 'x' }, /no sessions/],
    ] as const) {
      expect([wanted, await refusal(app, wanted)]).toEqual([wanted, [400, expect.stringMatching(message)]]);
    }
  });
});

describe('sessions on the admin API', () => {
  const withSessions = async (): Promise<AdminApp & { sessions: SessionService }> => {
    const app = await startAdminApp({ module: { session: sessionKeys } });
    return { ...app, sessions: app.app.get(SessionService) };
  };

  it('are those of a user, by handles that open nothing', async () => {
    const app = await withSessions();
    const [phone] = [await app.sessions.create({}, { userId: '42', userAgent: 'Phone', ip: '203.0.113.7' })];
    await app.sessions.create({}, { userId: '42', userAgent: 'Laptop' });
    await app.sessions.create({}, { userId: '7' });
    const { status, body } = await app.ask(`${API}/sessions`, { as: VIEWER, body: { user: '42' } });
    expect(status).toBe(200);
    expect(body.map(({ userAgent }: any) => userAgent).sort()).toEqual(['Laptop', 'Phone']);
    expect(JSON.stringify(body)).not.toContain(phone.id);
    expect(Object.keys(body[0]).sort()).toEqual(
      ['createdAt', 'expiresAt', 'handle', 'ip', 'lastSeenAt', 'userAgent'].filter((name) => name in body[0]),
    );
    expect((await app.ask(`${API}/sessions`, { as: OPS, body: { user: '' } })).status).toBe(400);
  });

  it('end one at a time, or all of a user, in two steps and with who did it', async () => {
    const app = await withSessions();
    const one = await app.sessions.create({}, { userId: '42', userAgent: 'Phone' });
    const two = await app.sessions.create({}, { userId: '42', userAgent: 'Laptop' });
    const three = await app.sessions.create({}, { userId: '42' });
    const other = await app.sessions.create({}, { userId: '7' });
    const heard = audited(app);
    const { preview, status } = await act(app, { kind: 'session', user: '42', session: one.handle });
    expect([preview.entries, status]).toEqual([1, 'ended']);
    expect(preview.sample).toEqual([`${one.handle.slice(0, 8)}…, Phone`]);
    expect(JSON.stringify(preview.what)).not.toContain(one.handle);
    expect(await app.sessions.get(one.id)).toBeUndefined();
    expect(await app.sessions.get(two.id)).toBeDefined();
    const all = await act(app, { kind: 'sessions', user: '42' });
    expect([all.preview.entries, all.preview.name, all.status]).toEqual([2, '42', '2 ended']);
    for (const { id } of [two, three]) expect(await app.sessions.get(id)).toBeUndefined();
    expect(await app.sessions.get(other.id)).toBeDefined();
    expect(heard).toEqual([
      ['revoke-session', `42 ${one.handle.slice(0, 8)}…`, 'ended'],
      ['revoke-sessions', '42', '2 ended'],
    ]);
  });

  it('fail closed: without Redis nothing is said to have ended', async () => {
    const module = { session: sessionKeys, connection: { host: '127.0.0.1', port: 1 }, startTimeout: 1 } as const;
    const app = await startAdminApp({ module });
    expect((await app.ask(`${API}/sessions`, { as: OPS, body: { user: '42' } })).status).toBe(503);
    expect((await refusal(app, { kind: 'sessions', user: '42' }))[0]).toBe(503);
  });
});

describe('keys and tags on the admin API', () => {
  it('are pages of keys, each once, until there are no more', async () => {
    const app = await startAdminApp();
    const cache = app.engine.defaultCache;
    const other = app.engine.cache(defineCache({ name: 'default-not', key: (id: number) => ['x', id] }));
    for (let id = 0; id < 20; id += 1) await other.for(id).set(id);
    await cache.set('order:1', 1);
    const fill = foreignClient().pipeline();
    for (let id = 0; id < 2_500; id += 1) fill.set(`${app.engine.namespace}:e:{default:user:${id}}`, 'x');
    await fill.exec();
    const found: string[] = [];
    let after: string | undefined = '';
    let pages = 0;
    while (after !== undefined) {
      const body = { cache: 'default', pattern: 'user:*', after };
      const answer = await app.ask(`${API}/keys`, { as: VIEWER, body });
      expect(answer.status).toBe(200);
      found.push(...answer.body.keys);
      after = answer.body.next;
      pages += 1;
    }
    expect(new Set(found).size).toBe(2_500);
    expect(found.every((key) => key.startsWith('user:'))).toBe(true);
    expect(pages).toBeGreaterThan(1);
    const ofLists = await app.ask(`${API}/keys`, { as: VIEWER, body: { cache: 'default-not', pattern: '/x/~n1*' } });
    expect(ofLists.body.keys).toHaveLength(11);
    for (const wrong of ['x', '1', '-1.0', '0.0.0']) {
      const { status } = await app.ask(`${API}/keys`, { as: VIEWER, body: { cache: 'default', after: wrong } });
      expect([wrong, status]).toEqual([wrong, 400]);
    }
  });

  it('are the tags of some entries, with their ids and how many of them are valid', async () => {
    const app = await startAdminApp();
    const cache = app.engine.defaultCache;
    for (let id = 0; id < 6; id += 1)
      await cache.set(`user:${id}`, id, { tags: ['eu', ...(id < 2 ? ['team 1'] : [])] });
    await cache.invalidateTags(['team 1']);
    const id = await foreignClient().get(`${app.engine.namespace}:t:{u:eu}`);
    const { body } = await app.ask(`${API}/tags`, { as: VIEWER });
    expect(body).toEqual({
      sampled: 6,
      isWhole: true,
      tags: [
        { tag: 'eu', id, entries: 6, valid: 6 },
        { tag: 'team 1', entries: 2, valid: 0 },
      ],
    });
  });
});

describe('the rest of the admin API', () => {
  it('has what the doctor finds', async () => {
    const { ask: send } = await startAdminApp();
    const { body } = await send(`${API}/doctor`, { as: VIEWER });
    expect(body.findings[0]).toMatchObject({ level: expect.any(String), code: expect.any(String) });
    expect(body.servers[0]).toMatchObject({ connection: 'default', version: expect.stringMatching(/^\d+\.\d+/) });
  });

  it.each(ADAPTERS)('tells a page that comes back what it missed, on %s', async (_name, createAdapter) => {
    const { url, engine } = await startAdminApp({ createAdapter });
    const first = await listen(`${url}${API}/events`, VIEWER);
    await engine.defaultCache.invalidateTags(['seen']);
    await eventually(() => first.events.some(({ event }) => event === 'activity'));
    const { id } = first.events.findLast(({ event }) => event === 'activity') ?? {};
    first.stop();
    await engine.defaultCache.invalidateTags(['missed']);
    const targets = async (lastId: string): Promise<string[]> => {
      const again = await listen(`${url}${API}/events`, VIEWER, { 'last-event-id': lastId });
      await eventually(() => again.events.some(({ event }) => event === 'overview'));
      again.stop();
      return again.events.filter(({ event }) => event === 'activity').map(({ data }) => data.fields.target);
    };
    expect(await targets(String(id))).toEqual(['missed']);
    expect(await targets('another-process.1')).toEqual([]);
    expect(await targets('nonsense')).toEqual([]);
  });

  it('never keeps Redis busy for long, however many keys there are', async () => {
    const redis = await startRedis();
    const client = new Redis(redis.url);
    try {
      const app = await startAdminApp({ module: { connection: { url: redis.url } } });
      const fill = client.pipeline();
      for (let id = 0; id < 100_000; id += 1) fill.set(`${app.engine.namespace}:e:{default:k${id}}`, 'x');
      await fill.exec();
      // Four times what is promised, for a machine that does other things.
      await client.config('SET', 'slowlog-log-slower-than', '40000');
      await client.slowlog('RESET');
      for (const path of ['tags', 'doctor']) expect((await app.ask(`${API}/${path}`, { as: OPS })).status).toBe(200);
      await app.ask(`${API}/keys`, { as: OPS, body: { cache: 'default', pattern: 'nothing-like-it' } });
      await app.ask(`${API}/actions/preview`, { as: OPS, body: { kind: 'namespace' } });
      await app.ask(`${API}/actions/preview`, { as: OPS, body: { kind: 'tag', target: 'eu' } });
      expect(await client.slowlog('GET', 10)).toEqual([]);
    } finally {
      client.disconnect();
      await redis.stop();
    }
  });
});
