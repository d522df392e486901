// @ts-check
// `npm run demo`: works on a fresh clone, and leaves no process behind however it ends.
import { ensureDependencies } from './setup.mjs';

await ensureDependencies();

const { build, pickPort, runWithServers, startApp, startDatabase, startSharedStore } = await import('./demo-stack.mjs');

await runWithServers(async (keep) => {
  const redis = keep(await startSharedStore());
  await build();
  const database = keep(await startDatabase());
  const app = keep(await startApp({ port: await pickPort() }));

  const stores = {
    yours: 'the server of your environment',
    private: `a private server, gone with the demo: ${process.env.REDIS_URL}`,
  };
  const databases = {
    yours: 'the server of DATABASE_URL',
    postgres: 'a private server, gone with the demo',
    pglite: 'embedded (PGlite), kept in .data/pglite: fine for a look, too slow for numbers',
  };
  console.log(`
  API        ${app.url}/docs
  Health     ${app.url}/health/ready
  Metrics    ${app.url}/metrics
  Log in     user1@org1.example (administrator) or user57@org1.example, password comply-demo
  Redis      ${stores[redis.kind]}
  PostgreSQL ${databases[database.kind]}

  Ctrl-C ends everything.
`);
  const lastWords = await app.exited();
  throw new Error(`The application ended by itself. It wrote:\n${lastWords}`);
});
