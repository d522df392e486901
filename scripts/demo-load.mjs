// @ts-check
// `npm run demo:load`: the same requests without the cache, with a cold and with a warm one, every answer checked.
import { parseArgs } from 'node:util';
import { ensureDependencies } from './setup.mjs';

const HELP = `Usage: npm run demo:load -- [options]

  --requests N     how many requests in each run (default 1000)
  --seed N         another sequence of requests (default 1)
  --postgres URL   a PostgreSQL to use; it is migrated, seeded when empty, and written to (default DATABASE_URL, else a
                   private server)
  --json           the result as JSON on stdout instead of the table`;

const { postgres, requests: count, seed, isJson } = readOptions();

await ensureDependencies();
if (postgres) process.env.DATABASE_URL = postgres;

const { build, runWithServers, startApp, startDatabase, startSharedStore } = await import('./demo-stack.mjs');
const { freePort } = await import('./servers.mjs');
const { withProgress } = await import('./progress.mjs');

await runWithServers(async (keep) => {
  const redis = keep(await startSharedStore());
  await build();
  const database = keep(await startDatabase());
  const { openTruth } = await import('./demo-truth.mjs');
  const { demoRequests } = await import('./demo-requests.mjs');
  const { CONCURRENCY, logIn, runRequests } = await import('./demo-run.mjs');

  const truth = await openTruth();
  keep({ stop: truth.close });
  const population = await truth.population();
  const sequence = (/** @type {number} */ run) => demoRequests(population, { count, seed, run });
  // Cold whatever the server holds; the sessions that the first application begins are there for the second, too.
  const namespace = `load-${process.pid}`;
  const start = async (/** @type {boolean} */ isCached) => {
    const cache = { CACHE_ENABLED: String(isCached), CACHE_NAMESPACE: namespace };
    return keep(await startApp({ port: await freePort(), env: cache }));
  };

  const uncachedApp = await start(false);
  const { userIds } = sequence(1);
  const cookies = await withProgress(`Logging ${userIds.length} users in`, async () =>
    logIn(uncachedApp.url, await truth.emails(userIds)),
  );
  let runs = 0;
  const run = async (/** @type {string} */ title, /** @type {import('./demo-stack.mjs').RunningApp} */ app) => {
    const { requests } = sequence((runs += 1));
    return withProgress(`${count} requests ${title}`, () =>
      runRequests({ url: app.url, cookies, requests, truth }).catch((error) => {
        throw new Error(`${error}\nThe application wrote last:\n${app.logTail()}`, { cause: error });
      }),
    );
  };

  const uncached = await run('without the cache', uncachedApp);
  await uncachedApp.stop();
  const cachedApp = await start(true);
  const cold = await run('with a cold cache', cachedApp);
  const warm = await run('with a warm cache', cachedApp);

  const setting = { postgres: database.kind, redis: redis.kind, requests: count, concurrency: CONCURRENCY, seed };
  const result = { ...setting, uncached, cold, warm };
  console.log(isJson ? JSON.stringify(result, undefined, 2) : table(result));
  const wrong = [uncached, cold, warm].flatMap((of) => of.wrong);
  for (const line of wrong.slice(0, 5)) console.error(`Wrong: ${line.slice(0, 1_000)}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
});

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        postgres: { type: 'string' },
        requests: { type: 'string', default: '1000' },
        seed: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const whole = (/** @type {'requests' | 'seed'} */ name) => {
      const number = Number(values[name]);
      if (Number.isInteger(number) && number >= 1) return number;
      throw new Error(`--${name} is ${JSON.stringify(values[name])}. It must be a whole number of at least 1.`);
    };
    const { postgres: url } = values;
    if (url !== undefined && !/^postgres(ql)?:\/\//.test(url)) {
      throw new Error('--postgres must look like postgres://user:password@host:5432/name.');
    }
    return { postgres: url, requests: whole('requests'), seed: whole('seed'), isJson: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    process.exit(2);
  }
}

/** @typedef {import('./demo-run.mjs').RunResult} RunResult */

/** @param {{ postgres: string, requests: number, concurrency: number, uncached: RunResult, cold: RunResult, warm: RunResult }} result */
function table({ postgres: database, requests, concurrency, uncached, cold, warm }) {
  const runs = [uncached, cold, warm];
  const ms = (/** @type {number} */ value) => `${value.toFixed(1)} ms`;
  const timesAs = (/** @type {(run: RunResult) => number} */ of) =>
    of(warm) > 0 ? `${(of(uncached) / of(warm)).toFixed(1)} x` : '-';
  /** @type {string[][]} */
  const rows = [
    ['', 'no cache', 'cold', 'warm', 'gain'],
    .../** @type {const} */ (['p50', 'p95', 'p99']).map((name) => [
      `reads ${name}`,
      ...runs.map(({ readMs }) => ms(readMs[name])),
      timesAs(({ readMs }) => readMs[name]),
    ]),
    ['writes p50', ...runs.map(({ writeMs }) => ms(writeMs.p50)), timesAs(({ writeMs }) => writeMs.p50)],
    [
      'requests per second',
      ...runs.map((run) => run.requestsPerSecond.toFixed(0)),
      `${(warm.requestsPerSecond / uncached.requestsPerSecond).toFixed(1)} x`,
    ],
    ['SQL statements', ...runs.map((run) => String(run.sqlStatements)), timesAs((run) => run.sqlStatements)],
    [
      'hit ratio',
      ...runs.map(({ hitRatio }) => (hitRatio === undefined ? '-' : `${(hitRatio * 100).toFixed(1)} %`)),
      '',
    ],
    ['wrong answers', ...runs.map(({ wrong }) => String(wrong.length)), ''],
    ...Object.keys(uncached.p50Ms).map((name) => [
      `p50 ${name}`,
      ...runs.map(({ p50Ms }) => ms(p50Ms[name] ?? 0)),
      timesAs(({ p50Ms }) => p50Ms[name] ?? 0),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  const notes = [
    `${requests} requests a run, ${concurrency} at a time, on ${database === 'yours' ? 'the PostgreSQL that was given' : database}.`,
    database === 'pglite' && 'PGlite runs one query at a time: its times mean nothing. Install PostgreSQL for numbers.',
    'Each request reads its session from Redis, in all columns alike: cached or not is what PostgreSQL knows.',
  ];
  return `\n${lines.join('\n')}\n\n${notes.filter(Boolean).join('\n')}`;
}
