// @ts-check
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

/**
 * A loopback port nobody listens on at the moment. Somebody else may take it before you do: be ready to ask again.
 * @returns {Promise<number>}
 */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Whether somebody listens on a port of the loopback interface, however busy.
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/**
 * The first bytes a server on the loopback interface answers to a request; undefined when there is no server, or it
 * closes without an answer.
 * @param {number} port
 * @param {string | Buffer} request
 * @returns {Promise<string | undefined>}
 */
export function askLoopback(port, request) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    const finish = (/** @type {Buffer | undefined} */ answer) => {
      socket.destroy();
      resolve(answer?.toString('latin1'));
    };
    socket.setTimeout(1_000, () => finish(undefined));
    socket.once('data', finish);
    socket.once('error', () => finish(undefined));
    socket.once('close', () => finish(undefined));
  });
}

/**
 * Waits until a server that is starting answers as wanted.
 *
 * @param {object} options
 * @param {string} options.name of the server, for the error
 * @param {import('./guarded-process.mjs').GuardedProcess} options.server
 * @param {() => Promise<boolean>} options.isReady
 * @param {number} options.timeoutMs
 * @throws {Error} with the server's own log when it ends or stays silent; the server is stopped then
 */
export async function untilReady({ name, server, isReady, timeoutMs }) {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await isReady())) {
    if (server.isRunning() && performance.now() < deadlineMs) {
      await sleep(POLL_MS);
      continue;
    }
    const reason = server.isRunning() ? `did not answer within ${timeoutMs} ms` : 'ended while starting';
    const log = server.log().trim().split('\n').slice(-15).join('\n');
    await server.stop();
    throw new Error(`${name} ${reason}. It wrote:\n${log}`);
  }
}
