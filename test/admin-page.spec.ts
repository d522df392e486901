// First, so that its pages are closed before the applications they show.
import { openPage } from './support/chromium.js';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineCache, defineWarmer, SessionService, WarmUpService } from 'nestjs-rcache';
import type { Page } from 'playwright-core';
import { type AdminApp, PASSWORD, startAdminApp, USERS } from './support/admin-app.js';
import { eventually } from './support/eventually.js';
import { ADAPTERS } from './support/http-app.js';
import { ROOT } from './support/pages.js';
import { sessionKeys } from './support/sessions.js';

const PAGE = join(ROOT, 'libs/redis-cache/page');
const MAX_BYTES = 60 * 1024;
const AXE = require.resolve('axe-core/axe.min.js');
const ROUNDS = 20;
/** Of the history. */
const STEP_MS = 5_000;
const users = defineCache({ name: 'users', key: (id: number) => ['user', id], tags: (id) => [`user:${id}`] });
const prices = defineCache({ name: 'prices', key: (id: number) => ['price', id] });

const as = (username: string): { httpCredentials: { username: string; password: string } } => ({
  httpCredentials: { username, password: PASSWORD },
});

/** Something to look at: one cache that earns its keep, and one that does not, for two minutes of the history. */
async function busy({ engine, admin }: AdminApp): Promise<void> {
  const load = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return 1;
  };
  const beganAtMs = Date.now() - ROUNDS * STEP_MS;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const id of [1, 2, 3]) await engine.cache(users).for(id).getOrSet(load);
    await engine.cache(prices).for(round).getOrSet(load);
    if (round % 4 === 0) await engine.cache(prices).for(0).get();
    const then = jest.spyOn(Date, 'now').mockReturnValue(beganAtMs + round * STEP_MS);
    await admin.refresh();
    then.mockRestore();
  }
}

async function cellOf(page: Page, cache: string, column: number): Promise<string> {
  return page.locator(`#caches tr[data-key="${cache}"] > :nth-child(${column})`).innerText();
}

/** Figures of three steps, so that charts have lines: the page shows what the server tells. */
async function withHistory(page: Page): Promise<void> {
  await page.route('**/api/history*', async (route) => {
    const count = 60;
    const steps = Array.from({ length: count }, (_, index) => index);
    const wave = (from: number, by: number): number[] => steps.map((step) => from + by * Math.sin(step / 6));
    const quantiles = (factor: number): object[] =>
      steps.map((step) => ({
        p50Ms: 0.3 * factor,
        p95Ms: (1.1 + 0.3 * Math.sin(step / 5)) * factor,
        p99Ms: (2.4 + Math.sin(step / 4)) * factor,
      }));
    const requests = wave(5000, 1800);
    const json = {
      stepMs: 5000,
      atMs: steps.map((step) => 1_700_000_000_000 + step * 5000),
      total: {
        requests,
        hits: requests.map((each, step) => each * (0.93 + 0.04 * Math.sin(step / 9))),
        loads: requests.map((each) => each * 0.06),
        loadErrors: steps.map((step) => (step % 20 === 7 ? 12 : 0)),
        savedSeconds: wave(210, 60),
      },
      read: quantiles(1),
      load: quantiles(20),
    };
    await route.fulfill({ json });
  });
}

/** What axe, which has to run in the page already, finds wrong with it. */
function violationsOf(page: Page): Promise<unknown[]> {
  return page.evaluate<unknown[]>(
    'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))',
  );
}

it('weighs at most 60 KB gzipped, all of it', () => {
  const files = [
    'page.html',
    'page.css',
    'page.js',
    'dom.js',
    'charts.js',
    'panels.js',
    'actions.js',
    'examination.js',
    'look-up.js',
    'orders.js',
    'uplot.js',
    'uplot.css',
  ];
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(PAGE, file))).length, 0);
  expect(bytes).toBeLessThan(MAX_BYTES);
});

it.each([
  ['uplot.js', 'dist/uPlot.iife.min.js'],
  ['uplot.css', 'dist/uPlot.min.css'],
  ['uplot.LICENSE', 'LICENSE'],
])('has %s as uPlot has it', (ours, theirs) => {
  const uplot = join(ROOT, 'node_modules/uplot', theirs);
  expect(readFileSync(join(PAGE, ours), 'utf8')).toBe(readFileSync(uplot, 'utf8'));
});

describe.each(ADAPTERS)('the admin page on %s', (_name, createAdapter) => {
  it('opens, shows the worst cache first, and follows what happens', async () => {
    const app = await startAdminApp({ createAdapter, prepare: (each) => each.setGlobalPrefix('internal') });
    await busy(app);
    const { page, complaints } = await openPage(`${app.url}/internal/admin/cache`, as('ops'));
    await eventually(async () => (await page.locator('#caches tbody tr').count()) === 3);
    expect(await page.locator('#caches tbody tr').first().getAttribute('data-key')).toBe('prices');
    expect(await page.locator('#namespace').innerText()).toBe(app.engine.namespace);
    const before = await cellOf(page, 'users', 4);
    for (let count = 0; count < 5; count += 1) await app.engine.cache(users).for(1).get();
    await eventually(async () => {
      expect(Number(await cellOf(page, 'users', 4))).toBe(Number(before) + 5);
    }, 10_000);
    await app.engine.cache(users).invalidateTags(['user:3']);
    await page.locator('#activity', { hasText: 'user:3' }).waitFor();
    expect(complaints).toEqual([]);
  });
});

describe('the admin page', () => {
  it('invalidates after a preview and a confirmation, and not without', async () => {
    const app = await startAdminApp();
    await busy(app);
    const entry = app.engine.cache(users).for(1);
    const { page, complaints } = await openPage(`${app.url}/admin/cache`, as('ops'));
    await eventually(async () => (await page.locator('#invalidate select[name=cache] option').count()) > 1);
    await page.selectOption('#invalidate select[name=kind]', 'cache');
    await page.selectOption('#invalidate select[name=cache]', 'users');
    await page.click('#invalidate button');
    await page.waitForSelector('#confirm[open]');
    expect(await page.locator('#confirm-what').innerText()).toBe('Every entry of cache "users" is invalidated.');
    expect(await page.locator('#confirm-count').innerText()).toBe('About 3 entries, by an estimate.');
    expect(await page.locator('#confirm button.danger').isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    await page.waitForSelector('#confirm:not([open])', { state: 'attached' });
    expect(await entry.get()).toBe(1);

    await page.click('#invalidate button');
    await page.fill('#confirm input', 'users');
    await page.click('#confirm button.danger');
    await page.locator('#result', { hasText: /^Done.$/ }).waitFor();
    expect(await entry.get()).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  it('looks up an entry, warms, and can be used with the keyboard alone', async () => {
    const app = await startAdminApp({ admin: { guards: [USERS], topKeys: 10 } });
    app.app.get(WarmUpService).use(defineWarmer(users), { entries: () => [1, 2], load: (id: number) => id });
    await busy(app);
    const { page, complaints } = await openPage(`${app.url}/admin/cache`, as('ops'));
    await page.waitForSelector('#caches tr[data-key="users"] button');
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').getAttribute('class')).toBe('skip');
    await page.focus('#caches tr[data-key="users"] button');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#top-keys:not([hidden])');
    // Choosing a cache leads to the field for a key of it.
    await page.keyboard.type('["user",1]');
    await page.keyboard.press('Enter');
    await page.locator('#entry', { hasText: 'yes, fresh' }).waitFor();
    await page.locator('#entry-tags', { hasText: /tag user:1: current/ }).waitFor();
    expect(await page.locator('#entry').innerText()).not.toContain('Value');
    await page.locator('#warm-ups button', { hasText: 'Warm users' }).press('Enter');
    await page.locator('#activity', { hasText: 'warm-up' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('offers nothing to those who may not act, and the server refuses them', async () => {
    const app = await startAdminApp();
    await busy(app);
    // Only our own script below is what the policy of the page would not let in.
    const { page } = await openPage(`${app.url}/admin/cache`, { ...as('viewer'), bypassCSP: true });
    await page.locator('#who', { hasText: /^viewer, may only look$/ }).waitFor();
    expect(await page.locator('#invalidate').innerText()).toContain('You may look, not act.');
    expect(await page.locator('#invalidate button').count()).toBe(0);
    const status = await page.evaluate(`fetch(document.body.dataset.base + '/api/actions/preview', {
      method: 'POST', body: '{"kind":"namespace"}',
      headers: { 'content-type': 'application/json', 'x-rcache-admin': '1' },
    }).then((response) => response.status)`);
    expect(status).toBe(403);
    expect(await app.engine.cache(users).for(1).get()).toBe(1);
  });

  it('lists keys, and explains the one that is chosen', async () => {
    const app = await startAdminApp();
    await busy(app);
    const { page, complaints } = await openPage(`${app.url}/admin/cache`, as('viewer'));
    await eventually(async () => (await page.locator('#keys select[name=cache] option').count()) > 1);
    await page.selectOption('#keys select[name=cache]', 'users');
    await page.click('#keys button');
    await page.locator('#key-count', { hasText: '3 keys, the last.' }).waitFor();
    await page.locator('#key-list button', { hasText: '/user/~n2' }).click();
    await page.locator('#entry', { hasText: '/user/~n2' }).waitFor();
    await page.locator('#entry', { hasText: /json, 1 B, version 2/ }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('bypasses a cache for a while, with a banner that says for how long, and ends it', async () => {
    const app = await startAdminApp();
    await busy(app);
    const { page, complaints } = await openPage(`${app.url}/admin/cache`, as('ops'));
    await eventually(async () => (await page.locator('#order select[name=cache] option').count()) > 1);
    expect(await page.locator('#orders').isHidden()).toBe(true);
    await page.selectOption('#order select[name=cache]', 'users');
    await page.selectOption('#order select[name=seconds]', '300');
    await page.click('#order button');
    await page.waitForSelector('#confirm[open]');
    expect(await page.locator('#confirm-what').innerText()).toContain('For 300 s loaders answer every read');
    await page.fill('#confirm input', 'users');
    await page.click('#confirm button.danger');
    await page.locator('#orders', { hasText: 'Cache users is bypassed everywhere, for' }).waitFor();
    expect(await page.locator('#orders time').innerText()).toMatch(/^(?:[45]|4\.\d+) min$/);
    expect(app.engine.cache(users).isBypassed).toBe(true);
    await page.click('#orders button');
    await page.locator('#result', { hasText: 'Ended: everywhere.' }).waitFor();
    await eventually(() => page.locator('#orders').isHidden(), 10_000);
    expect(app.engine.cache(users).isBypassed).toBe(false);
    expect(complaints).toEqual([]);
  });

  it('holds a breaker, and shows what the doctor finds and which tags there are', async () => {
    const app = await startAdminApp();
    await busy(app);
    const { page, complaints } = await openPage(`${app.url}/admin/cache`, as('ops'));
    await page.locator('#findings', { hasText: 'maxmemory is 0' }).waitFor();
    await page.locator('#servers', { hasText: /redis \d+\.\d+/ }).waitFor();
    await page.click('#sample');
    await page.locator('#tag-sample tr[data-key="user:1"]').waitFor();
    await eventually(async () => (await page.locator('#order select[name=connection] option').count()) === 1);
    await page.selectOption('#order select[name=kind]', 'breaker open');
    await page.click('#order button');
    await page.fill('#confirm input', 'default');
    await page.click('#confirm button.danger');
    await page.locator('#orders', { hasText: 'The breaker of default is held open in this process' }).waitFor();
    expect(app.engine.connectionStates()[0]?.breaker).toBe('open');
    expect(complaints).toEqual([]);
  });

  it('lists the sessions of a user, and ends one', async () => {
    const app = await startAdminApp({ module: { session: sessionKeys } });
    const sessions = app.app.get(SessionService);
    const phone = await sessions.create({}, { userId: '42', userAgent: 'Phone' });
    const laptop = await sessions.create({}, { userId: '42', userAgent: 'Laptop' });
    const { page, complaints } = await openPage(`${app.url}/admin/cache`, as('ops'));
    await page.fill('#user-sessions input', '42');
    await page.click('#user-sessions > button');
    await page.locator('#session-list', { hasText: 'Laptop' }).waitFor();
    expect(await page.content()).not.toContain(phone.handle);
    await page.locator('#session-list button', { hasText: phone.handle.slice(0, 8) }).click();
    await page.click('#confirm button.danger');
    await eventually(async () => !(await page.locator('#session-list').innerText()).includes('Phone'));
    expect(await sessions.get(phone.id)).toBeUndefined();
    expect(await sessions.get(laptop.id)).toBeDefined();
    expect(complaints).toEqual([]);
  });

  it.each(['light', 'dark'] as const)(
    'keeps nobody out of its dialog and its banner, when it is %s',
    async (colorScheme) => {
      const app = await startAdminApp();
      await busy(app);
      const options = { ...as('ops'), colorScheme, bypassCSP: true };
      const { page, complaints } = await openPage(`${app.url}/admin/cache`, options);
      await eventually(async () => (await page.locator('#order select[name=cache] option').count()) > 1);
      await page.evaluate(readFileSync(AXE, 'utf8'));
      await page.selectOption('#invalidate select[name=kind]', 'namespace');
      await page.click('#invalidate button');
      await page.waitForSelector('#confirm[open]');
      expect(await violationsOf(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.selectOption('#order select[name=cache]', 'users');
      await page.click('#order button');
      await page.fill('#confirm input', 'users');
      await page.click('#confirm button.danger');
      await page.locator('#orders button').waitFor();
      expect(await violationsOf(page)).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  it('does not open for strangers', async () => {
    const { url } = await startAdminApp();
    const { page } = await openPage(`${url}/admin/cache`, as('nobody'));
    expect(await page.locator('#caches').count()).toBe(0);
  });

  it.each(['light', 'dark'] as const)(
    'keeps nobody out and looks as in the docs, when it is %s',
    async (colorScheme) => {
      const app = await startAdminApp({
        admin: { guards: [USERS], topKeys: 10 },
        module: { alerts: true, namespace: `shop-${process.pid}-${colorScheme}`, session: sessionKeys },
      });
      app.app.get(WarmUpService).use(defineWarmer(users), { entries: () => [1, 2], load: (id: number) => id });
      await busy(app);
      await app.engine.cache(users).invalidateTags(['user:3']);
      const { page, complaints } = await openPage('about:blank', { ...as('ops'), colorScheme, bypassCSP: true });
      await withHistory(page);
      await page.goto(`${app.url}/admin/cache`);
      await page.waitForSelector('.chart canvas');
      await page.click('#caches tr[data-key="users"] button');
      await page.waitForSelector('#top-keys:not([hidden])');
      await page.fill('#look-up input', '["user",1]');
      await page.click('#look-up button');
      await page.selectOption('#keys select[name=cache]', 'users');
      await page.click('#keys button');
      await page.click('#sample');
      await app.app.get(SessionService).create({}, { userId: '42', userAgent: 'Phone' });
      await page.fill('#user-sessions input', '42');
      await page.click('#user-sessions > button');
      await page.locator('#session-list', { hasText: 'Phone' }).waitFor();
      await page.locator('#tag-sample tr[data-key="user:1"]').waitFor();
      await page.locator('#key-list button').first().waitFor();
      await page.locator('#entry-tags li').first().waitFor();
      for (const summary of await page.locator('details > summary').all()) await summary.click();
      for (const table of await page.locator('details table').all()) {
        await eventually(async () => (await table.locator('tbody tr').count()) > 2);
      }
      // A script of ours, which the policy of the page would not let in: it runs beside the page.
      const axe = readFileSync(AXE, 'utf8');
      await page.evaluate(axe);
      expect(await violationsOf(page)).toEqual([]);
      expect(complaints).toEqual([]);
      if (process.env.UPDATE_IMAGES !== undefined) {
        for (const summary of await page.locator('details > summary').all()) await summary.click();
        // Nobody's machine is in the docs.
        await page.evaluate(`document.getElementById('namespace').textContent = 'shop';
          document.querySelector('#connections tbody th').textContent = 'web-1 4711 (this), default';
          scrollTo(0, 0)`);
        mkdirSync(join(ROOT, 'docs/images'), { recursive: true });
        await page.screenshot({ path: join(ROOT, `docs/images/admin-${colorScheme}.png`), fullPage: true });
      }
    },
  );
});
