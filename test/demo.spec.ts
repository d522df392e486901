// First, so that its pages are closed before the demo they show.
import { openPage } from './support/chromium.js';
import { mkdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { type RunningDemo, startDemo, stopDemo } from './support/demo.js';
import { buildOnce } from './support/demo-script.js';
import { eventually } from './support/eventually.js';
import { ROOT } from './support/pages.js';

const AXE = require.resolve('axe-core/axe.min.js');
const INSTANCES = ['app-1', 'app-2', 'no-cache'];

let demo: RunningDemo;

beforeAll(async () => {
  await buildOnce();
  demo = await startDemo();
}, 400_000);

afterAll(async () => {
  expect(await stopDemo()).toBe(0);
}, 30_000);

afterEach(async () => {
  const { failures } = (await (await get('/demo/state')).json()) as { failures: { name: string }[] };
  for (const { name } of failures) await switchFailure(name, false);
});

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${demo.url}${path}`, { headers });

const answeredBy = async (headers: Record<string, string> = {}): Promise<string | null> =>
  (await get('/health/live', headers)).headers.get('x-demo-answered-by');

function switchFailure(name: string, isOn: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${demo.url}/demo/failures/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-demo-control': 'test', ...headers },
    body: JSON.stringify({ isOn }),
  });
}

async function isOn(name: string): Promise<boolean> {
  const { failures } = (await (await get('/demo/state')).json()) as { failures: { name: string; isOn: boolean }[] };
  return failures.find((failure) => failure.name === name)!.isOn;
}

/** What an instance says of its Redis. */
async function breakerOf(instance: string): Promise<string> {
  const { details } = (await (await get('/health/ready', { 'x-demo-instance': instance })).json()) as any;
  return details.redisCache.connections.default.breaker;
}

describe('npm run demo', () => {
  it('prints addresses that answer', async () => {
    const addresses = [...demo.output.matchAll(/http:\/\/localhost:\d+\S*/g)].map(([address]) =>
      address.replace(/,$/, ''),
    );
    expect(addresses.length).toBeGreaterThanOrEqual(8);
    for (const address of addresses) {
      const isInstance = !address.startsWith(demo.url);
      const { status } = await fetch(isInstance ? `${address}/health/live` : address);
      expect([address, status]).toEqual([address, address.endsWith('/admin/cache') ? 401 : 200]);
    }
    const operator = Buffer.from(`operator:${demo.password}`).toString('base64');
    expect((await get('/admin/cache', { authorization: `Basic ${operator}` })).status).toBe(200);
  });
});

describe('the one address of the demo', () => {
  it('leads to the instances in turns, and to one when asked to', async () => {
    const turns = [await answeredBy(), await answeredBy(), await answeredBy(), await answeredBy()];
    expect(new Set(turns)).toEqual(new Set(['app-1', 'app-2']));
    expect([turns[0], turns[1]]).toEqual([turns[2], turns[3]]);
    for (const name of INSTANCES) expect(await answeredBy({ 'x-demo-instance': name })).toBe(name);
    expect((await get('/health/live', { 'x-demo-instance': 'nobody' })).status).toBe(404);
  });

  it('passes live events on as they come, and ends them with who listens', async () => {
    const authorization = `Basic ${Buffer.from(`operator:${demo.password}`).toString('base64')}`;
    // Each instance has room for 20.
    for (let listener = 0; listener < 50; listener++) {
      const ending = new AbortController();
      const init = { headers: { authorization }, signal: ending.signal };
      const { body } = await fetch(`${demo.url}/admin/cache/api/events`, init);
      const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      while (!text.includes('event: overview')) {
        const { value, done } = await reader.read();
        expect(done).toBe(false);
        text += value ?? '';
      }
      ending.abort();
    }
  });

  it('lets nobody write to the instance whose cache is off', async () => {
    const headers = { 'x-demo-instance': 'no-cache' };
    expect((await fetch(`${demo.url}/auth/logout`, { method: 'POST', headers })).status).toBe(405);
  });

  it('refuses switches that come from elsewhere, or make no sense', async () => {
    expect((await switchFailure('slow-redis', true, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await switchFailure('slow-redis', true, { origin: 'http://localhost:1' })).status).toBe(403);
    expect(
      (await fetch(`${demo.url}/demo/failures/slow-redis`, { method: 'POST', body: '{"isOn":true}' })).status,
    ).toBe(403);
    expect((await switchFailure('slow-redis', 'yes')).status).toBe(400);
    expect((await switchFailure('burn-redis', true)).status).toBe(404);
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      request(`${demo.url}/demo/state`, { headers: { host: 'evil.example' } }, ({ statusCode }) => resolve(statusCode))
        .on('error', reject)
        .end();
    });
    expect(rebound).toBe(403);
    expect(await isOn('slow-redis')).toBe(false);
  });

  it.each(['kill-redis', 'hang-redis', 'flap-redis'])('breaks Redis by %s, and mends it', async (name) => {
    expect((await switchFailure(name, true)).status).toBe(200);
    await eventually(async () => {
      expect(await breakerOf('app-1')).not.toBe('closed');
    }, 10_000);
    expect((await switchFailure(name, false)).status).toBe(200);
    await eventually(async () => {
      expect(await breakerOf('app-1')).toBe('closed');
    }, 10_000);
  });

  it('has one failure of Redis at a time', async () => {
    await switchFailure('slow-redis', true);
    await switchFailure('flush-redis', true);
    expect(await isOn('slow-redis')).toBe(false);
    expect(await isOn('flush-redis')).toBe(false);
  });
});

const story = async (options = {}): Promise<{ page: Page; complaints: string[] }> => {
  const opened = await openPage(demo.url, options);
  await opened.page.locator('#with dd', { hasText: /ms$/ }).first().waitFor();
  return opened;
};
const failedOf = async (page: Page, lane: string): Promise<number> =>
  Number(await page.locator(`#${lane} dd`).last().innerText());

describe('the page of the demo', () => {
  it('shows the same request with and without the cache, and in figures behind the plot', async () => {
    const { page, complaints } = await story();
    await page.click('summary');
    await eventually(async () => (await page.locator('#times tbody tr').count()) > 3, 10_000);
    expect(await page.locator('#times tbody tr').first().innerText()).toMatch(/ ms\t.* ms\tapp-[12]$/);
    expect(await page.locator('#plot canvas').count()).toBe(1);
    await eventually(async () => /^[\d,.]+ x$/.test(await page.locator('#gain').innerText()));
    await page.selectOption('#request', 'Permissions of a user');
    await eventually(async () => (await page.locator('#times tbody tr').count()) < 4, 10_000);
    expect(complaints).toEqual([]);
  }, 30_000);

  it('has a revocation travel from one instance to the other, and nobody allowed after it', async () => {
    const { page, complaints } = await story();
    for (const round of [1, 2]) {
      await page.click('#revoke');
      await eventually(async () => (await page.locator('#revocations tbody tr').count()) === 2 * round, 15_000);
    }
    for (const row of await page.locator('#revocations tbody tr').all()) {
      expect(await row.innerText()).toMatch(/\tapp-[12]\t0\t\d+\t[\d.,]+ ms$/);
    }
    expect(await page.locator('#verdict').innerText()).toContain('Both denied it with their first answer.');
    expect(complaints).toEqual([]);
  }, 40_000);

  it('breaks Redis at the press of a button, and answers go on', async () => {
    const { page, complaints } = await story();
    const button = page.locator('[data-failure=hang-redis]');
    await button.click();
    await page.locator('#instances tbody tr', { hasText: /app-1\s*away/ }).waitFor();
    expect(await button.getAttribute('aria-pressed')).toBe('true');
    expect(await isOn('hang-redis')).toBe(true);
    const rounds = await page.locator('#times tbody tr').count();
    await eventually(async () => (await page.locator('#times tbody tr').count()) > rounds + 2, 15_000);
    expect(await failedOf(page, 'with')).toBe(0);
    await button.click();
    await page.locator('#instances tbody tr', { hasText: /app-1\s*up\s*closed/ }).waitFor();
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    expect(complaints).toEqual([]);
  }, 60_000);

  it.each(['stop-postgres', 'fail-loader'])(
    'goes on with what is cached at %s, which fails without',
    async (name) => {
      const { page } = await story();
      await page.locator(`[data-failure=${name}]`).click();
      await page.locator('#without dd', { hasText: 'failed' }).waitFor();
      await eventually(async () => (await failedOf(page, 'without')) > 2, 15_000);
      expect(await failedOf(page, 'with')).toBe(0);
      await page.locator(`[data-failure=${name}]`).click();
      await page.locator('#without dd', { hasText: /ms$/ }).first().waitFor();
    },
    60_000,
  );

  it.each(['light', 'dark'] as const)(
    'keeps nobody out when it is %s',
    async (colorScheme) => {
      const { page, complaints } = await story({ colorScheme, bypassCSP: true });
      await page.click('#revoke');
      await page.locator('#revocations tbody tr').first().waitFor();
      await page.click('summary');
      await page.evaluate(readFileSync(AXE, 'utf8'));
      const violations = await page.evaluate<unknown[]>(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))',
      );
      expect(violations).toEqual([]);
      expect(complaints).toEqual([]);
      if (process.env.UPDATE_IMAGES !== undefined && colorScheme === 'light') {
        await page.click('summary');
        await page.locator('[data-failure=hang-redis]').click();
        await page.locator('#instances tbody tr', { hasText: /app-1\s*away/ }).waitFor();
        await page.locator('[data-failure=hang-redis]').click();
        await eventually(async () => (await page.locator('#times tbody tr').count()) >= 20, 60_000);
        mkdirSync(join(ROOT, 'docs/images'), { recursive: true });
        await page.screenshot({ path: join(ROOT, 'docs/images/demo.png'), fullPage: true });
      }
    },
    90_000,
  );
});
