import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { CACHE_ENGINE, type CacheEngine, getRedisToken, type RedisCacheModuleOptions } from 'nestjs-rcache';
import { optionsFromEnvironment } from 'nestjs-rcache/config';
import { type RedisServer, startRedis } from '../../scripts/servers.mjs';
import { startSentinel } from '../lab/sentinel.mjs';
import { Browser } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { ROOT } from '../support/pages.js';
import { testRedisUrl, uniqueNamespace } from '../support/servers.js';
import { sessionKeys } from '../support/sessions.js';
import {
  featureCache,
  preferencesCache,
  queryCache,
  requirementCache,
  validationCache,
} from './requirements/caches.js';
import { ENVIRONMENTS } from './requirements/environments.js';
import { QueriesService, ttlByCost } from './requirements/queries.service.js';
import { RequirementsModule } from './requirements/requirements.module.js';
import { RequirementsService } from './requirements/requirements.service.js';
import { ValidationService } from './requirements/validation.service.js';
import { startInstance, startInstances } from './support/applications.js';
import { cacheIn, hitRatioDuring, minutesLeft } from './support/caches.js';
import { ScenarioDatabase } from './support/database.js';
import { medianMs, mediansMs } from './support/measure.js';

const PROJECTS = 10;
const BUSY_PROJECTS = 5;
const ADMIN = 'user1@example.com';
const EDITOR = 'user2@example.com';

let database: ScenarioDatabase;
let redis: RedisServer | undefined;

beforeAll(async () => {
  database = await ScenarioDatabase.open('requirements');
}, 60_000);
afterEach(async () => {
  await redis?.stop();
  redis = undefined;
});
afterAll(() => database.close());

/** An instance that has read the features ahead, so that no query of that is counted. */
async function start(options: RedisCacheModuleOptions = {}): Promise<INestApplication> {
  const app = await startInstance(RequirementsModule, database.pool, options);
  if (options.enabled !== false) await warmed(app);
  return app;
}

async function startTwo(): Promise<[INestApplication, INestApplication]> {
  const instances = await startInstances(2, RequirementsModule, database.pool);
  await Promise.all(instances.map(warmed));
  return instances as [INestApplication, INestApplication];
}

async function warmed(app: INestApplication): Promise<void> {
  const projects = Array.from({ length: PROJECTS }, (_, index) => index + 1);
  const features = cacheIn(app, featureCache);
  await eventually(async () => (await Promise.all(projects.map((id) => features.for(id).has()))).every(Boolean));
}

async function logIn(app: INestApplication, email = EDITOR): Promise<Browser> {
  const browser = new Browser(app);
  expect((await browser.post('/login', { email })).status).toBe(204);
  return browser;
}

const change = (title: string, priority = 'must') => ({ title, document: { priority, rationale: 'Because' } });

describe('requirements management', () => {
  it('keeps requirements 1 h, features 15 min, validation results 2 h, queries 5 min, preferences 24 h', async () => {
    const app = await start();
    const browser = await logIn(app);
    for (const path of ['requirements/1/validation', 'projects/1/features', 'preferences', 'projects/1/coverage']) {
      expect((await browser.get(`/${path}`)).status).toBe(200);
    }
    const requirement = (await app.get(RequirementsService).find(1))!;
    expect(await minutesLeft(app, requirementCache, 1)).toBe(60);
    expect(await minutesLeft(app, featureCache, 1)).toBe(15);
    expect(await minutesLeft(app, validationCache, requirement)).toBe(120);
    expect(await minutesLeft(app, preferencesCache, 2)).toBe(24 * 60);
    await app.get(QueriesService).run('names', 1, 'select name from features where project_id = $1');
    expect(await minutesLeft(app, queryCache, 'names', 1)).toBe(5);
  });

  it('keeps the result of a query the longer, the more it costs', async () => {
    const app = await start();
    const slow = 'select name from features, pg_sleep(0.15) where project_id = $1';
    await app.get(QueriesService).run('slow', 1, slow);
    expect(await minutesLeft(app, queryCache, 'slow', 1)).toBe(15);
    expect([10, 100, 2_000].map(ttlByCost)).toEqual([undefined, '15m', '1h']);
  });

  it('validates a version of a document once, and a new version anew', async () => {
    const app = await start();
    const browser = await logIn(app);
    const validation = async () => (await browser.get('/requirements/20/validation')).body.isValid;
    expect([await validation(), await validation()]).toEqual([false, false]);
    expect(app.get(ValidationService).validations).toBe(1);
    await browser.send('PUT', '/requirements/20', change('Corrected'));
    expect([await validation(), await validation()]).toEqual([true, true]);
    expect(app.get(ValidationService).validations).toBe(2);
  });

  it.each(['development', 'test'] as const)('uses the cache as configured for %s', async (name) => {
    const variables = { ...ENVIRONMENTS[name], REDIS_URL: testRedisUrl(), CACHE_NAMESPACE: uniqueNamespace() };
    const { session: _, ...options } = optionsFromEnvironment(variables);
    const app = await start(options);
    await app.get(RequirementsService).find(1);
    expect(await database.queriesDuring(() => app.get(RequirementsService).find(1))).toBe(0);
  });

  it('uses the cache as configured for production, with Sentinel and TLS', async () => {
    const lab = await startSentinel({ tls: true });
    const { sentinels = [], sentinelName, tls, sentinelTls } = lab.connection;
    const options = optionsFromEnvironment({
      ...ENVIRONMENTS.production,
      REDIS_SENTINELS: sentinels.map(({ host, port }) => `${host}:${port}`).join(','),
      REDIS_SENTINEL_NAME: sentinelName,
      REDIS_USERNAME: undefined,
      REDIS_COMMAND_TIMEOUT: undefined,
    });
    expect(options.connection).toMatchObject({ tls: true });
    try {
      // The servers of the test have certificates of an authority of their own.
      const connection = { ...(options.connection as object), tls, ...(sentinelTls && { sentinelTls }) } as never;
      const app = await start({ ...options, connection, startTimeout: '20s' });
      await app.get(RequirementsService).find(1);
      expect(await database.queriesDuring(() => app.get(RequirementsService).find(1))).toBe(0);
      await app.close();
    } finally {
      await lab.stop();
    }
  }, 60_000);

  it('refuses a wrong environment at once, naming all that is wrong', () => {
    const wrong = { ...ENVIRONMENTS.production, REDIS_TLS: 'perhaps', CACHE_DEFAULT_TTL: 'soon' };
    expect(() => optionsFromEnvironment(wrong)).toThrow(
      /REDIS_TLS[\s\S]*CACHE_DEFAULT_TTL|CACHE_DEFAULT_TTL[\s\S]*REDIS_TLS/,
    );
  });

  it('seals sessions with AES-256, for 30 minutes, shares them, and ends them at logout on every instance', async () => {
    const namespace = uniqueNamespace();
    const [first, second] = (await startInstances(2, RequirementsModule, database.pool, { namespace })) as [
      INestApplication,
      INestApplication,
    ];
    expect(Buffer.from(sessionKeys.keys[0]!.split(':')[1]!, 'base64')).toHaveLength(32);
    const browser = await logIn(first, ADMIN);
    const there = browser.at(second);
    expect((await there.get('/preferences')).body).toEqual({ language: 'en', pageSize: 20 });

    const client = first.get<Redis>(getRedisToken());
    const [key] = await client.keys(`${namespace}:s:*`);
    const record = JSON.stringify(await client.hgetall(key!));
    expect(record).not.toContain('isAdmin');
    expect([...browser.cookies.values()].some((id) => `${key} ${record}`.includes(id))).toBe(false);
    expect(Math.round((await client.pttl(key!)) / 60_000)).toBe(30);

    const stolen = new Map(browser.cookies);
    expect((await browser.post('/logout')).status).toBe(204);
    there.cookies = stolen;
    expect((await there.get('/preferences')).status).toBe(401);
  });

  it('invalidates by events: who changed a requirement sees it at once, on every instance soon', async () => {
    const [first, second] = await startTwo();
    const here = await logIn(first);
    const there = here.at(second);
    const title = async (browser: Browser) => (await browser.get('/requirements/31')).body.title;
    expect([await title(here), await title(there)]).toEqual(['Requirement 31', 'Requirement 31']);
    await first.get(QueriesService).coverage(1);
    await here.send('PUT', '/requirements/31', change('Changed'));
    expect(await title(here)).toBe('Changed');
    await eventually(async () => (await title(there)) === 'Changed');
    expect(await database.queriesDuring(() => first.get(QueriesService).coverage(1))).toBe(1);
  });

  it('invalidates by hand: by pattern, by project, everything of a kind; for administrators only', async () => {
    const app = await start();
    const admin = await logIn(app, ADMIN);
    const requirements = app.get(RequirementsService);
    for (const id of [7, 41, 42, 43]) await requirements.find(id);
    await database.pool.query(`update requirements set title = 'Imported' where id in (41, 42, 43)`);
    const path = '/admin/cache/requirements?pattern=requirement:4*';
    expect((await (await logIn(app)).send('DELETE', path)).status).toBe(403);
    expect((await requirements.find(42))?.title).toBe('Requirement 42');
    expect((await admin.send('DELETE', path)).body).toMatchObject({ count: 3 });
    expect((await requirements.find(42))?.title).toBe('Imported');
    expect(await database.queriesDuring(() => requirements.find(7))).toBe(0);

    expect((await admin.send('DELETE', '/admin/cache/projects/2')).status).toBe(204);
    expect(await database.queriesDuring(() => requirements.features(2))).toBe(1);
    expect(await database.queriesDuring(() => requirements.features(3))).toBe(0);
    expect((await admin.send('DELETE', '/admin/cache/features')).status).toBe(204);
    expect(await database.queriesDuring(() => requirements.features(3))).toBe(1);
  });

  it('has the features of every project in the cache before anybody asks', async () => {
    const app = await start();
    const readAll = async () => {
      for (let id = 1; id <= PROJECTS; id++) await app.get(RequirementsService).features(id);
    };
    expect(await database.queriesDuring(readAll)).toBe(0);
  });

  it('has metrics that its dashboard draws and its alerts watch', async () => {
    const app = await start();
    const browser = await logIn(app);
    await browser.get('/requirements/1');
    await browser.get('/requirements/1');
    const metrics: string = (await browser.get('/metrics')).body;
    expect(metrics).toMatch(/^rcache_requests_total\{cache="requirements",result="miss"\} [1-9]/m);
    const read = (path: string) => readFileSync(join(ROOT, 'docker', path), 'utf8');
    for (const metric of ['rcache_requests_total', 'rcache_breaker_state']) {
      expect(metrics).toContain(metric);
      expect(read('grafana/dashboards/rcache.json')).toContain(metric);
      expect(read('prometheus/rcache.rules.yml')).toContain(metric);
    }
  });

  it('degrades when Redis hangs: every answer comes, and the breaker spares further waiting', async () => {
    redis = await startRedis();
    const app = await start({ connection: { url: redis.url } });
    const breaker = () => app.get<CacheEngine>(CACHE_ENGINE).connectionStates()[0]?.breaker;
    const requirements = app.get(RequirementsService);
    await redis.pause();
    for (let id = 100; id < 120; id++) expect(await requirements.find(id)).toMatchObject({ id });
    await eventually(() => breaker() !== 'closed');
    // A call that waited for Redis would take 250 ms.
    expect(await medianMs(21, (round) => requirements.find(200 + round))).toBeLessThan(60);
    await redis.resume();
    await eventually(() => breaker() === 'closed', 10_000);
    await requirements.find(300);
    expect(await database.queriesDuring(() => requirements.find(300))).toBe(0);
  }, 60_000);

  it('makes at least 50 % fewer queries, answers 40 % faster, and hits in more than 70 % of all reads', async () => {
    const app = await start();
    const without = await start({ enabled: false });
    const [cached, uncached] = [await logIn(app), await logIn(without)];
    const [before, after] = [new Run(uncached), new Run(cached)];
    const hitRatio = await hitRatioDuring(async () => {
      // In turns, so that whatever else the machine does slows both down.
      for (let first = 0; first < 400; first += 50) {
        await before.work(first, 50);
        await after.work(first, 50);
      }
    }, [app]);
    expect(after.queries).toBeLessThanOrEqual(before.queries * 0.5);
    expect(after.durationMs).toBeLessThanOrEqual(before.durationMs * 0.6);
    expect(hitRatio).toBeGreaterThan(0.7);
  }, 120_000);

  it('answers from the cache in less than 5 ms', async () => {
    const app = await start();
    await app.get(RequirementsService).find(1);
    expect(await medianMs(101, () => app.get(RequirementsService).find(1))).toBeLessThan(5);
    const fromRedis = () =>
      cacheIn(app, requirementCache).getOrSet('requirement:1', () => undefined, { consistency: 'strong' });
    expect(await medianMs(101, fromRedis)).toBeLessThan(5);
  });

  it('costs nothing when the cache is disabled', async () => {
    const app = await start({ enabled: false });
    const query = 'select name, requirements, passed from coverage where project_id = $1';
    const plain = () => database.pool.query(query, [1]);
    const disabled = () => app.get(QueriesService).coverage(1);
    const [plainMs, disabledMs] = await mediansMs(15, [plain, disabled]);
    expect(disabledMs! / plainMs!).toBeLessThan(1.5);
  });
});

/** What requests of one browser cost. */
class Run {
  queries = 0;
  durationMs = 0;

  constructor(private readonly browser: Browser) {}

  async work(first: number, count: number): Promise<void> {
    const startedAtMs = performance.now();
    this.queries += await database.queriesDuring(async () => {
      for (let index = first; index < first + count; index++) await workOf(this.browser, index);
    });
    this.durationMs += performance.now() - startedAtMs;
  }
}

/** Somebody's work: of 40 requests one changes a requirement, the others look at some of a few projects. */
async function workOf(browser: Browser, index: number): Promise<void> {
  const isChange = index % 40 === 0;
  const project = ((isChange ? index / 40 : index) % BUSY_PROJECTS) + 1;
  const requirement = (project - 1) * 200 + (index % 3) + 1;
  const paths = ['features', 'coverage'].map((path) => `/projects/${project}/${path}`);
  paths.push(`/requirements/${requirement}`, `/requirements/${requirement}/validation`, '/preferences');
  const { status } = isChange
    ? await browser.send('PUT', `/requirements/${requirement}`, change(`Change ${index}`))
    : await browser.get(paths[Math.floor(index / BUSY_PROJECTS) % paths.length]!);
  expect(status).toBe(200);
}
