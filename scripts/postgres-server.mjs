// @ts-check
import { execFile } from 'node:child_process';
import { chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './find-program.mjs';
import { startGuarded } from './guarded-process.mjs';
import { askLoopback, freePort, isListening, untilReady } from './loopback.mjs';

const run = promisify(execFile);

const START_TIMEOUT_MS = 60_000;
const PORT_ATTEMPTS = 3;
const MAX_CONNECTIONS = 100;

/**
 * A private PostgreSQL on a loopback port that ends with us.
 * @typedef {object} PostgresServer
 * @property {'postgres' | 'pglite'} kind an installed PostgreSQL, or the embedded one (one query at a time: do not
 *   publish load numbers taken with it)
 * @property {string} url
 * @property {number} pid
 * @property {() => Promise<void>} stop ends the server and waits until it is gone; harmless when it is gone already
 */

/**
 * Starts a private PostgreSQL and waits until it answers: an installed one if there is any, with a fresh data folder
 * that goes with it; else the embedded PGlite behind a socket, in a process of its own.
 *
 * @param {object} [options]
 * @param {string} [options.dataDir] where PGlite keeps its data, because its first start is slow; in memory by default.
 *   One server at a time may use it: a second is refused. An installed PostgreSQL always starts empty.
 * @param {boolean} [options.isEmbedded] PGlite even where PostgreSQL is installed
 * @returns {Promise<PostgresServer>}
 * @throws {Error} with the server's log when it does not start
 */
export async function startPostgres({ dataDir, isEmbedded = false } = {}) {
  const binFolder = isEmbedded ? undefined : await findBinFolder();
  const start = binFolder
    ? (/** @type {number} */ port) => startInstalled(port, binFolder)
    : (/** @type {number} */ port) => startPglite(port, dataDir);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      const portWasTaken = /address already in use|EADDRINUSE/i.test(String(error));
      if (!portWasTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/**
 * @param {number} port
 * @param {string} binFolder
 * @returns {Promise<PostgresServer>}
 */
async function startInstalled(port, binFolder) {
  const owner = process.getuid?.() === 0 ? await unprivilegedUser() : undefined;
  // Nothing in the folder outlives the server, so nothing has to reach the disk.
  const settings = [
    'fsync=off',
    'full_page_writes=off',
    'synchronous_commit=off',
    `max_connections=${MAX_CONNECTIONS}`,
  ];
  const where = ['listen_addresses=127.0.0.1', 'unix_socket_directories='];
  const server = await startGuarded({
    name: 'rcache-postgres',
    command: (folder) => [
      join(binFolder, 'postgres'),
      ...['-D', join(folder, 'data'), '-p', String(port)],
      ...[...where, ...settings].flatMap((setting) => ['-c', setting]),
    ],
    endSignal: 'INT',
    owner,
    prepare: async (folder) => {
      if (owner) await chown(folder, owner.uid, owner.gid);
      const initdb = [
        '-D',
        join(folder, 'data'),
        '-U',
        'postgres',
        '-E',
        'UTF8',
        '--auth=trust',
        '--no-locale',
        '--no-sync',
      ];
      await run(join(binFolder, 'initdb'), initdb, { ...owner, cwd: folder });
    },
  });
  return whenReady('postgres', server, port);
}

/**
 * @param {number} port
 * @param {string | undefined} dataDir
 * @returns {Promise<PostgresServer>}
 */
async function startPglite(port, dataDir) {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite-socket');
  const script = join(dirname(entry), 'scripts', 'server.js');
  if (dataDir) await refuseSecondServer(dataDir);
  const server = await startGuarded({
    name: 'rcache-pglite',
    command: () => [
      process.execPath,
      script,
      `--db=${dataDir ?? 'memory://'}`,
      `--port=${port}`,
      `--max-connections=${MAX_CONNECTIONS}`,
    ],
    endSignal: 'TERM',
    prepare: async () => void (dataDir && (await mkdir(dataDir, { recursive: true }))),
  });
  if (dataDir) await writeFile(portFile(dataDir), String(port));
  return whenReady('pglite', server, port);
}

const portFile = (/** @type {string} */ dataDir) => `${dataDir}.port`;

/**
 * PGlite does not lock its folder, and two servers would ruin what is in it. Who listens on the port of the last one is
 * still that one, all but surely; its process id may well be somebody else's by now.
 * @param {string} dataDir
 */
async function refuseSecondServer(dataDir) {
  const port = Number.parseInt(await readFile(portFile(dataDir), 'utf8').catch(() => ''), 10);
  if (!port || !(await isListening(port))) return;
  throw new Error(
    `The embedded PostgreSQL (PGlite) of another demo, on port ${port}, uses ${dataDir}, and only one may. ` +
      'End that demo first, or install PostgreSQL, or set DATABASE_URL.',
  );
}

/**
 * @param {'postgres' | 'pglite'} kind
 * @param {import('./guarded-process.mjs').GuardedProcess} server
 * @param {number} port
 * @returns {Promise<PostgresServer>}
 */
async function whenReady(kind, server, port) {
  const request = startupRequest({ user: 'postgres', database: 'postgres' });
  await untilReady({
    name: `PostgreSQL (${kind}) on port ${port}`,
    server,
    timeoutMs: START_TIMEOUT_MS,
    // 'R' asks for credentials or accepts; a server that is still starting answers 'E'.
    isReady: async () => server.isRunning() && (await askLoopback(port, request))?.[0] === 'R',
  });
  return { kind, url: `postgres://postgres@127.0.0.1:${port}/postgres`, pid: server.pid, stop: server.stop };
}

/**
 * The first message of the PostgreSQL protocol, version 3.0 ("StartupMessage").
 * @param {Record<string, string>} parameters
 */
function startupRequest(parameters) {
  const body = Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + body.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, body]);
}

/** The folder that holds both `initdb` and `postgres`; Debian and Homebrew keep them off PATH, one folder per version. */
async function findBinFolder() {
  const roots = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt'];
  const perVersion = await Promise.all(
    roots.map(async (root) => {
      const names = await readdir(root).catch(() => []);
      const versions = names.filter((name) => /^(postgresql@?)?\d*$/.test(name));
      return versions
        .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
        .map((name) => join(root, name, 'bin'));
    }),
  );
  const initdb = findProgram(['initdb'], perVersion.flat());
  return initdb && dirname(initdb);
}

/** PostgreSQL refuses to run as root. */
async function unprivilegedUser() {
  for (const name of ['postgres', 'nobody']) {
    try {
      const ids = await Promise.all(['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)));
      return { uid: ids[0] ?? NaN, gid: ids[1] ?? NaN };
    } catch {
      // No such user here: try the next.
    }
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody". Add one, or set DATABASE_URL.',
  );
}
