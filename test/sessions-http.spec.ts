import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  ImATeapotException,
  type INestApplication,
  Inject,
  Module,
  Post,
  Res,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  CACHE_ENGINE,
  type CacheEngine,
  CsrfGuard,
  CurrentSession,
  CurrentUserId,
  type Duration,
  Public,
  RedisCacheModule,
  RequestSession,
  requestSession,
  RotateSession,
  SessionGuard,
  SessionInterceptor,
  SessionService,
  type SessionOptions,
} from 'nestjs-rcache';
import type { Script } from '../libs/redis-cache/src/redis/script.js';
import { startRedis } from '../scripts/servers.mjs';
import { Browser, setCookies } from './support/browser.js';
import { eventually } from './support/eventually.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';
import { sessionKeys } from './support/sessions.js';

interface Data {
  views?: number;
  role?: string;
  failures?: number;
}

const NAME = '__Host-session';

let gates: (() => void)[] = [];

class AdminGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    return (await requestSession<Data>(context)).data.role === 'admin';
  }
}

@Controller()
class SiteController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService<Data>) {}

  @Public() @Get('plain') plain(): string {
    return 'plain';
  }

  @Public() @Get('visit') visit(@CurrentSession() session: RequestSession<Data>): { views: number } {
    session.data.views = (session.data.views ?? 0) + 1;
    return { views: session.data.views };
  }

  @Public() @Get('look') look(@CurrentSession() session: RequestSession<Data>): object {
    return { ...session.data, userId: session.userId ?? null };
  }

  @Public() @HttpCode(200) @Post('login') async login(
    @CurrentSession() session: RequestSession<Data>,
    @Body() { user }: { user: string },
  ): Promise<object> {
    await session.login(user, { role: 'reader' });
    return { userId: session.userId };
  }

  @Public() @HttpCode(200) @Post('logout') async logout(
    @CurrentSession() session: RequestSession<Data>,
  ): Promise<object> {
    await session.logout();
    return { userId: session.userId ?? null };
  }

  @Public() @Get('failing') failing(@CurrentSession() session: RequestSession<Data>): void {
    session.data.failures = (session.data.failures ?? 0) + 1;
    throw new ImATeapotException();
  }

  @Public() @Get('wrong') wrong(@CurrentSession() session: RequestSession<{ at: unknown }>): void {
    session.data.at = new Date();
  }

  @Get('me') me(@CurrentUserId() userId: string): object {
    return { userId };
  }

  @Get('slow') async slow(@CurrentSession() session: RequestSession<Data>): Promise<object> {
    session.data.views = 99;
    await new Promise<void>((resolve) => gates.push(resolve));
    return { userId: session.userId };
  }

  @RotateSession() @HttpCode(200) @Post('elevate') elevate(@CurrentSession() session: RequestSession<Data>): object {
    session.data.role = 'admin';
    return {};
  }

  @Get('devices') devices(@CurrentUserId() userId: string): Promise<object> {
    return this.sessions.listOf(userId);
  }

  @HttpCode(200) @Post('logout-others') async logoutOthers(
    @CurrentSession() session: RequestSession<Data>,
  ): Promise<object> {
    return { ended: await this.sessions.destroyAllOf(session.userId!, { except: session.stored }) };
  }

  @UseGuards(AdminGuard) @Get('admin') admin(): string {
    return 'admin';
  }

  @UseGuards(AdminGuard) @Public() @Get('unguarded') unguarded(): void {}

  @Public() @Get('cached') @Header('Cache-Control', 'max-age=5') cached(
    @CurrentSession() session: RequestSession<Data>,
  ): string {
    session.data.views = 1;
    return 'cached';
  }

  @Public() @Get('by-hand') async byHand(
    @CurrentSession() session: RequestSession<Data>,
    @Res() response: { header(name: string, value: string): void; send(body: string): void },
  ): Promise<void> {
    session.data.views = 1;
    const cookie = await session.commit();
    if (cookie !== undefined) response.header('Set-Cookie', cookie);
    response.send('by hand');
  }
}

const apps: INestApplication[] = [];
/** Expected failures are not worth a line in the log of the tests. */
const silence = { log: () => {}, warn: () => {}, error: () => {} };

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('on %s', (_name, newAdapter) => {
  let namespace: string;
  beforeEach(() => {
    namespace = uniqueNamespace();
    gates = [];
  });
  afterEach(async () => {
    for (const open of gates) open();
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  async function start(
    options: Partial<SessionOptions> = {},
    connection: { url: string; commandTimeout?: Duration } = { url: testRedisUrl() },
  ): Promise<INestApplication> {
    const session = { ...sessionKeys, ...options };
    @Module({
      imports: [RedisCacheModule.forRoot({ namespace, connection, startTimeout: '5s', session })],
      controllers: [SiteController],
      providers: [
        { provide: APP_GUARD, useClass: CsrfGuard },
        { provide: APP_GUARD, useClass: SessionGuard },
        { provide: APP_INTERCEPTOR, useClass: SessionInterceptor },
      ],
    })
    class SiteModule {}
    const module = await Test.createTestingModule({ imports: [SiteModule] })
      .setLogger(silence)
      .compile();
    const app = module.createNestApplication(newAdapter() as ExpressAdapter);
    apps.push(app);
    await app.listen(0, '127.0.0.1');
    return app;
  }

  /** Names of the session scripts that Redis is sent from now on. */
  function scriptsOf(app: INestApplication): string[] {
    const connection = app.get<CacheEngine>(CACHE_ENGINE).connection()!;
    const names: string[] = [];
    for (const method of ['run', 'runDurably'] as const) {
      const original = connection[method].bind(connection) as (...args: unknown[]) => Promise<unknown>;
      connection[method] = (...args: unknown[]) => {
        const script = args.find((arg) => typeof arg === 'object' && arg !== null && 'lua' in arg) as Script;
        if (method === 'run' || args.length === 2) names.push(script.name);
        return original(...args);
      };
    }
    return names;
  }

  it('a visitor who needs no session gets none, and costs nothing', async () => {
    const app = await start();
    const scripts = scriptsOf(app);
    const browser = new Browser(app);
    const response = await browser.get('/plain');
    expect(response).toMatchObject({ status: 200, body: 'plain' });
    expect(setCookies(response)).toEqual([]);
    expect((await browser.get('/look')).body).toEqual({ userId: null });
    expect(browser.cookies.size).toBe(0);
    expect(scripts).toEqual([]);
  });

  it('a session begins with what is put into it', async () => {
    const browser = new Browser(await start());
    const response = await browser.get('/visit');
    expect(response.body).toEqual({ views: 1 });
    expect(setCookies(response)).toEqual([
      expect.stringMatching(/^__Host-session=[\w-]{45}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    expect(response.headers['cache-control']).toBe('no-store');
    const again = await browser.get('/visit');
    expect(again.body).toEqual({ views: 2 });
    expect(setCookies(again)).toEqual([]);
  });

  it('a login gives another id, and the data come along, seen by another instance', async () => {
    const [one, other] = [await start(), await start()];
    const browser = new Browser(one);
    await browser.get('/visit');
    const before = new Map(browser.cookies);
    expect((await browser.get('/me')).status).toBe(401);
    expect((await browser.post('/login', { user: '42' })).body).toEqual({ userId: '42' });
    expect(browser.cookies.get(NAME)).not.toBe(before.get(NAME));
    expect((await browser.at(other).get('/look')).body).toEqual({ views: 1, role: 'reader', userId: '42' });

    const intruder = new Browser(one);
    intruder.cookies = before;
    expect((await intruder.get('/me')).status).toBe(401);
    expect((await intruder.get('/look')).body).toEqual({ userId: null });
  });

  it('a login as another user ends the session of the first, and takes nothing of it along', async () => {
    const app = await start();
    const browser = new Browser(app);
    await browser.post('/login', { user: '42' });
    await browser.post('/elevate');
    await browser.get('/visit');
    const before = new Map(browser.cookies);
    expect((await browser.post('/login', { user: '43' })).body).toEqual({ userId: '43' });
    expect((await browser.get('/look')).body).toEqual({ role: 'reader', userId: '43' });
    const left = new Browser(app);
    left.cookies = before;
    expect((await left.get('/me')).status).toBe(401);
    const sessions = app.get(SessionService);
    expect([await sessions.count('42'), await sessions.count('43'), await sessions.count()]).toEqual([0, 1, 1]);

    await browser.get('/visit');
    await browser.post('/login', { user: '43' });
    expect((await browser.get('/look')).body).toEqual({ views: 1, role: 'reader', userId: '43' });
  });

  it('a planted id is never adopted', async () => {
    const browser = new Browser(await start());
    const planted = 'P'.repeat(45);
    browser.cookies.set(NAME, planted);
    for (const go of [() => browser.get('/visit'), () => browser.post('/login', { user: '42' })]) {
      await go();
      expect(browser.cookies.get(NAME)).not.toBe(planted);
    }
    expect((await browser.get('/me')).body).toEqual({ userId: '42' });
    browser.cookies.set(NAME, planted);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('a logout holds for every instance at its next request', async () => {
    const [one, other] = [await start(), await start()];
    const browser = new Browser(one);
    await browser.post('/login', { user: '42' });
    const stolen = new Map(browser.cookies);
    expect((await browser.at(other).get('/me')).status).toBe(200);
    const response = await browser.post('/logout');
    expect(setCookies(response)[0]).toContain('Max-Age=0');
    expect(browser.cookies.size).toBe(0);
    for (const app of [one, other]) {
      const thief = new Browser(app);
      thief.cookies = new Map(stolen);
      expect((await thief.get('/me')).status).toBe(401);
    }
  });

  it('a slow request that ends after the logout brings nothing back', async () => {
    const app = await start();
    const browser = new Browser(app);
    await browser.post('/login', { user: '42' });
    const tab = new Browser(app);
    tab.cookies = new Map(browser.cookies);
    const slow = tab.get('/slow');
    await eventually(() => gates.length === 1);
    await browser.post('/logout');
    gates.splice(0)[0]!();
    const late = await slow;
    expect(late.status).toBe(200);
    expect(setCookies(late)).toEqual([]);
    expect((await tab.get('/me')).status).toBe(401);
    expect(await app.get(SessionService).count()).toBe(0);
  });

  it('a request costs one round trip before the handler, and one after when something changed', async () => {
    const app = await start();
    const browser = new Browser(app);
    await browser.post('/login', { user: '42' });
    const scripts = scriptsOf(app);
    const costs = async (path: string): Promise<string[]> => {
      scripts.length = 0;
      await browser.get(path);
      return [...scripts];
    };
    expect(await costs('/plain')).toEqual([]);
    expect(await costs('/me')).toEqual(['session-read']);
    expect(await costs('/look')).toEqual(['session-read']);
    expect(await costs('/visit')).toEqual(['session-read', 'session-save']);
  });

  it('what a failing handler changed is saved, and the client sees its failure', async () => {
    const browser = new Browser(await start());
    const response = await browser.get('/failing');
    expect(response.status).toBe(418);
    expect(browser.cookies.has(NAME)).toBe(true);
    expect((await browser.get('/failing')).status).toBe(418);
    expect((await browser.get('/look')).body).toEqual({ failures: 2, userId: null });
  });

  it('data that are not JSON are an error, not a loss', async () => {
    const browser = new Browser(await start());
    await browser.get('/visit');
    expect((await browser.get('/wrong')).status).toBe(500);
    expect((await browser.get('/look')).body).toEqual({ views: 1, userId: null });
  });

  it('@RotateSession ends the id from before, and saves with it', async () => {
    const browser = new Browser(await start());
    await browser.post('/login', { user: '42' });
    const before = new Map(browser.cookies);
    await browser.post('/elevate');
    expect(browser.cookies.get(NAME)).not.toBe(before.get(NAME));
    expect((await browser.get('/look')).body).toMatchObject({ role: 'admin', userId: '42' });
    browser.cookies = before;
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('a user sees their devices, and ends the others', async () => {
    const [one, other] = [await start(), await start()];
    const [laptop, phone] = [new Browser(one), new Browser(other)];
    for (const browser of [laptop, phone]) await browser.post('/login', { user: '42' });
    expect((await laptop.get('/devices')).body).toEqual([
      expect.objectContaining({ userAgent: 'Test browser', ip: expect.stringContaining('127.0.0.1') }),
      expect.objectContaining({ handle: expect.any(String) }),
    ]);
    expect((await laptop.post('/logout-others')).body).toEqual({ ended: 1 });
    expect((await phone.get('/me')).status).toBe(401);
    expect((await laptop.get('/me')).status).toBe(200);
  });

  it('rotation by the clock serves parallel requests with the old id, and gives all of them the new one', async () => {
    const options = { rotateEvery: 3001, rotationGrace: 3000 };
    const [one, other] = [await start(options), await start(options)];
    const browser = new Browser(one);
    await browser.post('/login', { user: '42' });
    const before = browser.cookies.get(NAME)!;
    const tabs = Array.from({ length: 50 }, (_, tab) => {
      const copy = new Browser(tab % 2 === 0 ? one : other);
      copy.cookies = new Map(browser.cookies);
      return copy;
    });
    await new Promise((resolve) => setTimeout(resolve, 3050));
    const responses = await Promise.all(tabs.map((tab) => tab.get('/me')));
    expect(responses.map(({ status }) => status)).toEqual(tabs.map(() => 200));
    const now = new Set(tabs.map(({ cookies }) => cookies.get(NAME)!));
    expect([...now].filter((id) => id !== before)).toHaveLength(1);
    const late = new Browser(other);
    await eventually(async () => {
      late.cookies = new Map([[NAME, before]]);
      return (await late.get('/me')).status === 401;
    }, 10_000);
  });

  it('a response that is sent by hand can have its session', async () => {
    const browser = new Browser(await start());
    expect((await browser.get('/by-hand')).body).toBe('by hand');
    expect((await browser.get('/look')).body).toEqual({ views: 1, userId: null });
  });

  it('what a route says of caching is left alone', async () => {
    const response = await new Browser(await start()).get('/cached');
    expect(response.headers['cache-control']).toBe('max-age=5');
    expect(setCookies(response)).toHaveLength(1);
  });

  it.each(['', 'x', 'é'.repeat(45), 'P'.repeat(44), `${'P'.repeat(45)}; ${NAME}=${'P'.repeat(45)}`])(
    'a cookie that cannot be a session (%#) is as good as none, and never reaches Redis',
    async (value) => {
      const app = await start();
      const scripts = scriptsOf(app);
      const results: string[] = [];
      app.get<CacheEngine>(CACHE_ENGINE).events.on('session', ({ result }) => results.push(result));
      const browser = new Browser(app);
      const headers = { cookie: Buffer.from(`${NAME}=${value}`).toString('latin1') };
      expect((await browser.get('/me', headers)).status).toBe(401);
      expect((await browser.get('/look', headers)).body).toEqual({ userId: null });
      expect(scripts).toEqual([]);
      expect(results).toHaveLength(2);
      expect(new Set(results).size).toBe(1);
      expect(['malformed', 'duplicate']).toContain(results[0]);
    },
  );

  it('while Redis is away nobody is logged out and nobody is let in', async () => {
    const server = await startRedis();
    try {
      const app = await start({}, { url: server.url, commandTimeout: 100 });
      const browser = new Browser(app);
      await browser.post('/login', { user: '42' });
      const id = browser.cookies.get(NAME);
      await server.pause();
      const requests = [
        () => browser.get('/me'),
        () => browser.get('/visit'),
        () => browser.get('/devices'),
        () => browser.post('/elevate'),
        () => browser.post('/login', { user: '43' }),
        () => new Browser(app).post('/login', { user: '43' }),
      ];
      for (const send of requests) {
        const response = await send();
        expect(response.status).toBe(503);
        expect(response.headers['retry-after']).toBe('5');
        expect(setCookies(response)).toEqual([]);
      }
      expect((await browser.get('/plain')).status).toBe(200);
      expect((await new Browser(app).get('/me')).status).toBe(401);
      await server.resume();
      await eventually(async () => (await browser.get('/me')).status === 200, 10_000);
      expect(browser.cookies.get(NAME)).toBe(id);

      // Who asks to be logged out while Redis is away is told that it is not done, and forgets the cookie all the same.
      const stolen = new Map(browser.cookies);
      await server.pause();
      const response = await browser.post('/logout');
      expect(response.status).toBe(503);
      expect(browser.cookies.size).toBe(0);
      await server.resume();
      browser.cookies = stolen;
      await eventually(async () => (await browser.get('/me')).status === 401, 10_000);
    } finally {
      await server.resume().catch(() => undefined);
      await server.stop();
    }
  }, 30_000);

  it.each<[number, Record<string, string>]>([
    [200, {}],
    [200, { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }],
    [200, { 'sec-fetch-site': 'none' }],
    [403, { 'sec-fetch-site': 'cross-site' }],
    [403, { 'sec-fetch-site': 'same-site', origin: 'https://sub.example' }],
    [200, { 'sec-fetch-site': 'same-site', origin: 'https://admin.example' }],
    [200, { origin: 'https://shop.example', host: 'shop.example' }],
    [403, { origin: 'https://shop.example:8443', host: 'shop.example' }],
    [403, { origin: 'https://evil.example', host: 'shop.example' }],
    [403, { origin: 'null', host: 'shop.example' }],
  ])('CsrfGuard answers %i to a request with %j that changes something', async (status, headers) => {
    const browser = new Browser(await start({ trustedOrigins: ['https://admin.example'] }));
    expect((await browser.post('/login', { user: '42' }, headers)).status).toBe(status);
    expect((await browser.get('/plain', headers)).status).toBe(200);
  });

  it('a guard after SessionGuard sees the session it has read, in one round trip', async () => {
    const app = await start();
    const browser = new Browser(app);
    await browser.post('/login', { user: '42' });
    expect((await browser.get('/admin')).status).toBe(403);
    await browser.post('/elevate');
    const scripts = scriptsOf(app);
    expect((await browser.get('/admin')).body).toBe('admin');
    expect(scripts).toEqual(['session-read']);
    expect((await new Browser(app).get('/admin')).status).toBe(401);
    expect((await browser.get('/unguarded')).status).toBe(500);
  });

  it('a controller whose session nobody looks after says so', async () => {
    @UseGuards(SessionGuard)
    @Public()
    @Controller()
    class Forgetful {
      @Get('forgetful') get(@CurrentSession() session: RequestSession): object {
        return session.data;
      }
    }
    @Module({
      imports: [RedisCacheModule.forRoot({ namespace, connection: { url: testRedisUrl() }, session: sessionKeys })],
      controllers: [Forgetful],
    })
    class ForgetfulModule {}
    const logged: unknown[] = [];
    const error = (message: unknown): void => void logged.push(message);
    const logger = { log: () => {}, warn: () => {}, error };
    const module = await Test.createTestingModule({ imports: [ForgetfulModule] })
      .setLogger(logger)
      .compile();
    const app = module.createNestApplication(newAdapter() as ExpressAdapter);
    apps.push(app);
    await app.listen(0, '127.0.0.1');
    expect((await new Browser(app).get('/forgetful')).status).toBe(500);
    expect(String(logged)).toContain('bind SessionInterceptor');
  });
});
