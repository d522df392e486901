import { ConflictException, Controller, Get, Header, Query, Res, UseInterceptors } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { HttpCache } from '../libs/redis-cache/src/http/http-cache.decorator.js';
import { HTTP_RESPONSES, HttpCacheInterceptor } from '../libs/redis-cache/src/http/http-cache.interceptor.js';
import { systemClock } from '../libs/redis-cache/src/time.js';
import { eventually } from './support/eventually.js';
import { ADAPTERS, startHttpApp } from './support/http-app.js';

interface Response {
  header(name: string, value: string): unknown;
  status(code: number): unknown;
}

interface State {
  runs: number;
  failure: 'none' | 'throws' | 'answers 503' | 'conflict' | 'answers no-store';
  meanwhile?: () => Promise<unknown>;
}

// Each app has its own: a refresh may outlive the test before.
let state: State;

@Controller()
@UseInterceptors(HttpCacheInterceptor)
class StaleController {
  readonly #state = state;

  @Get('refreshed')
  @Header('X-Static', 'static')
  @HttpCache({ ttl: 1, staleWhileRevalidate: '1h', headers: ['X-Run', 'X-Static'] })
  refreshed(@Res({ passthrough: true }) response: Response) {
    return this.#answer(response);
  }

  @Get('insured')
  @HttpCache({ ttl: 1, staleIfError: '1h', headers: ['X-Run'] })
  async insured(@Res({ passthrough: true }) response: Response, @Query() _query: object) {
    await this.#state.meanwhile?.();
    return this.#answer(response);
  }

  @Get('checked')
  @HttpCache({ scope: 'response' })
  async checked(@Res({ passthrough: true }) response: Response) {
    response.header('Cache-Control', 'no-cache');
    response.header('ETag', '"1"');
    await sleep(20);
    return this.#answer(response);
  }

  @Get('varied')
  @HttpCache({ scope: 'response' })
  async varied(@Res({ passthrough: true }) response: Response) {
    await this.#state.meanwhile?.();
    response.header('Cache-Control', 'max-age=60');
    response.header('Vary', 'X-Language');
    return this.#answer(response);
  }

  @Get('kept')
  @HttpCache({ ttl: '1m' })
  kept() {
    return {};
  }

  #answer(response: Response) {
    const { failure } = this.#state;
    const run = ++this.#state.runs;
    response.header('X-Run', String(run));
    if (failure === 'conflict') throw new ConflictException();
    if (failure === 'throws') throw new Error('The database is gone.');
    if (failure === 'answers 503') response.status(503);
    if (failure === 'answers no-store') response.header('Cache-Control', 'no-store');
    return { run };
  }
}

describe.each(ADAPTERS)('a stale response on %s', (_name, createAdapter) => {
  const start = () => startHttpApp(createAdapter, { controllers: [StaleController] });
  const runOf = (text: string): number => (JSON.parse(text) as { run: number }).run;

  beforeEach(() => {
    state = { runs: 0, failure: 'none' };
  });

  it('is answered at once with staleWhileRevalidate, and the handler makes the next one', async () => {
    const { ask } = await start();
    await ask('/refreshed');
    await sleep(2);
    const stale = await ask('/refreshed');
    expect([runOf(stale.text), stale.headers['x-run']]).toEqual([1, '1']);
    expect(stale.cache).toMatch(/^rcache; hit; ttl=-\d+; detail=l[12]$/);
    await eventually(() => state.runs >= 2);
    const next = await eventually(async () => {
      const answer = await ask('/refreshed');
      expect(runOf(answer.text)).toBeGreaterThan(1);
      return answer;
    });
    expect(next.headers).toMatchObject({ 'x-run': String(runOf(next.text)), 'x-static': 'static' });
  });

  it.each(['throws', 'answers 503'] as const)('stands in with staleIfError when the handler %s', async (how) => {
    const { ask } = await start();
    await ask('/insured');
    await sleep(2);
    state.failure = how;
    const answer = await ask('/insured');
    expect([answer.status, runOf(answer.text), answer.headers['x-run']]).toEqual([200, 1, '1']);
    expect(answer.cache).toBe('rcache; fwd=stale');
    expect(state.runs).toBe(2);
  });

  it("does not stand in for a client's error, and is gone with it", async () => {
    const { ask } = await start();
    await ask('/insured');
    await sleep(2);
    state.failure = 'conflict';
    expect((await ask('/insured')).status).toBe(409);
    state.failure = 'throws';
    expect((await ask('/insured')).status).toBe(500);
  });

  it("does not stand in for the handler's own error when it was invalidated meanwhile", async () => {
    const { ask, engine } = await start();
    await ask('/insured');
    await sleep(2);
    Object.assign(state, { failure: 'answers 503', meanwhile: () => engine.cache(HTTP_RESPONSES).clear() });
    const answer = await ask('/insured');
    expect([answer.status, answer.text, answer.cache]).toEqual([503, '{"run":2}', 'rcache; fwd=stale']);
    expect(state.runs).toBe(2);
  });

  it('is gone when what comes in its place may not be stored', async () => {
    const { ask } = await start();
    await ask('/refreshed');
    await sleep(2);
    state.failure = 'answers no-store';
    expect(runOf((await ask('/refreshed')).text)).toBe(1);
    await eventually(async () => {
      expect((await ask('/refreshed')).cache).toBe('rcache; fwd=uri-miss');
    });
  });

  it('is asked about at each use where its handler says so, however new it is', async () => {
    const { ask } = await startHttpApp(createAdapter, {
      controllers: [StaleController],
      engine: { connection: false },
      clock: { ...systemClock, nowMs: () => systemClock.nowMs() / 10_000 },
    });
    const together = await Promise.all([ask('/checked'), ask('/checked'), ask('/checked')]);
    expect(together.map(({ text }) => runOf(text)).sort()).toEqual([1, 2, 3]);
    const after = await ask('/checked');
    expect([runOf(after.text), after.cache.slice(0, 17)]).toEqual([4, 'rcache; fwd=stale']);
  });

  it('does not come back as a variant when it was invalidated while it was made', async () => {
    const { ask, engine } = await start();
    state.meanwhile = () => engine.cache(HTTP_RESPONSES).clear();
    expect(runOf((await ask('/varied')).text)).toBe(1);
    delete state.meanwhile;
    expect(runOf((await ask('/varied')).text)).toBe(2);
    const third = await ask('/varied');
    expect([runOf(third.text), third.cache.slice(0, 11)]).toEqual([2, 'rcache; hit']);
  });

  it('is told apart by events: what was answered, and how', async () => {
    const { ask, engine } = await start();
    const outcomes: string[] = [];
    engine.events.on('http', ({ outcome }) => outcomes.push(outcome));
    await ask('/insured');
    await sleep(2);
    await ask('/insured');
    await sleep(2);
    state.failure = 'throws';
    await ask('/insured');
    await ask('/insured', { cookie: 'a=b' });
    await ask('/kept');
    await ask('/kept');
    await ask('/kept', { cookie: 'a=b' });
    expect(outcomes).toEqual(['miss', 'revalidated', 'stale', 'miss', 'hit', 'bypass']);
  });

  it('is not answered when the handler works', async () => {
    const { ask } = await start();
    await ask('/insured');
    await sleep(2);
    const answer = await ask('/insured');
    expect([runOf(answer.text), answer.cache]).toEqual([2, 'rcache; fwd=stale; stored']);
  });

  it('is not answered where nobody stored one', async () => {
    const { ask } = await start();
    state.failure = 'throws';
    expect((await ask('/insured')).status).toBe(500);
  });
});
