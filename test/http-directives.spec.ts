import { Controller, Get, UseInterceptors } from '@nestjs/common';
import { HttpCache } from '../libs/redis-cache/src/http/http-cache.decorator.js';
import { HttpCacheInterceptor } from '../libs/redis-cache/src/http/http-cache.interceptor.js';
import { ADAPTERS, startHttpApp } from './support/http-app.js';

let runs = 0;

@Controller('news')
@UseInterceptors(HttpCacheInterceptor)
class NewsController {
  @Get()
  @HttpCache({ ttl: '1m', scope: 'public' })
  list() {
    return { run: ++runs };
  }
}

describe.each(ADAPTERS)('what a request asks of caches, on %s', (_name, createAdapter) => {
  beforeEach(() => {
    runs = 0;
  });

  async function start(requestDirectives?: boolean) {
    const http = requestDirectives === undefined ? {} : { requestDirectives };
    const { ask } = await startHttpApp(createAdapter, { controllers: [NewsController], http });
    return async (control?: string) => {
      const headers: Record<string, string> = control === undefined ? {} : { 'cache-control': control };
      const { status, text } = await ask('/news', headers);
      return status === 200 ? (JSON.parse(text) as { run: number }).run : status;
    };
  }

  it('is not heard unless the app says so: anybody could make the handler run', async () => {
    const ask = await start();
    expect(await ask('only-if-cached')).toBe(1);
    for (const control of ['no-cache', 'no-store', 'max-age=0', 'min-fresh=3600']) expect(await ask(control)).toBe(1);
  });

  it.each(['no-cache', 'max-age=0, max-stale', 'min-fresh=3600'])('makes the handler run: %s', async (control) => {
    const ask = await start(true);
    expect([await ask(), await ask(), await ask(control), await ask()]).toEqual([1, 1, 2, 2]);
  });

  it.each(['max-age=3600', 'min-fresh=1', 'max-stale', 'only-if-cached', 'extension'])(
    'is what the stored response is good for: %s',
    async (control) => {
      const ask = await start(true);
      expect([await ask(), await ask(control)]).toEqual([1, 1]);
    },
  );

  it('keeps a response to itself with no-store, and what is stored as it is', async () => {
    const ask = await start(true);
    expect([await ask('no-store'), await ask(), await ask('no-store'), await ask()]).toEqual([1, 2, 3, 2]);
  });

  it('is an error where only a stored response would do, and there is none', async () => {
    const ask = await start(true);
    expect(await ask('only-if-cached')).toBe(504);
    expect(runs).toBe(0);
    expect([await ask(), await ask('no-cache, only-if-cached')]).toEqual([1, 504]);
  });
});
