// @ts-check
// `npm run demo:load`: the same requests without a cache, with cache-manager and with ours, every answer checked.
import { parseArgs } from 'node:util';
import { ensureDependencies } from './setup.mjs';

const OUTAGES = ['hang', 'kill', 'none'];
const CACHES = /** @type {const} */ (['cache-manager', 'ours']);
/** As many as have the table within a minute. */
const DEFAULT_COUNT = { yours: 1_000, postgres: 1_000, pglite: 300 };
/** Requests before Redis goes away. */
const WARMING = 200;
const HELP = `Usage: npm run demo:load -- [options]

  --requests N          how many requests in each run (default 1000; 300 on the embedded PostgreSQL, which is slow)
  --seed N              another sequence of requests (default 1)
  --outage KIND         what Redis does afterwards, under load: hang (default), kill (and comes back empty), or none; may be
                        given twice
  --outage-seconds N    for how long (default 10)
  --redis-only          cache-manager without the memory tier that its documentation has: slower, and right on more
                        than one instance
  --postgres URL        a PostgreSQL to use; it is migrated, seeded when empty, and written to (default DATABASE_URL, else
                        a private server)
  --json                the result as JSON on stdout instead of the tables
  --help                this text`;

/** @typedef {import('./demo-load-outage.mjs').Outage} Outage */
/** @typedef {import('./demo-load-run.mjs').RunResult} RunResult */

const titles = { 'cache-manager': 'cache-manager', ours: 'the cache' };
const options = readOptions();

await ensureDependencies();
if (options.postgres) process.env.DATABASE_URL = options.postgres;

const { fillDatabase, runWithServers, startApp, startDatabase, startSharedStore } = await import('./demo-stack.mjs');
const { freePort, startRedis } = await import('./servers.mjs');
const { withProgress } = await import('./progress.mjs');

await runWithServers(async (keep) => {
  // Sessions have a Redis of their own, which stays up when that of the cache does not.
  const sessions = keep(await startSharedStore());
  let redis = await startRedis();
  keep({ stop: () => redis.stop() });
  const database = keep(await startDatabase());
  const count = options.count ?? DEFAULT_COUNT[database.kind];
  const { DemoClient, PATIENCE_MS } = await import('./demo-load-client.mjs');
  const { runThroughOutage } = await import('./demo-load-outage.mjs');
  const { CONCURRENCY, runRequests } = await import('./demo-load-run.mjs');
  const { loadTable, outageTable } = await import('./demo-load-table.mjs');
  const { demoRequests } = await import('./demo-requests.mjs');
  const { openTruth } = await import('./demo-truth.mjs');

  const sessionUrl = process.env.SESSION_REDIS_URL || process.env.REDIS_URL || '';
  process.env.CACHE_NAMESPACE = `load-${process.pid}`;
  const start = async (/** @type {'none' | 'cache-manager' | 'ours'} */ cache, instances = 2) => {
    const env = {
      CACHE: cache,
      REDIS_URL: redis.url,
      SESSION_REDIS_URL: sessionUrl,
      BASELINE_MEMORY: String(!options.isRedisOnly),
    };
    // What the runs before have written was told to other caches than this one.
    await flush(redis.url);
    const script = 'scripts/demo-load-app.mjs';
    const launch = async () => keep(await startApp({ port: await freePort(), env, script }));
    const apps = await Promise.all(Array.from({ length: instances }, launch));
    return { apps, urls: apps.map(({ url }) => url), stop: () => Promise.all(apps.map((app) => app.stop())) };
  };
  /** @typedef {Awaited<ReturnType<typeof start>>} Deployment */

  // What has no cache starts while the database is filled, which takes one processor; nothing is measured yet.
  const [truth, none] = await Promise.all([openTruth(), start('none'), fillDatabase()]);
  keep({ stop: truth.close });
  const population = await truth.population();
  /** @type {import('./demo-load-run.mjs').Known} */
  const known = new Map();
  let runs = 0;
  const sequence = (/** @type {number} */ count) =>
    demoRequests(population, { count, seed: options.seed, run: (runs += 1) });
  /** @type {Map<number, string>} */
  const cookies = new Map();
  for (const userId of demoRequests(population, { count: 1, seed: options.seed, run: 0 }).userIds) {
    cookies.set(userId, await truth.cookie(userId));
  }

  /** @template T @param {string} title @param {Deployment} deployment @param {() => Promise<T>} work */
  const during = (title, { apps }, work) =>
    withProgress(title, () =>
      work().catch((error) => {
        throw new Error(`${error}\nThe application wrote last:\n${apps[0]?.logTail()}`, { cause: error });
      }),
    );
  const load = (/** @type {string} */ title, /** @type {Deployment} */ deployment) =>
    during(`${count} requests ${title}`, deployment, () => {
      const client = new DemoClient(deployment.urls, cookies);
      return runRequests({ client, requests: sequence(count).requests, truth, known });
    });
  // Of one instance, whose answers are right whatever Redis does; another one may hear of a write 2 s late then.
  const through = async (/** @type {Outage} */ outage, /** @type {'cache-manager' | 'ours'} */ cache) => {
    const deployment = await withProgress(`Starting an instance with ${titles[cache]}`, () => start(cache, 1));
    const { outageSeconds: seconds } = options;
    const title = `Redis ${outage === 'hang' ? 'hangs' : 'is killed'} for ${seconds} s with ${titles[cache]}`;
    const result = await during(title, deployment, async () => {
      const client = new DemoClient(deployment.urls, cookies);
      await runRequests({ client, requests: sequence(WARMING).requests, truth });
      const run = { client, requests: sequence(count * 20).requests, truth };
      const ended = await runThroughOutage({ outage, seconds, atLeast: count, redis, run });
      redis = ended.redis;
      return ended.result;
    });
    await deployment.stop();
    return result;
  };

  /** @type {Record<string, RunResult>} */
  const columns = {};
  columns['no cache'] = await load('without a cache', none);
  await none.stop();
  for (const cache of CACHES) {
    const deployment = await withProgress(`Starting two instances with ${titles[cache]}`, () => start(cache));
    columns[`${cache}, cold`] = await load(`with ${titles[cache]}, cold`, deployment);
    columns[`${cache}, warm`] = await load(`with ${titles[cache]}, warm`, deployment);
    await deployment.stop();
  }
  if (!options.isJson) {
    console.error(`All columns are there after ${process.uptime().toFixed()} s.`);
    console.log(`\n${loadTable(columns)}\n`);
  }

  /** @type {Record<string, Record<string, import('./demo-load-outage.mjs').OutageResult>>} */
  const outages = {};
  for (const outage of options.outages) {
    const runs = (outages[outage] ??= {});
    for (const cache of CACHES) runs[cache] = await through(outage, cache);
    const away = outage === 'hang' ? 'hangs' : 'is killed, and back empty after';
    if (!options.isJson) console.log(`\n${outageTable(`Redis ${away} ${options.outageSeconds} s`, runs)}\n`);
  }

  if (options.isJson) {
    const setting = { ...options, count, postgres: database.kind, sessions: sessions.kind, concurrency: CONCURRENCY };
    console.log(JSON.stringify({ setting, load: columns, outages }, undefined, 2));
  } else {
    const where = database.kind === 'yours' ? 'the PostgreSQL that was given' : database.kind;
    const notes = [
      `${count} requests a run in turns to two instances, ${CONCURRENCY} at a time, on ${where}.`,
      database.kind === 'pglite' &&
        'PGlite runs one query at a time: its times mean nothing. Install PostgreSQL for numbers.',
      'Each request reads its session from Redis, in all columns alike: cached or not is what PostgreSQL knows.',
      `cache-manager is set up as its documentation does with Keyv, ${options.isRedisOnly ? 'but without' : 'with'} the memory tier.`,
      options.outages.length > 0 &&
        `While Redis is away there is one instance. No answer within ${PATIENCE_MS / 1_000} s is an error.`,
    ];
    console.log(notes.filter(Boolean).join('\n'));
  }
  const promised = [columns['ours, cold'], columns['ours, warm'], ...Object.values(outages).map(({ ours }) => ours)];
  const broken = promised.flatMap((run) => [...(run?.wrong ?? []), ...(run?.errors ?? [])]);
  for (const line of broken.slice(0, 5)) console.error(`Wrong: ${line.slice(0, 1_000)}`);
  process.exitCode = broken.length === 0 ? 0 : 1;
});

/** @param {string} url */
async function flush(url) {
  const { Redis } = await import('ioredis');
  const client = new Redis(url);
  await client.flushall();
  client.disconnect();
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        postgres: { type: 'string' },
        requests: { type: 'string' },
        seed: { type: 'string', default: '1' },
        outage: { type: 'string', multiple: true, default: ['hang'] },
        'outage-seconds': { type: 'string', default: '10' },
        'redis-only': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const whole = (/** @type {'requests' | 'seed' | 'outage-seconds'} */ name) => {
      const number = Number(values[name]);
      if (Number.isInteger(number) && number >= 1) return number;
      throw new Error(`--${name} is ${JSON.stringify(values[name])}. It must be a whole number of at least 1.`);
    };
    const { postgres, outage: outages } = values;
    if (postgres !== undefined && !/^postgres(ql)?:\/\//.test(postgres)) {
      throw new Error('--postgres must look like postgres://user:password@host:5432/name.');
    }
    const wrong = outages.find((outage) => !OUTAGES.includes(outage));
    if (wrong !== undefined) {
      throw new Error(`--outage is ${JSON.stringify(wrong)}. It must be one of ${OUTAGES.join(', ')}.`);
    }
    return {
      postgres,
      count: values.requests === undefined ? undefined : whole('requests'),
      seed: whole('seed'),
      outages: /** @type {Outage[]} */ (outages.filter((outage) => outage !== 'none')),
      outageSeconds: whole('outage-seconds'),
      isRedisOnly: values['redis-only'],
      isJson: values.json,
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    process.exit(2);
  }
}
