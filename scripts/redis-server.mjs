// @ts-check
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from './find-program.mjs';
import { startGuarded } from './guarded-process.mjs';
import { askLoopback, freePort, untilReady } from './loopback.mjs';

const run = promisify(execFile);

/** What to tell somebody who has no Redis. */
export const HOW_TO_GET_REDIS =
  'No Redis was found. Install one (Debian, Ubuntu: sudo apt-get install redis-server; Mac: brew install redis), ' +
  'or start Docker.';

const DOCKER_IMAGE = 'valkey/valkey:8';
// A container may have to be pulled first; a local server is ready in about 15 ms.
const START_TIMEOUT_MS = { program: 10_000, docker: 180_000 };
const PORT_ATTEMPTS = 3;

/**
 * A private Redis on a loopback port that ends with us. It keeps nothing: no snapshot, no append-only file.
 * @typedef {object} RedisServer
 * @property {number} port
 * @property {string} url `redis://127.0.0.1:<port>`
 * @property {number} pid
 * @property {() => boolean} isRunning a paused server runs
 * @property {() => Promise<void>} stop ends the server and waits until it is gone; harmless when it is gone already
 * @property {(signal?: NodeJS.Signals) => Promise<void>} kill sends a signal that ends the server, SIGKILL by default,
 *   and waits until it is gone; `startRedis({ port })` may then start its successor
 * @property {() => Promise<void>} pause freezes the server: connections stay open, nothing is answered
 * @property {() => Promise<void>} resume ends a pause
 */

/**
 * Where a Redis can come from here: a `redis-server` or `valkey-server` program, else a Docker engine that answers.
 * @returns {Promise<{ program: string } | { docker: string } | undefined>}
 */
export async function findRedis() {
  const program = findProgram(['redis-server', 'valkey-server']);
  if (program) return { program };
  const docker = findProgram(['docker']);
  // The client alone is no engine.
  if (!docker) return undefined;
  const answers = await run(docker, ['info'], { timeout: 10_000 }).catch(() => undefined);
  return answers && { docker };
}

/**
 * Starts a private Redis and waits until it answers.
 *
 * @param {object} [options]
 * @param {string[]} [options.args] further arguments of redis-server, such as `['--maxmemory', '10mb']`; they win over ours
 * @param {number} [options.port] a free loopback port by default
 * @param {string} [options.config] path of a configuration file, read first, which the server may rewrite; not in a container
 * @returns {Promise<RedisServer>}
 * @throws {Error} when no Redis is found, or with the server's log when it does not start
 */
export async function startRedis({ args = [], port, config } = {}) {
  const source = await findRedis();
  if (!source) throw new Error(HOW_TO_GET_REDIS);
  const files = config === undefined ? [] : [config];
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn(port ?? (await freePort()), files, args, source);
    } catch (error) {
      const portWasTaken = /address already in use/i.test(String(error));
      if (!portWasTaken || port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/**
 * @param {number} port
 * @param {string[]} files
 * @param {string[]} args
 * @param {{ program: string } | { docker: string }} source
 * @returns {Promise<RedisServer>}
 */
async function startOn(port, files, args, source) {
  const isDocker = 'docker' in source;
  const container = `rcache-redis-${process.pid}-${port}`;
  const server = await startGuarded({
    name: 'rcache-redis',
    command: (folder) =>
      isDocker
        ? containerCommand(source.docker, container, port, args)
        : programCommand(source.program, folder, port, files, args),
    // A container ends with its client only when the client gets the chance to pass the signal on.
    endSignal: isDocker ? 'TERM' : 'KILL',
  });
  await untilReady({
    name: `Redis on port ${port}`,
    server,
    timeoutMs: isDocker ? START_TIMEOUT_MS.docker : START_TIMEOUT_MS.program,
    // The log tells our server from a stranger on the same port. NOAUTH is an answer of a server that is ready, too.
    isReady: async () =>
      /Ready to accept connections|Sentinel ID is/.test(server.log()) &&
      /^(\+PONG|-NOAUTH)/.test((await askLoopback(port, 'PING\r\n')) ?? ''),
  });

  const signal = async (/** @type {NodeJS.Signals} */ name) => {
    if (!server.isRunning()) return;
    if (isDocker) await run(source.docker, ['kill', '--signal', name, container]);
    else process.kill(server.pid, name);
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: server.pid,
    isRunning: server.isRunning,
    stop: server.stop,
    kill: async (name = 'SIGKILL') => {
      await signal(name);
      await server.exited();
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  };
}

/**
 * @param {string} program
 * @param {string} folder
 * @param {number} port
 * @param {string[]} files
 * @param {string[]} args
 */
function programCommand(program, folder, port, files, args) {
  const address = ['--port', String(port), '--bind', '127.0.0.1'];
  return [program, ...files, ...address, '--dir', folder, '--save', '', '--appendonly', 'no', ...args];
}

/**
 * @param {string} docker
 * @param {string} container
 * @param {number} port
 * @param {string[]} args
 */
function containerCommand(docker, container, port, args) {
  const engine = [docker, 'run', '--rm', '--name', container, '--publish', `127.0.0.1:${port}:6379`, DOCKER_IMAGE];
  return [...engine, 'valkey-server', '--protected-mode', 'no', '--save', '', '--appendonly', 'no', ...args];
}
