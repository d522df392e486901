import { VersioningType } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { basicAuth, type CacheEvents, defineCache, defineWarmer, RedisCacheModule, WarmUpService } from 'nestjs-rcache';
import { type AdminApp, PASSWORD, startAdminApp, USERS } from './support/admin-app.js';
import { ask, listen } from './support/admin-requests.js';
import { inMemory } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { ADAPTERS } from './support/http-app.js';
import { uniqueNamespace } from './support/servers.js';

const OPS = `ops:${PASSWORD}`;
const VIEWER = `viewer:${PASSWORD}`;
const API = '/admin/cache/api';

/** What somebody does who looks at the preview and confirms it. */
async function invalidate({ ask: send }: AdminApp, wanted: object): Promise<any> {
  const preview = await send(`${API}/actions/preview`, { as: OPS, body: wanted });
  expect(preview.status).toBe(200);
  const done = await send(`${API}/actions`, { as: OPS, body: { token: preview.body.token } });
  return { preview: preview.body, status: done.status, ...done.body };
}

describe('the admin API', () => {
  it('is not there unless it is asked for', async () => {
    const { ask: send } = await startAdminApp({ admin: { guards: [USERS] } });
    const module = await Test.createTestingModule({
      imports: [RedisCacheModule.forRoot({ connection: false })],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const without = await ask(`${await app.getUrl()}/admin/cache`);
    await app.close();
    expect(without.status).toBe(404);
    expect((await send('/admin/cache', { as: OPS })).status).toBe(200);
  });

  it('does not start in production without a guard', () => {
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    try {
      expect(() => RedisCacheModule.forRoot({ connection: false, admin: true })).toThrow(/admin\.guards is empty/);
      expect(() => RedisCacheModule.forRoot({ connection: false, admin: { guards: [USERS] } })).not.toThrow();
    } finally {
      process.env.NODE_ENV = before;
    }
  });

  it('names every option that is wrong', () => {
    const admin = { pth: 'x', path: 'a b', guards: 'all', topKeys: -1, rights: true } as any;
    expect(() => RedisCacheModule.forRoot({ connection: false, admin })).toThrow(
      /pth[\s\S]*admin\.path[\s\S]*admin\.guards[\s\S]*admin\.topKeys[\s\S]*admin\.rights/,
    );
  });

  it('works with options that come later', async () => {
    const module = await Test.createTestingModule({
      imports: [
        RedisCacheModule.forRootAsync({
          useFactory: () => ({ connection: false as const }),
          admin: { guards: [USERS] },
        }),
      ],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const answer = await ask(`${await app.getUrl()}${API}/overview`, { as: VIEWER });
    await app.close();
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ isWhole: false, instances: [{ isThis: true }] });
  });

  it('is described where the application has an OpenAPI document', async () => {
    const { app } = await startAdminApp();
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    const own = Object.entries(paths).filter(([path]) => path.startsWith('/admin/cache'));
    expect(own).toHaveLength(15);
    for (const [path, methods] of own) {
      for (const operation of Object.values(methods as Record<string, any>)) {
        expect([path, operation.tags, operation.summary]).toEqual([path, ['cache admin'], expect.stringMatching(/./)]);
      }
    }
    const { post } = paths['/admin/cache/api/entry'] as any;
    expect(Object.keys(post.requestBody.content['application/json'].schema.properties)).toEqual([
      'cache',
      'key',
      'stored',
    ]);
    expect(post.parameters).toEqual([expect.objectContaining({ in: 'header', name: 'x-rcache-admin' })]);
    expect(paths).not.toHaveProperty(['/admin/cache/assets/{name}']);
  });

  it('answers this machine alone while it has no guard', async () => {
    const { ask: send } = await startAdminApp({ admin: true });
    expect((await send(`${API}/me`)).body.rights).toEqual(['read', 'write']);
    expect((await send('/admin/cache', { headers: { 'x-forwarded-for': '203.0.113.7' } })).status).toBe(403);
    expect((await send('/admin/cache', { headers: { host: 'evil.example' } })).status).toBe(403);
  });
});

describe.each(ADAPTERS)('the admin API on %s', (_name, createAdapter) => {
  it('stands under prefix and version, with and without a slash', async () => {
    const { ask: send } = await startAdminApp({
      createAdapter,
      admin: { guards: [USERS], path: 'ops/cache', version: '2' },
      prepare: (app) => app.setGlobalPrefix('internal').enableVersioning({ type: VersioningType.URI }),
    });
    const base = '/internal/v2/ops/cache';
    for (const path of [base, `${base}/`, `${base}?x=1`]) {
      let answer = await send(path, { as: VIEWER });
      const { location } = answer.headers;
      if (location !== undefined) answer = await send(new URL(location, `http://host${path}`).pathname, { as: VIEWER });
      const { status, headers, body } = answer;
      expect([path, status, headers['content-type']]).toEqual([path, 200, 'text/html; charset=utf-8']);
      expect(body).toContain(`src="${base}/assets/page.js"`);
    }
    expect((await send(`${base}/assets/page.js`, { as: VIEWER })).headers['content-type']).toMatch(/javascript/);
    for (const path of [
      '/assets/page.html',
      '/assets/..%2f..%2fpackage.json',
      '/assets/constructor',
      '/else',
      '/else/',
    ]) {
      expect([path, (await send(base + path, { as: VIEWER })).status]).toEqual([path, 404]);
    }
  });

  it('asks who it is, for the page and for all it is made of', async () => {
    // One of its own, which counts wrong passwords.
    const guard = basicAuth({ ops: { password: PASSWORD } });
    const { ask: send } = await startAdminApp({ createAdapter, admin: { guards: [guard] } });
    for (const path of ['', '/assets/page.js', '/api/overview', '/api/events']) {
      const { status, headers } = await send(`/admin/cache${path}`);
      expect([path, status, headers['www-authenticate']]).toEqual([path, 401, expect.stringContaining('Basic')]);
    }
    for (const as of [`ops:${PASSWORD}x`, `nobody:${PASSWORD}`, 'ops', ':', OPS.slice(0, -1)]) {
      expect([as, (await send('/admin/cache', { as })).status]).toEqual([as, 401]);
    }
  });

  it('lets nobody guess: after ten wrong passwords even the right one has to wait', async () => {
    const users = { ops: { password: PASSWORD, rights: ['read', 'write'] as const } };
    const { ask: send } = await startAdminApp({ createAdapter, admin: { guards: [basicAuth(users)] } });
    for (let attempt = 0; attempt < 20; attempt += 1) expect((await send('/admin/cache')).status).toBe(401);
    for (let attempt = 0; attempt < 10; attempt += 1) {
      expect((await send('/admin/cache', { as: `ops:${PASSWORD}${attempt}` })).status).toBe(401);
    }
    for (const as of [OPS, `ops:${PASSWORD}x`]) {
      const { status, headers } = await send('/admin/cache', { as });
      expect([as, status, Number(headers['retry-after']) > 50]).toEqual([as, 429, true]);
    }
    const later = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_001);
    expect((await send('/admin/cache', { as: OPS })).status).toBe(200);
    later.mockRestore();
  });

  it('lets those who may look not act', async () => {
    const { ask: send, engine } = await startAdminApp({ createAdapter });
    await engine.defaultCache.set('key', 1);
    const wanted = { kind: 'key', cache: 'default', target: 'key' };
    const { body } = await send(`${API}/actions/preview`, { as: OPS, body: wanted });
    for (const [path, sent] of [
      ['actions/preview', wanted],
      ['actions', { token: body.token }],
      ['overrides/end', { kind: 'bypass', cache: 'default' }],
      ['warm-ups', { warmer: 'x' }],
      ['warm-ups/cancel', { warmer: 'x' }],
    ] as const) {
      expect([path, (await send(`${API}/${path}`, { as: VIEWER, body: sent })).status]).toEqual([path, 403]);
    }
    expect(await engine.defaultCache.get('key')).toBe(1);
    expect((await send(`${API}/me`, { as: VIEWER })).body).toEqual({ name: 'viewer', rights: ['read'] });
    expect((await send(`${API}/entry`, { as: VIEWER, body: { cache: 'default', key: 'key' } })).status).toBe(200);
  });

  it('refuses what another site made a browser send', async () => {
    const { ask: send } = await startAdminApp({ createAdapter });
    const body = { kind: 'namespace' };
    const path = `${API}/actions/preview`;
    const statusWith = async (headers: Record<string, string | undefined>): Promise<number> =>
      (await send(path, { as: OPS, body, headers })).status;
    expect(await statusWith({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await statusWith({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await statusWith({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await statusWith({ origin: 'https://evil.example' })).toBe(403);
    expect(await statusWith({ origin: 'null' })).toBe(403);
    expect(await statusWith({ 'x-rcache-admin': undefined })).toBe(403);
    const from = { as: OPS, headers: { 'sec-fetch-site': 'cross-site' } };
    expect((await send(`${API}/overview`, from)).status).toBe(403);
    // A link in a message leads here.
    expect((await send('/admin/cache', from)).status).toBe(200);
  });

  it('is kept by nobody, and lets nothing in from elsewhere', async () => {
    const { ask: send } = await startAdminApp({ createAdapter });
    for (const path of ['', '/assets/page.js', '/api/overview', '/api/me']) {
      const { headers } = await send(`/admin/cache${path}`, { as: OPS });
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['x-content-type-options']).toBe('nosniff');
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("require-trusted-types-for 'script'");
      expect(policy).not.toContain('unsafe');
    }
  });

  it('previews and invalidates a key, a tag, a pattern, a cache and everything', async () => {
    const app = await startAdminApp({ createAdapter });
    const cache = app.engine.defaultCache;
    const other = app.engine.cache(defineCache({ name: 'other', key: (id: number) => ['other', id] }));
    const fill = async (): Promise<void> => {
      await cache.set('user:1', 1, { tags: ['eu'] });
      await cache.set('user:2', 2);
      await cache.set('order:1', 3);
      await other.for(7).set(4);
    };
    const left = async (): Promise<unknown[]> => [
      ...(await cache.getMany(['user:1', 'user:2', 'order:1'])),
      await other.for(7).get(),
    ];
    const cases = [
      [{ kind: 'key', cache: 'default', target: 'user:1' }, 1, false, [undefined, 2, 3, 4]],
      [{ kind: 'key', cache: 'other', target: '["other",7]' }, 1, false, [1, 2, 3, undefined]],
      [{ kind: 'tag', target: 'eu' }, 1, true, [undefined, 2, 3, 4]],
      [{ kind: 'pattern', cache: 'default', target: 'user:*' }, 2, false, [undefined, undefined, 3, 4]],
      [{ kind: 'cache', cache: 'default' }, 3, true, [undefined, undefined, undefined, 4]],
    ] as const;
    for (const [wanted, entries, isEstimate, rest] of cases) {
      await cache.deleteMany(['user:1', 'user:2', 'order:1']);
      await fill();
      const { preview, status } = await invalidate(app, wanted);
      expect([wanted, preview]).toEqual([wanted, expect.objectContaining({ entries, isEstimate, validMs: 60_000 })]);
      expect(status).toBe('applied');
      expect([wanted, await left()]).toEqual([wanted, rest]);
    }
    await fill();
    expect((await invalidate(app, { kind: 'namespace' })).status).toBe('applied');
    expect(await left()).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('takes a preview only from whom it was made for, whole, and for a minute', async () => {
    const app = await startAdminApp({
      createAdapter,
      admin: { guards: [USERS], rights: () => ['read', 'write'] },
    });
    await app.engine.defaultCache.set('key', 1);
    const wanted = { kind: 'cache', cache: 'default' };
    const { body: preview } = await app.ask(`${API}/actions/preview`, { as: OPS, body: wanted });
    const confirm = async (token: unknown, as = OPS): Promise<number> =>
      (await app.ask(`${API}/actions`, { as, body: { token } })).status;
    const [body, seal] = String(preview.token).split('.');
    const wrong = { wanted: { kind: 'namespace' }, user: 'ops', untilMs: 1e15 };
    const forged = Buffer.from(JSON.stringify(wrong)).toString('base64url');
    for (const token of [undefined, '', '.', `${body}.`, `${forged}.${seal}`, 7])
      expect(await confirm(token)).toBe(400);
    expect(await confirm(preview.token, VIEWER)).toBe(400);
    const later = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_001);
    expect(await confirm(preview.token)).toBe(400);
    later.mockRestore();
    expect(await app.engine.defaultCache.get('key')).toBe(1);
    expect(await confirm(preview.token)).toBe(200);
    expect(await app.engine.defaultCache.get('key')).toBeUndefined();
  });

  it('says what was wrong with a request', async () => {
    const { ask: send } = await startAdminApp({ createAdapter });
    for (const body of [
      {},
      { kind: 'all' },
      { kind: 'cache', cache: 'unknown' },
      { kind: 'key', cache: 'default', target: '' },
      { kind: 'key', cache: 'default', target: '[1' },
      { kind: 'tag', target: '' },
      { kind: 'pattern', cache: 'default', target: '' },
      { kind: 'tag', target: 7 },
      { kind: 'tag', target: 'x'.repeat(3000) },
    ]) {
      const { status, body: answer } = await send(`${API}/actions/preview`, { as: OPS, body });
      expect([body, status, typeof answer.message]).toEqual([body, 400, 'string']);
    }
    expect((await send(`${API}/caches/unknown`, { as: OPS })).status).toBe(400);
    expect((await send(`${API}/warm-ups`, { as: OPS, body: { warmer: 'unknown' } })).status).toBe(400);
  });

  it('tells live what is and what happens, to so many at a time, until the application ends', async () => {
    const { app, url, engine } = await startAdminApp({ createAdapter });
    const first = await listen(`${url}${API}/events`, VIEWER);
    await eventually(() => first.events.some(({ event }) => event === 'overview'));
    await engine.defaultCache.invalidateTags(['eu']);
    await eventually(() => {
      const happened = first.events.filter(({ event }) => event === 'activity').map(({ data }) => data);
      expect(happened).toContainEqual(
        expect.objectContaining({ event: 'invalidation', fields: expect.objectContaining({ target: 'eu' }) }),
      );
    });
    const others = await Promise.all(Array.from({ length: 20 }, () => listen(`${url}${API}/events`, VIEWER)));
    expect(others.map(({ status }) => status).sort()).toEqual([...Array<number>(19).fill(200), 503]);
    others.forEach(({ stop }) => stop());
    await eventually(async () => {
      const again = await listen(`${url}${API}/events`, VIEWER);
      again.stop();
      return again.status === 200;
    });
    await app.close();
    await eventually(() => first.isOver());
  });
});

describe('what the admin API shows', () => {
  it('is an entry without its value, unless that is allowed', async () => {
    const hidden = await startAdminApp();
    await hidden.engine.defaultCache.set('key', { secret: 'hunter2' });
    const body = { cache: 'default', key: 'key' };
    const { body: entry } = await hidden.ask(`${API}/entry`, { as: OPS, body });
    expect(entry).toMatchObject({ storedKey: 'key', decision: 'fresh', redis: { codec: 'json', wireVersion: 2 } });
    expect(JSON.stringify(entry)).not.toContain('hunter2');
    const shown = await startAdminApp({ admin: { guards: [USERS], values: true } });
    await shown.engine.defaultCache.set('key', { secret: 'hunter2' });
    expect((await shown.ask(`${API}/entry`, { as: OPS, body })).body.value).toEqual({ secret: 'hunter2' });
    const missing = await shown.ask(`${API}/entry`, { as: OPS, body: { cache: 'default', key: 'none' } });
    expect(missing.body).toEqual({ storedKey: 'none', decision: 'absent', isLoading: false });
    // As a key was found in Redis.
    const stored = await shown.ask(`${API}/entry`, { as: OPS, body: { cache: 'default', stored: 'key' } });
    expect(stored.body.value).toEqual({ secret: 'hunter2' });
  });

  it('is counts that are true, the worst cache first', async () => {
    const { engine, admin, ask: send } = await startAdminApp();
    const cache = engine.defaultCache;
    const bad = engine.cache(defineCache({ name: 'bad', key: (id: number) => ['bad', id] }));
    await inMemory(cache, 'key', 1);
    await bad.for(1).getOrSet(() => 1);
    await expect(bad.for(2).getOrSet(() => Promise.reject(new Error('down')))).rejects.toThrow('down');
    await admin.refresh();
    const { body } = await send(`${API}/overview`, { as: VIEWER });
    const { hitsL1, hitsL2, misses } = cache.stats;
    expect(body.caches.map(({ name }: { name: string }) => name)).toEqual(['bad', 'default']);
    expect(body.caches[0]).toMatchObject({ requests: 2, misses: 2, loads: 1, loadErrors: 1, hitRatio: 0 });
    expect(body.caches[1]).toMatchObject({ requests: hitsL1 + hitsL2 + misses, hitsL1, hitsL2, misses });
    const { body: history } = await send(`${API}/history?span=fine`, { as: VIEWER });
    const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
    expect(sum(history.total.requests)).toBe(hitsL1 + hitsL2 + misses + 2);
    expect(sum(history.total.loadErrors)).toBe(1);
    const { body: one } = await send(`${API}/history?span=coarse&cache=bad`, { as: VIEWER });
    expect(sum(one.total.requests)).toBe(2);
  });

  it('is what all processes did', async () => {
    const module = { namespace: uniqueNamespace() };
    const [one, two] = [await startAdminApp({ module }), await startAdminApp({ module })];
    await one.engine.defaultCache.get('a');
    await two.engine.defaultCache.get('b');
    await two.engine.defaultCache.get('c');
    await two.admin.refresh();
    await one.admin.refresh();
    const { body } = await one.ask(`${API}/overview`, { as: VIEWER });
    expect(body.isWhole).toBe(true);
    expect(body.instances.map(({ isThis }: { isThis: boolean }) => isThis)).toEqual([true, false]);
    expect(body.caches[0]).toMatchObject({ name: 'default', requests: 3, misses: 3 });
    // A preview of one is confirmed at another, as behind a load balancer.
    await two.engine.defaultCache.set('key', 1);
    const { body: preview } = await one.ask(`${API}/actions/preview`, { as: OPS, body: { kind: 'namespace' } });
    await two.admin.refresh();
    const done = await two.ask(`${API}/actions`, { as: OPS, body: { token: preview.token } });
    expect(done.body).toEqual({ status: 'applied' });
  });

  it('is there without Redis, and says that it is of one process', async () => {
    const { ask: send, admin } = await startAdminApp({
      module: { connection: { host: '127.0.0.1', port: 1 }, startTimeout: 1 },
    });
    await admin.refresh();
    const { status, body } = await send(`${API}/overview`, { as: VIEWER });
    expect(status).toBe(200);
    expect(body).toMatchObject({ isWhole: false, instances: [{ connections: [{ isUp: false }] }] });
    const preview = await send(`${API}/actions/preview`, { as: OPS, body: { kind: 'cache', cache: 'default' } });
    expect(preview.body).toMatchObject({ isEstimate: true, sample: [] });
    const done = await send(`${API}/actions`, { as: OPS, body: { token: preview.body.token } });
    expect(done.body).toEqual({ status: 'queued' });
  });

  it('has the keys asked for most only where they are counted', async () => {
    const without = await startAdminApp();
    await without.engine.defaultCache.get('popular');
    expect((await without.ask(`${API}/caches/default`, { as: OPS })).body.topKeys).toBeUndefined();
    const { engine, ask: send } = await startAdminApp({ admin: { guards: [USERS], topKeys: 10 } });
    for (const key of ['popular', 'popular', 'rare']) await engine.defaultCache.get(key);
    const { body } = await send(`${API}/caches/default`, { as: OPS });
    expect(body.topKeys).toEqual([
      { key: 'popular', count: 2, error: 0 },
      { key: 'rare', count: 1, error: 0 },
    ]);
  });
});

describe('what the admin API does', () => {
  it('is reported with who did it', async () => {
    const app = await startAdminApp();
    const done: CacheEvents['admin'][] = [];
    app.engine.events.on('admin', (event) => done.push(event));
    await invalidate(app, { kind: 'tag', target: 'eu' });
    await app.ask(`${API}/entry`, { as: VIEWER, body: { cache: 'default', key: 'none' } });
    await app.ask(`${API}/warm-ups/cancel`, { as: OPS, body: { warmer: 'x' } });
    expect(done).toEqual([
      { user: 'ops', action: 'invalidate-tag', target: 'eu', outcome: 'applied' },
      { user: 'viewer', action: 'look-up', target: 'default none', outcome: 'absent' },
      { user: 'ops', action: 'cancel-warm-up', target: 'x', outcome: 'not running' },
    ]);
    const { body } = await app.ask(`${API}/overview`, { as: VIEWER });
    expect(body.activity.filter(({ event }: { event: string }) => event === 'admin')).toHaveLength(3);
    expect(body.tags).toEqual([{ tag: 'eu', invalidations: 1, lastAtMs: expect.any(Number) }]);
  });

  it('is warming, which goes on until it is done or told to stop', async () => {
    const { app, ask: send, engine } = await startAdminApp();
    const users = defineCache({ name: 'users', key: (id: number) => ['user', id] });
    const warmUps = app.get(WarmUpService);
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    warmUps.use(defineWarmer(users, { concurrency: 1 }), {
      entries: () => [1, 2, 3],
      load: async (id: number) => {
        if (id === 2) await gate;
        return id;
      },
    });
    expect((await send(`${API}/warm-ups`, { as: VIEWER })).body).toEqual([{ warmer: 'users' }]);
    expect((await send(`${API}/warm-ups`, { as: OPS, body: { warmer: 'users' } })).body.warmer).toBe('users');
    await eventually(async () => {
      const { body } = await send(`${API}/warm-ups`, { as: VIEWER });
      expect(body).toEqual([{ warmer: 'users', progress: { loaded: 1, present: 0, failed: 0, total: 3 } }]);
    });
    const cancelled = await send(`${API}/warm-ups/cancel`, { as: OPS, body: { warmer: 'users' } });
    expect(cancelled.body).toEqual({ isCancelled: true });
    release();
    await eventually(() => warmUps.runs().length === 0);
    expect(await engine.cache(users).for(3).get()).toBeUndefined();
  });
});
