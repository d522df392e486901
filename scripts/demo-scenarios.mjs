// @ts-check
// `npm run demo:scenarios`: what is promised, shown one promise a line. Ends with 1 when one is broken.
import { parseArgs } from 'node:util';
import { ensureDependencies } from './setup.mjs';

const HELP = `Usage: npm run demo:scenarios -- [options]

  --rounds N       revocations, and callers of the hot key by ten times as many (default 100)
  --lag MS         longest time that a change may take to the other instance, p99 (default 50)
  --users N        entries behind one tag (default 10000)
  --seconds N      how long Redis hangs (default 5)
  --postgres URL   a PostgreSQL to use; it is migrated, seeded when empty, and written to (default DATABASE_URL, else a
                   private server)
  --json           the figures as JSON on stdout
  --help           this text`;

const options = readOptions();

await ensureDependencies();
if (options.postgres) process.env.DATABASE_URL = options.postgres;

const { fillDatabase, runWithServers, startApp, startDatabase, startSharedStore } = await import('./demo-stack.mjs');
const { freePort } = await import('./servers.mjs');

await runWithServers(async (keep) => {
  keep(await startSharedStore());
  keep(await startDatabase());
  await fillDatabase();
  const { openTruth } = await import('./demo-truth.mjs');
  const { appScenarios } = await import('./demo-scenarios-app.mjs');
  const { libraryScenarios } = await import('./demo-scenarios-library.mjs');
  const { runScenarios } = await import('./demo-scenarios-measure.mjs');

  const truth = await openTruth();
  keep({ stop: truth.close });
  const env = { CACHE_ENABLED: 'true', CACHE_NAMESPACE: `scenarios-${process.pid}` };
  const launch = async () => keep(await startApp({ port: await freePort(), env }));
  const apps = await Promise.all([launch(), launch()]);
  const urls = apps.map(({ url }) => url);
  const fleet = { urls, population: await truth.population(), emails: truth.emails };
  const { rounds, maxLagMs, users, seconds } = options;
  const scenarios = [
    ...(await appScenarios(fleet, { rounds, maxLagMs })),
    ...libraryScenarios({ rounds, maxLagMs, users, outageSeconds: seconds }),
  ];

  const width = Math.max(...scenarios.map(({ title }) => title.length));
  const told = await runScenarios(scenarios, ({ title, figure, isKept }) => {
    if (!options.isJson) console.log(`${isKept ? 'kept  ' : 'BROKEN'}  ${title.padEnd(width)}  ${figure}`);
  });
  if (options.isJson) console.log(JSON.stringify(told, undefined, 2));
  process.exitCode = told.every(({ isKept }) => isKept) ? 0 : 1;
});

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        postgres: { type: 'string' },
        rounds: { type: 'string', default: '100' },
        lag: { type: 'string', default: '50' },
        users: { type: 'string', default: '10000' },
        seconds: { type: 'string', default: '5' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const whole = (/** @type {'rounds' | 'lag' | 'users' | 'seconds'} */ name) => {
      const number = Number(values[name]);
      if (Number.isInteger(number) && number >= 1) return number;
      throw new Error(`--${name} is ${JSON.stringify(values[name])}. It must be a whole number of at least 1.`);
    };
    const { postgres } = values;
    if (postgres !== undefined && !/^postgres(ql)?:\/\//.test(postgres)) {
      throw new Error('--postgres must look like postgres://user:password@host:5432/name.');
    }
    const [rounds, maxLagMs] = [whole('rounds'), whole('lag')];
    const [users, seconds] = [whole('users'), whole('seconds')];
    return { postgres, rounds, maxLagMs, users, seconds, isJson: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    process.exit(2);
  }
}
