// @ts-check
// `npm run demo`: works on a fresh clone, and leaves no process behind however it ends.
import { onNpmGone } from './npm-parent.mjs';
import { ensureDependencies, ensureRedis } from './setup.mjs';

await ensureDependencies();
const hasRedis = Boolean(process.env.REDIS_URL) || (await ensureRedis());

const { build, pickPort, startApp, startDatabase } = await import('./demo-stack.mjs');
const { HOW_TO_GET_REDIS, startRedis } = await import('./servers.mjs');

/** @type {(() => Promise<void>)[]} */
const stops = [];
let isEnding = false;
/** @param {number} code */
async function end(code) {
  isEnding = true;
  for (const stop of stops.splice(0).reverse()) await stop();
  process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(0));
onNpmGone(() => void end(1));

try {
  await build();
  const redis = hasRedis && !process.env.REDIS_URL ? await startRedis() : undefined;
  if (redis) stops.push(redis.stop);
  const database = await startDatabase();
  stops.push(database.stop);
  const redisUrl = process.env.REDIS_URL || redis?.url;
  const app = await startApp({ port: await pickPort(), env: redisUrl ? { REDIS_URL: redisUrl } : {} });
  stops.push(app.stop);

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
  Redis      ${redisUrl ?? `none, so the cache is in memory only. ${HOW_TO_GET_REDIS}`}
  PostgreSQL ${databases[database.kind]}

  Ctrl-C ends everything.
`);
  await app.exited();
  if (!isEnding) throw new Error('The application ended by itself.');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  await end(1);
}
