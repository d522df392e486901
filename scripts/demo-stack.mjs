// @ts-check
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startGuarded } from './guarded-process.mjs';
import { askLoopback, untilReady } from './loopback.mjs';
import { withProgress } from './progress.mjs';
import { startPostgres } from './servers.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

const DEFAULT_PORT = 3000;
const START_TIMEOUT_MS = 60_000;

/**
 * The reference application in a process that ends with us.
 * @typedef {object} RunningApp
 * @property {string} url `http://localhost:<port>`
 * @property {() => Promise<void>} exited resolves when the application has ended
 * @property {() => Promise<void>} stop
 */

/** Compiles the library and the application; does nothing where nothing changed. */
export async function build() {
  await withProgress('Building', async () => {
    await run(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json'], { cwd: root }).catch(
      (error) => {
        throw new Error(`The build failed:\n${error.stdout || error}`);
      },
    );
  });
}

/**
 * A migrated and seeded PostgreSQL: the one of DATABASE_URL, else a private one. DATABASE_URL names it from then on.
 * @returns {Promise<{ kind: 'yours' | 'postgres' | 'pglite', url: string, stop: () => Promise<void> }>}
 */
export async function startDatabase() {
  const given = process.env.DATABASE_URL;
  const server = given
    ? { kind: /** @type {const} */ ('yours'), url: given, stop: async () => undefined }
    : await withProgress('Starting PostgreSQL', () => startPostgres({ dataDir: `${root}.data/pglite` }));
  process.env.DATABASE_URL = server.url;
  // Runs to its end while it is imported, and prints its own progress.
  const seed = '../dist/apps/reference/seed.js';
  await import(seed).catch(async (error) => {
    await server.stop();
    throw error;
  });
  return server;
}

/**
 * Starts the built application and waits until it answers.
 *
 * @param {object} options
 * @param {number} options.port
 * @param {Record<string, string>} options.env what differs from our own environment
 * @returns {Promise<RunningApp>}
 * @throws {Error} with what the application wrote when it does not start
 */
export async function startApp({ port, env }) {
  const variables = Object.entries({ ...env, PORT: String(port) }).map(([name, value]) => `${name}=${value}`);
  const server = await startGuarded({
    name: 'rcache-app',
    command: () => ['env', ...variables, process.execPath, `${root}dist/apps/reference/main.js`],
    endSignal: 'TERM',
  });
  const request = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  await untilReady({
    name: `The application on port ${port}`,
    server,
    timeoutMs: START_TIMEOUT_MS,
    isReady: async () => /^HTTP\/1\.1 200/.test((await askLoopback(port, request)) ?? ''),
  });
  return { url: `http://localhost:${port}`, exited: server.exited, stop: server.stop };
}

/** PORT when it is set; else 3000, or the first port above it that nobody uses. */
export async function pickPort() {
  if (process.env.PORT) return Number(process.env.PORT);
  let port = DEFAULT_PORT;
  while (!(await isFree(port))) port += 1;
  return port;
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
