import {
  type CallHandler,
  type CanActivate,
  ClassSerializerInterceptor,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  ImATeapotException,
  type INestApplication,
  Injectable,
  type NestInterceptor,
  Param,
  Post,
  Query,
  Redirect,
  Req,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR, ExternalContextCreator, HttpAdapterHost } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Exclude } from 'class-transformer';
import { Redis } from 'ioredis';
import { map, type Observable, of } from 'rxjs';
import request from 'supertest';
import type { CacheEngine, CacheEngineOptions } from '../libs/redis-cache/src/cache/engine.js';
import { HTTP_CACHE_METADATA, HttpCache, NoHttpCache } from '../libs/redis-cache/src/http/http-cache.decorator.js';
import { HTTP_RESPONSES, HttpCacheInterceptor } from '../libs/redis-cache/src/http/http-cache.interceptor.js';
import type { HttpRequest } from '../libs/redis-cache/src/http/http-message.js';
import { RedisCacheModule } from '../libs/redis-cache/src/redis-cache.module.js';
import { CACHE_ENGINE, HTTP_CACHE_OPTIONS } from '../libs/redis-cache/src/tokens.js';
import { startRedis } from '../scripts/servers.mjs';
import { gatedLoader, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

type AppRequest = HttpRequest & { user?: { name: string } };
interface AppResponse {
  setHeader?(name: string, value: string): void;
  header(name: string, value: string): void;
  status(code: number): { send(body: string): void };
}

class Account {
  name = 'alice';
  @Exclude() password = 'hunter2';
}

/** Knows alice and bob by their tokens; everybody else stays anonymous. */
@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    arrivals += 1;
    const incoming = context.switchToHttp().getRequest<AppRequest>();
    const token = incoming.headers.authorization?.replace('Bearer ', '');
    if (token !== undefined) incoming.user = { name: token };
    return token !== 'mallory';
  }
}

@Injectable()
class Envelope implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

let arrivals = 0;
let runs: Record<string, number> = {};
let gate = gatedLoader('opened');

/** Counts the runs of a handler; its number is part of most answers. */
function run(name: string): number {
  return (runs[name] = (runs[name] ?? 0) + 1);
}

@Controller()
@UseGuards(TokenGuard)
@UseInterceptors(HttpCacheInterceptor)
class ProbeController {
  @Get('items')
  @HttpCache({ ttl: '1m', tags: ['items'] })
  items(@Query() query: object) {
    return { run: run('items'), query };
  }

  @Get('items/:id')
  @HttpCache()
  item(@Param('id') id: string) {
    return { run: run('item'), id };
  }

  @Get('pages')
  @HttpCache({ query: ['page'] })
  pages(@Query('page') page: string) {
    return { run: run('pages'), page };
  }

  @Get('plain')
  plain() {
    return { run: run('plain') };
  }

  @Post('items')
  @HttpCode(200)
  @HttpCache()
  create() {
    return { run: run('create') };
  }

  @Get('me')
  @HttpCache()
  me(@Req() incoming: AppRequest) {
    return { run: run('me'), name: incoming.user?.name ?? incoming.headers.cookie ?? 'nobody' };
  }

  @Get('mine')
  @HttpCache({ scope: (incoming: AppRequest) => incoming.user?.name })
  mine(@Req() incoming: AppRequest) {
    return { run: run('mine'), name: incoming.user?.name ?? 'nobody' };
  }

  @Get('news')
  @HttpCache({ scope: 'public' })
  news() {
    return { run: run('news') };
  }

  @Get('greeting')
  @HttpCache({ vary: ['Accept-Language'] })
  greeting(@Req() incoming: AppRequest) {
    return { run: run('greeting'), language: incoming.headers['accept-language'] };
  }

  @Get('shaped')
  @HttpCode(203)
  @Header('Cache-Control', 'public, max-age=60')
  @HttpCache({ headers: ['X-Total'] })
  shaped(@Res({ passthrough: true }) response: AppResponse) {
    response.header('X-Total', '5');
    response.header('Content-Type', 'application/vnd.api+json');
    return { run: run('shaped') };
  }

  @Get('null')
  @HttpCache()
  nothing() {
    run('null');
    return null;
  }

  @Get('text')
  @HttpCache()
  text() {
    return `run ${run('text')} ü`;
  }

  @Get('number')
  @HttpCache()
  number() {
    return run('number');
  }

  @Get('bytes')
  @HttpCache()
  bytes() {
    return Buffer.from([run('bytes'), 0, 0xff, 0xfe]);
  }

  @Get('gate')
  @HttpCache()
  async gated() {
    return { run: run('gate'), value: await gate.load() };
  }

  @Get('gate/cookie')
  @HttpCache()
  async gatedCookie(@Res({ passthrough: true }) response: AppResponse) {
    const mine = run('gate/cookie');
    response.header('Set-Cookie', `visitor=${mine}`);
    await gate.load();
    return { run: mine };
  }

  @Get('gate/failing')
  @HttpCache()
  async gatedFailing() {
    const mine = run('gate/failing');
    await gate.load();
    throw new ImATeapotException(`run ${mine}`);
  }

  @Get('careless')
  @HttpCache({ scope: ({ user }: AppRequest) => user!.name })
  careless() {
    return { run: run('careless') };
  }

  @Get('mistagged')
  @HttpCache({ tags: () => ['twice', 'twice'] })
  mistagged() {
    return { run: run('mistagged') };
  }

  @Get('failing')
  @HttpCache()
  failing() {
    throw new ImATeapotException(`run ${run('failing')}`);
  }

  @Get('secret')
  @HttpCache()
  secret(@Res({ passthrough: true }) response: AppResponse) {
    response.header('Cache-Control', 'private, max-age=60');
    return { run: run('secret') };
  }

  @Get('varied')
  @HttpCache()
  varied(@Res({ passthrough: true }) response: AppResponse) {
    response.header('Vary', 'X-Theme');
    return { run: run('varied') };
  }

  @Get('accepted')
  @HttpCode(202)
  @HttpCache()
  accepted() {
    return { run: run('accepted') };
  }

  @Get('file')
  @HttpCache()
  file() {
    return new StreamableFile(Buffer.from(`run ${run('file')}`));
  }

  @Get('raw')
  @HttpCache()
  raw(@Res() response: AppResponse) {
    response.status(200).send(`run ${run('raw')}`);
  }

  @Get('moved')
  @HttpCache()
  @Redirect('/items', 302)
  moved() {
    run('moved');
  }

  @Sse('events')
  @HttpCache()
  events() {
    return of({ data: { run: run('events') } });
  }
}

@Controller('controlled')
@UseInterceptors(HttpCacheInterceptor)
@HttpCache({ ttl: '1m', tags: ['controlled'] })
class ControlledController {
  @Get('cached')
  cached() {
    return { run: run('cached') };
  }

  @Get('uncached')
  @NoHttpCache()
  uncached() {
    return { run: run('uncached') };
  }

  @Get('account')
  account() {
    run('account');
    return new Account();
  }
}

@Controller('unbound')
class UnboundController {
  @Get('plain')
  plain() {
    return { run: run('plain') };
  }

  @Get('opted-in')
  @HttpCache({ ttl: '1m' })
  optedIn() {
    return { run: run('optedIn') };
  }

  @Get('opted-out')
  @NoHttpCache()
  optedOut() {
    return { run: run('optedOut') };
  }
}

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('the HTTP response cache on %s', (_name, createAdapter) => {
  const apps: INestApplication[] = [];

  async function startApp(
    options: CacheEngineOptions & { providers?: any[]; global?: NestInterceptor[] } = {},
  ): Promise<INestApplication> {
    const { providers = [], global = [], ...engineOptions } = options;
    const engine = await startEngine(engineOptions);
    const cache = {
      module: class CacheModule {},
      global: true,
      providers: [{ provide: CACHE_ENGINE, useValue: engine }],
      exports: [CACHE_ENGINE],
    };
    const testing = await Test.createTestingModule({
      imports: [cache],
      controllers: [ProbeController, ControlledController, UnboundController],
      providers,
    }).compile();
    const app = testing.createNestApplication(createAdapter(), { logger: ['error'] });
    app.useGlobalInterceptors(...global);
    apps.push(app);
    await app.listen(0, '127.0.0.1');
    return app;
  }

  const engineOf = (app: INestApplication) => app.get<CacheEngine>(CACHE_ENGINE);

  function get(app: INestApplication, path: string, headers: Record<string, string | undefined> = {}): request.Test {
    return request(app.getHttpServer())
      .get(path)
      .set(headers as Record<string, string>);
  }

  /** How often the cache of responses was asked in vain, and how often with an answer. */
  function asked(app: INestApplication): { misses: number; hits: number } {
    const stats = engineOf(app).cache(HTTP_RESPONSES).stats;
    return { misses: stats.misses, hits: stats.hitsL1 + stats.hitsL2 };
  }

  const as = (name: string) => ({ Authorization: `Bearer ${name}` });

  beforeEach(() => {
    arrivals = 0;
    runs = {};
    gate = gatedLoader('opened');
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  describe('what is answered from the cache', () => {
    let app: INestApplication;
    beforeEach(async () => {
      app = await startApp();
    });

    it('is the same answer, with its age and where it came from', async () => {
      const first = await get(app, '/items?a=1');
      const second = await get(app, '/items?a=1');
      expect(first.headers['cache-status']).toBe('rcache; fwd=uri-miss; stored');
      expect(first.headers).not.toHaveProperty('age');
      expect(second.headers['cache-status']).toMatch(/^rcache; hit; ttl=(59|60); detail=l[12]$/);
      expect(second.headers.age).toMatch(/^\d+$/);
      expect(second.text).toBe(first.text);
      expect(second.headers['content-type']).toBe('application/json; charset=utf-8');
      expect(runs).toEqual({ items: 1 });
    });

    it('keeps status, content type and listed headers, and the Cache-Control of the handler', async () => {
      for (const response of [await get(app, '/shaped'), await get(app, '/shaped')]) {
        expect(response.status).toBe(203);
        expect(response.headers['x-total']).toBe('5');
        expect(response.headers['content-type']).toBe('application/vnd.api+json; charset=utf-8');
        expect(response.headers['cache-control']).toBe('public, max-age=60');
      }
      expect(runs).toEqual({ shaped: 1 });
    });

    it.each(['null', 'text', 'number', 'bytes', 'file'])('includes a body of %s, to the byte', async (kind) => {
      const first = await get(app, `/${kind}`).buffer(true).responseType('blob');
      const second = await get(app, `/${kind}`).buffer(true).responseType('blob');
      expect(second.headers['cache-status']).toContain('rcache; hit');
      expect(second.body).toEqual(first.body);
      expect(second.headers['content-type']).toBe(first.headers['content-type']);
      expect(runs).toEqual({ [kind]: 1 });
      if (kind === 'bytes') expect(first.body).toEqual(Buffer.from([1, 0, 0xff, 0xfe]));
      if (kind === 'text') expect(String(first.body)).toBe('run 1 ü');
    });

    it('depends on query and parameters, however they are spelled', async () => {
      const same = [
        await get(app, '/items?a=1&b=2'),
        await get(app, '/items?b=2&a=1'),
        await get(app, '/items?%61=1&b=2'),
      ];
      expect(same.map(({ body }) => body.run)).toEqual([1, 1, 1]);
      const other = [await get(app, '/items?a=1&b=3'), await get(app, '/items?a=1'), await get(app, '/items?a=1&a=1')];
      expect(other.map(({ body }) => body.run)).toEqual([2, 3, 4]);
      expect((await get(app, '/items/7')).body).toEqual({ run: 1, id: '7' });
      expect((await get(app, '/items/7.css')).body).toEqual({ run: 2, id: '7.css' });
      expect((await get(app, '/items/7?x=1')).body).toEqual({ run: 3, id: '7' });
    });

    it('ignores query parameters that the route does not list', async () => {
      await get(app, '/pages?page=1&utm_source=mail');
      expect((await get(app, '/pages?utm_source=web&page=1')).body).toEqual({ run: 1, page: '1' });
      expect((await get(app, '/pages?page=2')).body).toEqual({ run: 2, page: '2' });
    });

    it('differs by the headers the route varies by, and says so', async () => {
      const german = await get(app, '/greeting', { 'Accept-Language': 'de' });
      const french = await get(app, '/greeting', { 'Accept-Language': 'fr' });
      const again = await get(app, '/greeting', { 'Accept-Language': 'de' });
      expect([german, french, again].map(({ body }) => body)).toEqual([
        { run: 1, language: 'de' },
        { run: 2, language: 'fr' },
        { run: 1, language: 'de' },
      ]);
      expect(again.headers['vary']?.toLowerCase()).toContain('accept-language');
    });

    it('is dropped with its tags', async () => {
      await get(app, '/items');
      await engineOf(app).defaultCache.invalidateTags(['items']);
      expect((await get(app, '/items')).body.run).toBe(2);
      await get(app, '/controlled/cached');
      await engineOf(app).defaultCache.invalidateTags(['controlled']);
      expect((await get(app, '/controlled/cached')).body.run).toBe(2);
    });

    it('follows the controller unless the route opts out', async () => {
      const bodies = [];
      for (const path of ['cached', 'cached', 'uncached', 'uncached']) {
        bodies.push((await get(app, `/controlled/${path}`)).body.run);
      }
      expect(bodies).toEqual([1, 1, 1, 2]);
    });
  });

  describe('a conditional request', () => {
    it('is answered 304 without the handler and without a body', async () => {
      const app = await startApp();
      const { headers } = await get(app, '/items');
      expect(headers.etag).toMatch(/^"[^"]+"$/);
      expect(headers['cache-control']).toBe('no-cache');
      for (const tags of [headers.etag, `"other", W/${headers.etag}`, '*']) {
        const response = await get(app, '/items', { 'If-None-Match': tags });
        expect(response.status).toBe(304);
        expect(response.text).toBe('');
        expect(response.headers.etag).toBe(headers.etag);
        expect(response.headers['cache-control']).toBe('no-cache');
        expect(response.headers).not.toHaveProperty('content-type');
      }
      expect((await get(app, '/items', { 'If-None-Match': '"other"' })).status).toBe(200);
      expect(runs).toEqual({ items: 1 });
      const shaped = await get(app, '/shaped');
      const unmodified = await get(app, '/shaped', { 'If-None-Match': shaped.headers.etag });
      expect([unmodified.status, unmodified.headers['x-total']]).toEqual([304, '5']);
    });

    it('is answered 304 right after the handler when its answer is the one the client has', async () => {
      const app = await startApp();
      const { headers } = await get(app, '/null');
      await engineOf(app).defaultCache.clearNamespace();
      expect((await get(app, '/null', { 'If-None-Match': headers.etag })).status).toBe(304);
      expect(runs).toEqual({ null: 2 });
    });
  });

  describe('HEAD', () => {
    it('is answered from what GET stored, and fills nothing itself', async () => {
      const app = await startApp();
      const server = app.getHttpServer();
      const missed = await request(server).head('/items');
      expect(missed.headers['cache-status']).toBe('rcache; fwd=uri-miss');
      const stored = await get(app, '/items');
      expect(stored.headers['cache-status']).toBe('rcache; fwd=uri-miss; stored');
      const found = await request(server).head('/items');
      expect(found.headers['cache-status']).toContain('rcache; hit');
      expect(found.headers.etag).toBe(stored.headers.etag);
      expect(found.text ?? '').toBe('');
      expect(runs).toEqual({ items: 2 });
    });
  });

  describe('requests with credentials', () => {
    let app: INestApplication;
    beforeEach(async () => {
      app = await startApp();
    });

    it('never share a response', async () => {
      const asked = [as('alice'), as('bob'), { Cookie: 'name=carol' }, { 'X-Api-Key': 'key' }, {}, as('alice'), {}];
      const answers = [];
      for (const headers of asked) answers.push(await get(app, '/me', headers));
      expect(answers.map(({ body }) => body.name)).toEqual([
        'alice',
        'bob',
        'name=carol',
        'nobody',
        'nobody',
        'alice',
        'nobody',
      ]);
      expect(answers[0]?.headers['cache-status']).toBe('rcache; fwd=bypass; detail=credentials');
      expect(answers[6]?.headers['cache-status']).toContain('rcache; hit');
      expect(runs).toEqual({ me: 6 });
    });

    it('share one per principal where the route names it', async () => {
      const answers = [];
      for (const headers of [as('alice'), as('bob'), {}, as('alice'), as('bob'), {}]) {
        answers.push(await get(app, '/mine', headers));
      }
      expect(answers.map(({ body }) => body)).toEqual([
        { run: 1, name: 'alice' },
        { run: 2, name: 'bob' },
        { run: 3, name: 'nobody' },
        { run: 1, name: 'alice' },
        { run: 2, name: 'bob' },
        { run: 4, name: 'nobody' },
      ]);
      expect(answers[3]?.headers['cache-control']).toBe('private, no-cache');
    });

    it('share it with all where the route is public', async () => {
      await get(app, '/news', as('alice'));
      expect((await get(app, '/news', { Cookie: 'a=b' })).body.run).toBe(1);
    });

    it('still pass the guards', async () => {
      await get(app, '/news');
      expect((await get(app, '/news', as('mallory'))).status).toBe(403);
    });
  });

  it('caches a route it is bound to, whether or not the route has options', async () => {
    const app = await startApp();
    const first = await get(app, '/plain');
    const second = await get(app, '/plain');
    expect(second.body).toEqual(first.body);
    expect(second.headers['cache-status']).toMatch(/^rcache; hit/);
    expect((await get(app, '/plain').set('If-None-Match', String(first.headers['etag']))).status).toBe(304);
    expect(runs).toEqual({ plain: 1 });
  });

  it.each([
    ['only routes with @HttpCache', {}, { plain: 2, optedIn: 1, optedOut: 2 }],
    ['all but those with @NoHttpCache where it is told to', { routes: 'all' }, { plain: 1, optedIn: 1, optedOut: 2 }],
  ])('bound globally caches %s', async (_what, http, expected) => {
    const providers = [
      { provide: APP_INTERCEPTOR, useClass: HttpCacheInterceptor },
      { provide: HTTP_CACHE_OPTIONS, useValue: http },
    ];
    const app = await startApp({ providers });
    for (const path of ['/unbound/plain', '/unbound/opted-in', '/unbound/opted-out']) {
      await get(app, path);
      await get(app, path);
    }
    expect(runs).toEqual(expected);
  });

  it('answers from memory before Nest sets up its observables', async () => {
    const app = await startApp();
    await trusted(engineOf(app));
    const intercept = jest.spyOn(HttpCacheInterceptor.prototype, 'intercept');
    await eventually(async () => {
      expect((await get(app, '/news')).headers['cache-status']).toMatch(/detail=l1$/);
    });
    intercept.mockClear();
    expect((await get(app, '/news')).headers['cache-status']).toMatch(/detail=l1$/);
    expect(intercept).not.toHaveBeenCalled();
    intercept.mockRestore();
  });

  it('asks an interceptor that is made of it what it thinks of each request', async () => {
    class SwitchedInterceptor extends HttpCacheInterceptor {
      override intercept(context: ExecutionContext, next: CallHandler) {
        const { headers } = context.switchToHttp().getRequest<AppRequest>();
        return headers['x-fresh'] === undefined ? super.intercept(context, next) : next.handle();
      }
    }
    const app = await startApp({ providers: [{ provide: APP_INTERCEPTOR, useClass: SwitchedInterceptor }] });
    await trusted(engineOf(app));
    const path = '/unbound/opted-in';
    const answers = [await get(app, path), await get(app, path), await get(app, path, { 'x-fresh': '1' })];
    expect(answers.map(({ body }) => body.run)).toEqual([1, 1, 2]);
  });

  describe('what is never stored', () => {
    let app: INestApplication;
    beforeEach(async () => {
      app = await startApp();
    });

    it.each(['secret', 'varied', 'accepted', 'raw', 'failing', 'events', 'mistagged', 'careless'])(
      '%s',
      async (name) => {
        const first = await get(app, `/${name}`).buffer(true).responseType('blob');
        const second = await get(app, `/${name}`).buffer(true).responseType('blob');
        expect(second.status).toBe(first.status);
        expect(String(second.body)).toBe(String(first.body).replace(/run\D+1/, (text) => text.replace('1', '2')));
        expect(runs).toEqual({ [name]: 2 });
        expect(asked(app).hits).toBe(0);
      },
    );

    it('a redirect', async () => {
      expect((await get(app, '/moved')).headers.location).toBe('/items');
      expect((await get(app, '/moved')).status).toBe(302);
      expect(runs).toEqual({ moved: 2 });
    });

    it('the answer to a POST', async () => {
      const server = app.getHttpServer();
      await request(server).post('/items');
      expect((await request(server).post('/items')).body.run).toBe(2);
    });
  });

  describe('concurrent misses', () => {
    it('run the handler once', async () => {
      const app = await startApp();
      // Until then whatever is in flight is cut, and later requests wait for Redis instead of the first one.
      await trusted(engineOf(app));
      const asking = Array.from({ length: 20 }, () => get(app, '/gate').then((response) => response));
      await eventually(() => arrivals === 20 && gate.runs() === 1);
      gate.open();
      const answers = await Promise.all(asking);
      expect(new Set(answers.map(({ text }) => text))).toEqual(new Set(['{"run":1,"value":"opened"}']));
      expect(answers.filter(({ headers }) => headers['cache-status']?.includes('collapsed'))).toHaveLength(19);
      expect(runs).toEqual({ gate: 1 });
    });

    it('run one handler each when the answer may not be shared', async () => {
      const app = await startApp();
      const asking = Array.from({ length: 5 }, () => get(app, '/gate/cookie').then((response) => response));
      await eventually(() => arrivals === 5 && gate.runs() > 0);
      gate.open();
      const answers = await Promise.all(asking);
      const cookies = answers.map(({ headers }) => String(headers['set-cookie']));
      expect(answers.map(({ body }) => `visitor=${body.run}`)).toEqual(cookies);
      expect(new Set(cookies).size).toBe(5);
      expect(runs).toEqual({ 'gate/cookie': 5 });
    });
  });

  describe('a failing handler', () => {
    it('fails all who waited for it, and runs once', async () => {
      const app = await startApp();
      await trusted(engineOf(app));
      const asking = Array.from({ length: 5 }, () => get(app, '/gate/failing').then((response) => response));
      await eventually(() => arrivals === 5 && gate.runs() === 1);
      gate.open();
      for (const { status, body } of await Promise.all(asking)) {
        expect([status, body.message]).toEqual([418, 'run 1']);
      }
    });
  });

  describe('a slow handler', () => {
    it('still answers its request after the hard timeout of the cache', async () => {
      const app = await startApp({ caches: { http: { hardTimeout: 1 } } });
      const asking = get(app, '/gate').then((response) => response);
      await eventually(() => gate.runs() === 1);
      gate.open();
      expect((await asking).body).toEqual({ run: 1, value: 'opened' });
    });
  });

  describe('several processes', () => {
    it('share what one of them stored', async () => {
      const namespace = uniqueNamespace();
      const [first, second] = [await startApp({ namespace }), await startApp({ namespace })];
      const headers = { Host: 'shop.example' };
      await get(first, '/items', headers);
      expect((await get(second, '/items', headers)).headers['cache-status']).toMatch(/detail=l2$/);
      expect(runs).toEqual({ items: 1 });
    });
  });

  describe('without Redis', () => {
    it('runs the handler once per request, and never answers 5xx', async () => {
      const redis = await startRedis();
      try {
        const app = await startApp({ connection: { url: redis.url } });
        await get(app, '/items');
        await redis.pause();
        expect((await get(app, '/items/1')).body).toEqual({ run: 1, id: '1' });
        await redis.resume();
        await redis.kill();
        const answers = [];
        for (const id of [2, 3, 4]) answers.push(await get(app, `/items/${id}`));
        expect(answers.map(({ status, body }) => [status, body.run])).toEqual([
          [200, 2],
          [200, 3],
          [200, 4],
        ]);
        expect((await get(app, '/me', as('alice'))).body.name).toBe('alice');
      } finally {
        await redis.stop();
      }
    });
  });

  describe('with a Redis that is full', () => {
    it('runs the handler once per request, and never answers 5xx', async () => {
      const redis = await startRedis();
      try {
        const app = await startApp({ connection: { url: redis.url } });
        await get(app, '/items');
        const client = new Redis(redis.url);
        await client.config('SET', 'maxmemory', '1');
        client.disconnect();
        const answers = [await get(app, '/items/1'), await get(app, '/items/1'), await get(app, '/items')];
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
        expect(answers.map(({ body }) => body.run)).toEqual([1, expect.any(Number), 1]);
        expect(runs['item']).toBe(answers[1]?.body.run);
      } finally {
        await redis.stop();
      }
    });
  });

  describe('other interceptors', () => {
    it('outside get the value to work on, from the handler and from the cache', async () => {
      const app = await startApp({ global: [new Envelope()] });
      const first = await get(app, '/items');
      const second = await get(app, '/items');
      expect(first.body).toEqual({ data: { run: 1, query: {} } });
      expect(second.text).toBe(first.text);
      expect(second.headers['cache-status']).toContain('rcache; hit');
      expect((await get(app, '/text')).body).toEqual({ data: 'run 1 ü' });
    });

    it('outside keep the classes they look at: such answers are not stored', async () => {
      const app = await startApp({ providers: [{ provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor }] });
      for (const response of [await get(app, '/controlled/account'), await get(app, '/controlled/account')]) {
        expect(response.body).toEqual({ name: 'alice' });
      }
      expect(runs).toEqual({ account: 2 });
    });

    it('inside are part of what is stored, and a second cache on the route does nothing', async () => {
      const app = await startApp({
        providers: [
          { provide: APP_INTERCEPTOR, useClass: HttpCacheInterceptor },
          { provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor },
        ],
      });
      await request(app.getHttpServer()).head('/controlled/account');
      expect(asked(app)).toEqual({ misses: 1, hits: 0 });
      runs = {};
      for (const response of [await get(app, '/controlled/account'), await get(app, '/controlled/account')]) {
        expect(response.body).toEqual({ name: 'alice' });
        expect(response.headers.etag).toMatch(/^"/);
      }
      expect(runs).toEqual({ account: 1 });
    });

    it('see other protocols pass untouched', async () => {
      const app = await startApp();
      const [engine, host, contexts] = [engineOf(app), app.get(HttpAdapterHost), app.get(ExternalContextCreator)];
      const interceptor = new HttpCacheInterceptor(engine, host, contexts);
      const answer = of('answer');
      for (const type of ['graphql', 'rpc', 'ws']) {
        const context = { getType: () => type } as unknown as ExecutionContext;
        expect(await interceptor.intercept(context, { handle: () => answer })).toBe(answer);
      }
    });
  });
});

it('the responses of the admin page are cached by nobody, wherever the cache is bound', () => {
  class AdminGuard {}
  const { controllers = [] } = RedisCacheModule.forRoot({ admin: { guards: [AdminGuard] } } as never);
  expect(controllers.map((each) => Reflect.getMetadata(HTTP_CACHE_METADATA, each) as unknown)).toEqual([false]);
});
