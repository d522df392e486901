// @ts-check
// `npm run demo`: works on a fresh clone, and leaves no process behind however it ends.
import { randomBytes } from 'node:crypto';
import { ensureDependencies } from './setup.mjs';

await ensureDependencies();

const { pickPorts, runWithServers, startApp } = await import('./demo-stack.mjs');
const { startDemoServers } = await import('./demo-servers.mjs');
const { Failures } = await import('./demo-failures.mjs');
const { startFront } = await import('./demo-front.mjs');
const { listenToKeys } = await import('./demo-keys.mjs');
const { withProgress } = await import('./progress.mjs');

const INSTANCES = ['app-1', 'app-2'];
/** The same application, asked beside the others for comparison. */
const WITHOUT_CACHE = 'no-cache';

await runWithServers(async (keep) => {
  const { servers, redisKind, databaseKind } = await startDemoServers(keep);
  const failures = new Failures(servers);

  process.env.ADMIN_PASSWORD ||= randomBytes(12).toString('base64url');
  const env = {
    HOST: '127.0.0.1',
    TRUSTED_PROXIES: '1',
    // Not every browser takes http://localhost for safe enough.
    SESSION_COOKIE_NAME: 'session',
    SESSION_COOKIE_SECURE: 'false',
  };
  const names = [...INSTANCES, WITHOUT_CACHE];
  const [port = 0, ...ports] = await pickPorts(names.length + 1);
  const apps = await withProgress('Starting the application', () =>
    Promise.all(
      names.map(async (name, index) => {
        const isAside = name === WITHOUT_CACHE;
        const app = keep(await startApp({ port: ports[index] ?? 0, env: { ...env, CACHE_ENABLED: String(!isAside) } }));
        return { name, isAside, ...app };
      }),
    ),
  );
  const instances = apps.map(({ name, url, isAside }) => ({ name, url, isAside }));
  const front = keep(await startFront({ port, instances, failures }));
  keep({ stop: () => failures.endAll() });

  const stores = { yours: 'the server of your environment', private: 'two private servers, gone with the demo' };
  const databases = {
    yours: 'the server of DATABASE_URL',
    postgres: 'a private server, gone with the demo',
    pglite: 'embedded (PGlite), kept in .data/pglite: fine for a look, too slow for numbers',
  };
  console.log(`
  Page       ${front.url}   the story, live
  API        ${front.url}/docs
  Admin page ${front.url}/admin/cache   user operator, password ${process.env.ADMIN_PASSWORD}
  Health     ${front.url}/health/ready and /health/live
  Metrics    ${front.url}/metrics
  Instances  ${instances.map(({ name, url }) => `${name} ${url}`).join(', ')}
  Log in     user1@org1.example (administrator) or user57@org1.example, password comply-demo
  Redis      ${stores[redisKind]}
  PostgreSQL ${databases[databaseKind]}
`);
  listenToKeys(failures);
  const lastWords = await Promise.race(apps.map((app) => app.exited()));
  throw new Error(`The application ended by itself. It wrote:\n${lastWords}`);
});
