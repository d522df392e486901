// @ts-check
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startGuarded } from './guarded-process.mjs';
import { askLoopback, untilReady } from './loopback.mjs';
import { onNpmGone } from './npm-parent.mjs';
import { withProgress } from './progress.mjs';
import { startPostgres, startRedis } from './servers.mjs';
import { ensureRedis } from './setup.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

const DEFAULT_PORT = 3000;
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 200;
const LOG_TAIL_LINES = 15;
/** Each of them says on its own where Redis is; `.env.example` explains them. */
const REDIS_VARIABLES = ['REDIS_URL', 'REDIS_HOST', 'REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'];

/**
 * The reference application in a process that ends with us.
 * @typedef {object} RunningApp
 * @property {string} url `http://localhost:<port>`
 * @property {() => string} logTail the end of what it wrote, while it runs
 * @property {() => Promise<string>} exited resolves with the end of what it wrote when the application has ended
 * @property {() => Promise<void>} stop
 */

/**
 * Runs a script that starts servers, and ends them with it: when it is done, fails, is interrupted, or npm is gone.
 * @param {(keep: <Server extends { stop: () => Promise<void> }>(server: Server) => Server) => Promise<void>} script hands
 *   every server it starts to `keep`
 */
export async function runWithServers(script) {
  /** @type {(() => Promise<void>)[]} */
  const stops = [];
  let isEnding = false;
  const end = async (/** @type {number} */ code) => {
    if (isEnding) return;
    isEnding = true;
    for (const stop of stops.reverse()) await stop();
    process.exit(code);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(0));
  onNpmGone(() => void end(1));
  try {
    await script((server) => {
      stops.push(server.stop);
      return server;
    });
    await end(Number(process.exitCode ?? 0));
  } catch (error) {
    if (isEnding) return;
    console.error(error instanceof Error ? error.message : error);
    await end(1);
  }
}

/**
 * The Redis of the environment, else a private one, which REDIS_URL names from then on. Sessions get secrets of this run
 * where the environment has none.
 * @returns {Promise<{ kind: 'yours' | 'private', stop: () => Promise<void> }>}
 * @throws {Error} when there is none and none can be installed: sessions are nowhere else
 */
export async function startSharedStore() {
  const secret = () => randomBytes(32).toString('base64');
  process.env.SESSION_KEYS ||= `demo:${secret()}`;
  process.env.SESSION_INDEX_KEY ||= secret();
  if (REDIS_VARIABLES.some((name) => process.env[name])) return { kind: 'yours', stop: async () => undefined };
  await ensureRedis();
  const redis = await startRedis();
  process.env.REDIS_URL = redis.url;
  return { kind: 'private', stop: redis.stop };
}

/**
 * The PostgreSQL of DATABASE_URL, else a private one, which DATABASE_URL names from then on; empty until `fillDatabase`.
 * Meanwhile the library and the application are compiled.
 * @returns {Promise<{ kind: 'yours' | 'postgres' | 'pglite', url: string, stop: () => Promise<void> }>}
 */
export async function startDatabase() {
  const url = process.env.DATABASE_URL;
  if (url) {
    await withProgress('Building', build);
    return { kind: 'yours', url, stop: async () => undefined };
  }
  const [server] = await withProgress('Building, and starting PostgreSQL', () =>
    Promise.all([startPostgres({ dataDir: `${root}.data/pglite` }), build()]),
  );
  process.env.DATABASE_URL = server.url;
  return server;
}

/** Does nothing where nothing changed. Types are checked by `npm run typecheck`, which takes as long again. */
async function build() {
  const args = ['node_modules/typescript/bin/tsc', '-b', '--noCheck', 'tsconfig.build.json'];
  await run(process.execPath, args, { cwd: root }).catch((error) => {
    throw new Error(`The build failed:\n${error.stdout || error}`);
  });
}

/** Migrates and seeds the database of DATABASE_URL, and prints its own progress. */
export async function fillDatabase() {
  // Runs to its end while it is imported.
  const seed = '../dist/apps/reference/seed.js';
  await import(seed);
}

/**
 * Starts the built application and waits until it answers.
 *
 * @param {object} options
 * @param {number} options.port
 * @param {Record<string, string>} [options.env] what differs from our own environment
 * @param {string} [options.script] what is run instead of the application's own entry, by its path here
 * @returns {Promise<RunningApp>}
 * @throws {Error} with what the application wrote when it does not start
 */
export async function startApp({ port, env = {}, script = 'dist/apps/reference/main.js' }) {
  const variables = Object.entries({ ...env, PORT: String(port) }).map(([name, value]) => `${name}=${value}`);
  const server = await startGuarded({
    name: 'rcache-app',
    command: () => ['env', ...variables, process.execPath, `${root}${script}`],
    endSignal: 'TERM',
  });
  const request = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  await untilReady({
    name: `The application on port ${port}`,
    server,
    timeoutMs: START_TIMEOUT_MS,
    isReady: async () => /^HTTP\/1\.1 200/.test((await askLoopback(port, request)) ?? ''),
  });
  const logTail = () => server.log().trim().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  const exited = async () => {
    // The log goes with the server's folder, which stays until we say that we know of its end.
    while (server.isRunning()) await sleep(POLL_MS);
    const tail = logTail();
    await server.exited();
    return tail;
  };
  return { url: `http://localhost:${port}`, logTail, exited, stop: server.stop };
}

/**
 * Ports nobody uses: PORT when it is set, else 3000 or the first free one above it, and the next free ones after that.
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function pickPorts(count) {
  const ports = process.env.PORT ? [Number(process.env.PORT)] : [];
  for (let port = (ports[0] ?? DEFAULT_PORT - 1) + 1; ports.length < count; port += 1) {
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

/** @param {number} port */
async function isFree(port) {
  const server = createServer().listen(port);
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}
