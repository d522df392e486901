import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Headers,
  Ip,
  Logger,
  Post,
  Query,
  Req,
  RequestMethod,
  Res,
  Sse,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { concat, NEVER, type Observable, of } from 'rxjs';
import { HttpCache } from '../libs/redis-cache/src/http/http-cache.decorator.js';
import { HttpCacheInterceptor } from '../libs/redis-cache/src/http/http-cache.interceptor.js';
import { HttpInvalidate } from '../libs/redis-cache/src/http/http-invalidate.decorator.js';
import type { HttpRequest } from '../libs/redis-cache/src/http/http-message.js';
import { SharedRoutesCheck } from '../libs/redis-cache/src/http/shared-routes-check.js';
import { ADAPTERS, startHttpApp } from './support/http-app.js';

type AppRequest = HttpRequest & { user?: { id: string }; ip: string; body: unknown; cookies?: unknown };

class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const incoming = context.switchToHttp().getRequest<AppRequest>();
    const { authorization } = incoming.headers;
    if (authorization !== undefined) incoming.user = { id: authorization };
    const account = incoming.headers['x-forwarded-account'];
    if (account !== undefined) Object.assign(incoming, { account });
    return true;
  }
}

let runs = 0;

@Controller('reads')
@UseGuards(TokenGuard)
@UseInterceptors(HttpCacheInterceptor)
class ReadsController {
  @Get('header')
  @HttpCache()
  header(@Headers('x-theme') theme = 'none') {
    return { run: ++runs, theme };
  }

  @Get('all-headers')
  @HttpCache()
  allHeaders(@Headers() headers: object) {
    return { run: ++runs, count: Object.keys(headers).length };
  }

  @Get('echoed-headers')
  @HttpCache()
  echoedHeaders(@Headers() headers: object) {
    return { run: ++runs, headers };
  }

  @Get('conditions')
  @HttpCache({ scope: 'response' })
  conditions(@Headers() headers: Record<string, string>, @Res({ passthrough: true }) response: any) {
    response.header('Cache-Control', 'max-age=60');
    return ['if-none-match', 'if-modified-since', 'range'].map((name) => headers[name] ?? null);
  }

  @Get('agent')
  @HttpCache()
  agent(@Req() incoming: AppRequest & { raw?: AppRequest }) {
    return { run: ++runs, agent: (incoming.raw ?? incoming).headers['user-agent'] };
  }

  @Get('query')
  @HttpCache({ query: ['page'] })
  query(@Query('page') page = '1', @Query('debug') debug = 'off') {
    return { run: ++runs, page, debug };
  }

  @Get('url')
  @HttpCache({ query: ['page'] })
  url(@Req() incoming: AppRequest) {
    return { run: ++runs, url: incoming.url };
  }

  @Get('user')
  @HttpCache({ scope: 'public' })
  user(@Req() incoming: AppRequest) {
    return { run: ++runs, id: incoming.user?.id ?? 'nobody' };
  }

  @Get('ip')
  @HttpCache()
  ip(@Ip() ip: string) {
    return { run: ++runs, ip };
  }

  @Get('keyed')
  @HttpCache({ vary: ['X-Theme'], query: ['page'] })
  keyed(
    @Headers('x-theme') theme: string,
    @Query() query: object,
    @Req() incoming: AppRequest,
    @Headers('cookie') cookie: string | undefined,
  ) {
    const { protocol, hostname, user } = incoming;
    return { run: ++runs, theme, query, protocol, hostname, user, cookie, host: incoming.headers.host };
  }

  @Get('mine')
  @HttpCache({ scope: ({ user }: AppRequest) => user?.id })
  mine(@Req() incoming: AppRequest) {
    return { run: ++runs, id: incoming.user?.id, token: incoming.headers.authorization };
  }

  @Get('same')
  @HttpCache({ scope: ({ user }: AppRequest) => user?.id })
  same() {
    return 'same for all';
  }

  @Get('echo')
  @HttpCache()
  echo(@Body() body: unknown) {
    return { run: ++runs, body };
  }
}

@Controller('products')
@UseInterceptors(HttpCacheInterceptor)
class ProductsController {
  @Get()
  @HttpCache({ scope: 'public', tags: ['products', 'a "b"', 'grün'] })
  list() {
    return { run: ++runs };
  }

  @Get(':id')
  @HttpCache({ scope: 'public', vary: ['X-Theme'] })
  one() {
    return { run: ++runs };
  }

  @Sse('events', { method: RequestMethod.POST })
  events(): Observable<object> {
    return concat(of({ data: 'first' }), NEVER);
  }

  @Post(':id')
  change(
    @Query('fail') fail: string | undefined,
    @Query('at') at: string | undefined,
    @Res({ passthrough: true }) response: any,
  ) {
    if (fail === 'throw') throw new Error('refused');
    if (fail !== undefined) response.status(422);
    if (at !== undefined) response.header('Location', at);
    return {};
  }
}

@Controller('orders')
class OrdersController {
  @Post()
  @HttpInvalidate({ tags: (_request: HttpRequest, { tags }: { tags: string[] }) => tags })
  create(@Query('fail') fail: string | undefined, @Res({ passthrough: true }) response: any) {
    if (fail === 'status') response.status(422);
    else if (fail !== undefined) throw new Error('refused');
    return { tags: ['products'] };
  }
}

/** What another server says, passed on: groups of its responses, and which of them a change has made old. */
@Controller('upstream')
@UseInterceptors(HttpCacheInterceptor)
class UpstreamController {
  @Get()
  @HttpCache({ scope: 'response' })
  read(@Query('groups') groups: string, @Query('vary') vary: string, @Res({ passthrough: true }) response: any) {
    response.header('Cache-Control', 'max-age=60');
    response.header('Cache-Groups', groups);
    response.header('Cache-Group-Invalidation', '"a"');
    if (vary !== undefined) response.header('Vary', vary);
    return { run: ++runs };
  }

  @Get('own')
  @HttpCache({ scope: 'public' })
  own(@Res({ passthrough: true }) response: any) {
    response.header('Cache-Groups', '"a"');
    return { run: ++runs };
  }
}

@Controller('changes')
@UseInterceptors(HttpCacheInterceptor)
class ChangesController {
  @Post()
  change(
    @Query('tells') tells: string,
    @Query('status') status: string | undefined,
    @Res({ passthrough: true }) response: any,
  ) {
    response.header('Cache-Group-Invalidation', tells);
    if (status !== undefined) response.status(Number(status));
    return {};
  }

  @Post('observed')
  observed(@Res({ passthrough: true }) response: any): Observable<number> {
    response.header('Cache-Group-Invalidation', '"a"');
    return of(1, 2);
  }

  @Post('ordered')
  @HttpInvalidate({ tags: ['orders'] })
  ordered(@Res({ passthrough: true }) response: any) {
    response.header('Cache-Group-Invalidation', '"a"');
    return {};
  }
}

const as = (name: string) => ({ authorization: name });

describe.each(ADAPTERS)('what a handler reads of its request on %s', (_name, createAdapter) => {
  beforeEach(() => {
    runs = 0;
  });

  const unkeyed = [
    ['a header', 'header', { 'x-theme': 'dark' }, 'headers.x-theme'],
    ['a header that is not there', 'header', {}, 'headers.x-theme'],
    ['all headers', 'all-headers', { 'user-agent': 'a' }, 'headers.user-agent'],
    ['a header of the request of Node', 'agent', { 'user-agent': 'a' }, 'headers.user-agent'],
    ['a query parameter', 'query?page=1&debug=on', {}, 'query.debug'],
    ['a query parameter that is not there', 'query?page=1', {}, 'query.debug'],
    ['the whole url', 'url?page=1', {}, 'url'],
    ['the user', 'user', as('alice'), 'user'],
    ['that there is no user, where all share', 'user', {}, 'user'],
    ['the address', 'ip', {}, 'ip'],
  ] as const;

  it.each(unkeyed)('throws during development when it is %s', async (_what, path, headers, name) => {
    const errors: string[] = [];
    const listener = jest.spyOn(Logger.prototype, 'error').mockImplementation((error: unknown) => {
      errors.push(String(error));
    });
    const { ask } = await startHttpApp(createAdapter, { controllers: [ReadsController] });
    expect((await ask(`/reads/${path}`, headers)).status).toBe(500);
    expect(errors.join()).toContain(`UnkeyedReadError: The handler read ${name} of the request`);
    listener.mockRestore();
  });

  it.each(unkeyed)('keeps the response from being stored in production when it is %s', async (_what, path, headers) => {
    const { ask } = await startHttpApp(createAdapter, {
      controllers: [ReadsController],
      http: { unkeyedReads: 'skip' },
    });
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    const answers = [await ask(`/reads/${path}`, headers), await ask(`/reads/${path}`, headers)];
    expect(warn.mock.calls.map(([message]) => String(message))).toEqual([expect.stringContaining('handler read')]);
    warn.mockRestore();
    expect(answers.map(({ status, text }) => [status, JSON.parse(text).run])).toEqual([
      [200, 1],
      [200, 2],
    ]);
  });

  it('is never what only one client asks: to have a part, or to hear only of news', async () => {
    const { ask } = await startHttpApp(createAdapter, { controllers: [ReadsController] });
    const conditions = {
      'if-none-match': '"x"',
      'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT',
      range: 'bytes=0-1',
    };
    const { status, text } = await ask('/reads/conditions', conditions);
    expect([status, text]).toEqual([206, '[n']);
    expect((await ask('/reads/conditions')).text).toBe('[null,null,null]');
  });

  it('is found in its answer, too, where it left the reading to others', async () => {
    const { ask } = await startHttpApp(createAdapter, { controllers: [ReadsController] });
    for (const run of [1, 2]) {
      const { text } = await ask('/reads/echoed-headers', { 'x-secret': `secret ${run}` });
      expect(JSON.parse(text)).toMatchObject({ run, headers: { 'x-secret': `secret ${run}` } });
    }
  });

  it('may be whatever the key tells, and query parameters beside those are not to be seen', async () => {
    const { ask } = await startHttpApp(createAdapter, { controllers: [ReadsController] });
    const first = await ask('/reads/keyed?page=2&utm=x', { 'x-theme': 'dark' });
    expect(JSON.parse(first.text)).toMatchObject({
      run: 1,
      theme: 'dark',
      query: { page: '2' },
      hostname: 'shop.example',
    });
    expect((await ask('/reads/keyed?utm=y&page=2', { 'x-theme': 'dark' })).text).toBe(first.text);
    expect(JSON.parse((await ask('/reads/keyed?page=2', { 'x-theme': 'light' })).text).run).toBe(2);
    expect(
      JSON.parse((await ask('/reads/keyed?page=2', { 'x-theme': 'dark', host: 'shop.example:81' })).text).run,
    ).toBe(3);
  });

  it('may be where it was asked, as told by a proxy that the app trusts', async () => {
    const trusting = _name === 'Fastify' ? () => new FastifyAdapter({ trustProxy: true }) : createAdapter;
    const { ask } = await startHttpApp(trusting, {
      controllers: [ReadsController],
      prepare: (app) => app.getHttpAdapter().getInstance().set?.('trust proxy', true),
    });
    const answers = [];
    for (const name of ['x', 'x-forwarded-host', 'x-forwarded-proto', 'x', 'x-forwarded-host', 'x-forwarded-proto']) {
      const { text } = await ask('/reads/keyed', { [name]: name === 'x-forwarded-proto' ? 'https' : 'inner.example' });
      const { run, protocol, hostname, host } = JSON.parse(text);
      answers.push([run, protocol, hostname, host]);
    }
    const three = [
      [1, 'http', 'shop.example', 'shop.example'],
      [2, 'http', 'inner.example', 'shop.example'],
      [3, 'https', 'shop.example', 'shop.example'],
    ];
    expect(answers).toEqual([...three, ...three]);
  });

  it('may be who asks where that is in the key', async () => {
    const { ask } = await startHttpApp(createAdapter, { controllers: [ReadsController] });
    const answers = [];
    for (const name of ['alice', 'bob', 'alice']) answers.push(JSON.parse((await ask('/reads/mine', as(name))).text));
    expect(answers).toEqual([
      { run: 1, id: 'alice', token: 'alice' },
      { run: 2, id: 'bob', token: 'bob' },
      { run: 1, id: 'alice', token: 'alice' },
    ]);
  });

  it('is nothing that a tag of another principal could confirm', async () => {
    const { ask } = await startHttpApp(createAdapter, { controllers: [ReadsController] });
    const [ofAlice, ofBob, again] = [
      await ask('/reads/same', as('alice')),
      await ask('/reads/same', as('bob')),
      await ask('/reads/same', as('alice')),
    ];
    expect([ofBob.text, again.cache.slice(0, 11)]).toEqual([ofAlice.text, 'rcache; hit']);
    expect(ofBob.headers.etag).toEqual(expect.any(String));
    expect(ofBob.headers.etag).not.toBe(ofAlice.headers.etag);
    expect(again.headers.etag).toBe(ofAlice.headers.etag);
    const guess = { ...as('bob'), 'if-none-match': String(ofAlice.headers.etag) };
    expect((await ask('/reads/same', guess)).status).toBe(200);
  });

  it('is nothing of anybody who shows a header that the app calls a credential', async () => {
    const { ask } = await startHttpApp(createAdapter, {
      controllers: [ReadsController],
      http: { credentialHeaders: ['X-Session'] },
    });
    for (const run of [1, 2]) {
      const { text, cache } = await ask('/reads/header', { 'x-session': 'alice' });
      expect([JSON.parse(text).run, cache]).toEqual([run, 'rcache; fwd=bypass; detail=credentials']);
    }
  });

  it('is nothing of anybody whom a guard has recognised by what is no credential', async () => {
    const { ask } = await startHttpApp(createAdapter, { controllers: [ReadsController] });
    for (const run of [1, 2]) {
      const { text, cache } = await ask('/reads/keyed', { 'x-forwarded-account': 'alice' });
      expect([JSON.parse(text).run, cache]).toEqual([run, 'rcache; fwd=bypass; detail=credentials']);
    }
  });

  it('is nothing at all to a cache that is switched off', async () => {
    const { ask } = await startHttpApp(createAdapter, {
      controllers: [ReadsController],
      engine: { connection: false, enabled: false },
    });
    for (const run of [1, 2]) {
      const { text, cache } = await ask('/reads/keyed', { cookie: 'a=b' });
      expect([JSON.parse(text).run, cache]).toEqual([2 * run - 1, '']);
      const shared = await ask('/reads/user');
      expect([JSON.parse(shared.text).run, shared.cache, shared.headers['cache-control']]).toEqual([
        2 * run,
        '',
        undefined,
      ]);
    }
  });

  it('leaves the request as it was', async () => {
    const seen: unknown[] = [];
    const { ask } = await startHttpApp(createAdapter, {
      controllers: [ReadsController],
      prepare: (app) => {
        const watch = ({ headers }: AppRequest): void => {
          seen.push({ ...headers });
        };
        if (_name === 'Express') {
          app.use((incoming: AppRequest, response: NodeJS.EventEmitter, next: () => void) => {
            response.on('finish', () => watch(incoming));
            next();
          });
        } else {
          app
            .getHttpAdapter()
            .getInstance()
            .addHook('onResponse', (incoming: AppRequest, _reply: unknown, done: () => void) => {
              watch(incoming);
              done();
            });
        }
      },
    });
    await ask('/reads/keyed', { 'x-theme': 'dark', 'if-none-match': '"x"', range: 'bytes=0-1' });
    expect(seen).toEqual([expect.objectContaining({ 'x-theme': 'dark', 'if-none-match': '"x"', range: 'bytes=0-1' })]);
  });
});

describe.each(ADAPTERS)('invalidation on %s', (_name, createAdapter) => {
  beforeEach(() => {
    runs = 0;
  });
  const start = (cacheGroups = false) =>
    startHttpApp(createAdapter, { controllers: [ProductsController, OrdersController], http: { cacheGroups } });

  it('follows a successful unsafe request to the path, whatever the query and the variant', async () => {
    const { ask } = await start();
    const asked = () =>
      Promise.all([ask('/products/1?a=1'), ask('/products/1', { 'x-theme': 'dark' }), ask('/products/2')]);
    await asked();
    expect(runs).toBe(3);
    await ask('/products/1', {}, 'POST');
    await asked();
    expect(runs).toBe(5);
  });

  it('follows a successful unsafe request to what its Location names', async () => {
    const { ask } = await start();
    await ask('/products/2');
    await ask('/products/1?at=/products/2', {}, 'POST');
    await ask('/products/2');
    expect(runs).toBe(2);
    await ask('/products/1?at=http://other.example/products/2', {}, 'POST');
    await ask('/products/2');
    expect(runs).toBe(2);
  });

  it.each(['throw', 'status'])('does not follow one that fails (%s)', async (fail) => {
    const { ask } = await start();
    await ask('/products/1');
    await ask(`/products/1?fail=${fail}`, {}, 'POST');
    await ask('/products/1');
    expect(runs).toBe(1);
  });

  it('by @HttpInvalidate follows success only, and needs no other interceptor', async () => {
    const { ask } = await start();
    await ask('/products');
    for (const fail of ['throw', 'status']) await ask(`/orders?fail=${fail}`, {}, 'POST');
    await ask('/products');
    expect(runs).toBe(1);
    expect((await ask('/orders', {}, 'POST')).headers).not.toHaveProperty('cache-group-invalidation');
    await ask('/products');
    expect(runs).toBe(2);
  });

  it('lets the events that an unsafe request asks for pass as they come', async () => {
    const { app } = await start();
    const answer = await fetch(`${await app.getUrl()}/products/events`, { method: 'POST' });
    const reader = answer.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('data: first');
    await reader?.cancel();
  });

  it('is told to caches in front by groups, where that is wanted', async () => {
    const { ask } = await start(true);
    for (const answer of [await ask('/products'), await ask('/products')]) {
      expect(answer.headers['cache-groups']).toBe('"products", "a \\"b\\""');
    }
    expect((await ask('/orders', {}, 'POST')).headers['cache-group-invalidation']).toBe('"products"');
    const { ask: askSilent } = await start();
    expect((await askSilent('/products')).headers).not.toHaveProperty('cache-groups');
  });
});

describe.each(ADAPTERS)('a response that tells which groups are old, on %s', (_name, createAdapter) => {
  beforeEach(() => {
    runs = 0;
  });
  const controllers = [UpstreamController, ChangesController, ProductsController];
  const start = (cacheGroups = false) => startHttpApp(createAdapter, { controllers, http: { cacheGroups } });
  const read = (groups: string, more = '') => `/upstream?groups=${encodeURIComponent(groups)}${more}`;
  const change = (tells: string, more = '') => `/changes?tells=${encodeURIComponent(tells)}${more}`;

  it('drops the responses that say they are in one of them, and no others', async () => {
    const { ask } = await start();
    const both = read('"b";x=1, "a \\"c\\""');
    const none = read('"B", "ab"');
    await Promise.all([ask(both), ask(none), ask('/upstream/own')]);
    expect((await ask(both)).headers['cache-groups']).toBe('"b";x=1, "a \\"c\\""');
    expect(runs).toBe(3);
    await ask(change('"b", "none"'), {}, 'POST');
    expect((await ask(both)).cache).toContain('fwd=uri-miss');
    await ask(change('"a \\"c\\""'), {}, 'POST');
    expect((await ask(both)).cache).toContain('fwd=uri-miss');
    for (const path of [none, '/upstream/own']) expect((await ask(path)).cache).toContain('hit');
    await ask('/changes/observed', {}, 'POST');
    expect((await ask('/upstream/own')).cache).toContain('fwd=uri-miss');
  });

  it('drops their variants, too', async () => {
    const { ask } = await start();
    const varied = read('"a"', '&vary=X-Theme');
    const asked = () => Promise.all(['dark', 'light'].map((theme) => ask(varied, { 'x-theme': theme })));
    await asked();
    expect((await asked()).map(({ cache }) => cache)).toEqual([
      expect.stringContaining('hit'),
      expect.stringContaining('hit'),
    ]);
    await ask(change('"a"'), {}, 'POST');
    expect((await asked()).map(({ cache }) => cache)).not.toContainEqual(expect.stringContaining('hit'));
  });

  it.each([
    ['answers a safe request', read('"other"'), 'GET', {}],
    ['answers an unsafe request that failed', change('"a"', '&status=422'), 'POST', {}],
    ['answers for another host', change('"a"'), 'POST', { host: 'other.example' }],
    ['holds a list that cannot be read', change('"a", "b'), 'POST', {}],
    ['names groups by what is no string', change('a, 1, ("a")'), 'POST', {}],
  ])('drops nothing where it %s', async (_what, path, method, headers) => {
    const { ask } = await start();
    await ask(read('"a"'));
    await ask(path, headers, method);
    expect((await ask(read('"a"'))).cache).toContain('hit');
  });

  it('drops what has them as tags where tags are groups', async () => {
    const { ask: askSilent } = await start();
    await askSilent('/products');
    await askSilent(change('"products"'), {}, 'POST');
    expect((await askSilent('/products')).cache).toContain('hit');
    const { ask } = await start(true);
    await ask('/products');
    await ask(change('"products"'), {}, 'POST');
    expect((await ask('/products')).cache).toContain('fwd=uri-miss');
  });

  it('is passed on, with the tags that @HttpInvalidate has dropped', async () => {
    const { ask } = await start(true);
    await ask(read('"a"'));
    const { headers } = await ask('/changes/ordered', {}, 'POST');
    expect(headers['cache-group-invalidation']).toBe('"a", "orders"');
    expect((await ask(read('"a"'))).cache).toContain('fwd=uri-miss');
  });

  it('is stored by nobody with more groups than an entry can have tags', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    const { ask } = await start();
    const list = (count: number) => Array.from({ length: count }, (_, index) => `"${index}"`).join(', ');
    await ask(read(list(64)));
    expect((await ask(read(list(64)))).cache).toContain('hit');
    await ask(read(list(65)));
    expect(await ask(read(list(65)))).toMatchObject({ status: 200, cache: expect.stringContaining('fwd=uri-miss') });
    expect(warn.mock.calls.join()).toContain('at most 64');
    warn.mockRestore();
  });
});

describe('the start of an app', () => {
  it('names the guarded routes that share their responses', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    await startHttpApp(ADAPTERS[0][1], {
      controllers: [ReadsController, ProductsController],
      providers: [SharedRoutesCheck],
    });
    const text = warn.mock.calls.map(([message]) => String(message)).join();
    warn.mockRestore();
    expect(text).toContain('ReadsController.user (public)');
    expect(text).toContain('ReadsController.header (anonymous)');
    expect(text).not.toContain('ReadsController.mine');
    expect(text).not.toContain('ProductsController');
  });
});
