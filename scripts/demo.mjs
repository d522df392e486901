// @ts-check
// `npm run demo`: works on a fresh clone, and leaves no process behind however it ends.
import { ensureDependencies, ensureRedis } from './setup.mjs';

await ensureDependencies();

const { build, isRedisGiven, pickPort, runWithServers, startApp, startCacheServer, startDatabase } =
  await import('./demo-stack.mjs');
const { HOW_TO_GET_REDIS } = await import('./servers.mjs');

await runWithServers(async (keep) => {
  const canStartRedis = !isRedisGiven() && (await ensureRedis());
  await build();
  const redis = keep(await startCacheServer(canStartRedis));
  const database = keep(await startDatabase());
  const app = keep(await startApp({ port: await pickPort(), env: redis.env }));

  const caches = {
    yours: 'the server of your environment',
    private: `a private server, gone with the demo: ${redis.env.REDIS_URL}`,
    none: `none, so the cache is in the memory of the application only.${process.env.REDIS_URL ? '' : ` ${HOW_TO_GET_REDIS}`}`,
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
  Redis      ${caches[redis.kind]}
  PostgreSQL ${databases[database.kind]}

  Ctrl-C ends everything.
`);
  const lastWords = await app.exited();
  throw new Error(`The application ended by itself. It wrote:\n${lastWords}`);
});
