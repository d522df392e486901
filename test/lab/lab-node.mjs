// @ts-check
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis } from '../../scripts/redis-server.mjs';
import { startFaultProxy } from './fault-proxy.mjs';
import { labPort } from './lab-port.mjs';

/**
 * A Redis server behind a proxy. It comes back on the same port, behind the same proxy, with the same arguments; its
 * data only from a folder that is kept.
 */
export class LabNode {
  /** @type {import('../../scripts/redis-server.mjs').RedisServer | undefined} */
  #server;
  /** @type {Redis | undefined} */
  #client;
  /** @type {string | undefined} */
  #config;

  /**
   * @param {object} own
   * @param {number} own.port without TLS
   * @param {number} own.serverPort where its proxy and other servers reach it, which is the one with TLS if there is one
   * @param {import('./fault-proxy.mjs').FaultProxy} own.proxy
   * @param {string} own.folder
   * @param {string[]} own.args
   * @param {import('./access.mjs').Access['lab']} own.user as whom the lab connects
   * @param {boolean} own.isPersistent whether a snapshot or append-only file outlives the server
   */
  constructor({ port, serverPort, proxy, folder, args, user, isPersistent }) {
    this.port = port;
    this.serverPort = serverPort;
    this.proxy = proxy;
    this.folder = folder;
    this.args = args;
    this.user = user;
    this.isPersistent = isPersistent;
    /** Past the proxy. */
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** Of the lab, past the proxy. Connects with its first command, and again after a restart. */
  get client() {
    this.#client ??= new Redis(this.port, '127.0.0.1', {
      ...this.user,
      lazyConnect: true,
      protocol: 2,
      disableClientInfo: true,
      maxRetriesPerRequest: 2,
      commandTimeout: 5_000,
      retryStrategy: () => 50,
    }).on('error', () => {
      // Its commands tell.
    });
    return this.#client;
  }

  /**
   * Gives it a configuration file before its first start, which the server itself may rewrite later.
   * @param {string[]} lines
   */
  async configure(lines) {
    this.#config = join(this.folder, 'redis.conf');
    await writeFile(this.#config, lines.join('\n'));
  }

  async start() {
    if (this.isRunning()) return;
    if (!this.isPersistent) await this.#forget();
    const args = ['--dir', this.folder, ...this.args];
    this.#server = await startRedis({ port: this.port, config: this.#config, args });
  }

  /** Ends the server at once, without a chance to save anything. */
  async kill() {
    await this.#server?.kill();
  }

  async pause() {
    await this.#server?.pause();
  }

  async resume() {
    await this.#server?.resume();
  }

  isRunning() {
    return this.#server?.isRunning() ?? false;
  }

  /** Ends server, proxy and client for good. */
  async stop() {
    this.#client?.disconnect();
    await Promise.all([this.#server?.stop(), this.proxy.stop()]);
  }

  /** Servers save snapshots of their own accord, to fill a replica. */
  async #forget() {
    const names = await readdir(this.folder);
    const data = names.filter((name) => name.endsWith('.rdb') || name === 'appendonlydir');
    await Promise.all(data.map((name) => rm(join(this.folder, name), { recursive: true, force: true })));
  }
}

/**
 * A node that has its ports and is not started yet.
 *
 * @param {object} options
 * @param {import('./lab-folder.mjs').LabFolder} options.folder of the lab
 * @param {import('./access.mjs').Access} options.access
 * @param {(proxyPort: number) => string[]} options.args of redis-server
 * @param {boolean} [options.isSentinel] default false
 * @param {boolean} [options.isPersistent] default false
 */
export async function newLabNode({ folder, access, args, isSentinel = false, isPersistent = false }) {
  const port = await labPort();
  const { certificate, lab: user } = access;
  const serverPort = certificate ? await labPort() : port;
  const proxy = access.isProxied ? await startFaultProxy({ targetPort: serverPort, certificate }) : noProxy(serverPort);
  const own = await folder.subfolder(String(port));
  const accessArgs = await access.argsOf(own, serverPort, isSentinel);
  const allArgs = [...(isSentinel ? ['--sentinel'] : []), ...accessArgs, ...args(proxy.port)];
  return new LabNode({ port, serverPort, proxy, folder: own, args: allArgs, user, isPersistent });
}

/**
 * @param {number} port
 * @returns {import('./fault-proxy.mjs').FaultProxy}
 */
function noProxy(port) {
  const refuse = () => {
    throw new Error('A lab that is not proxied has no faults.');
  };
  const url = `redis://127.0.0.1:${port}`;
  return { port, url, apply: refuse, heal: refuse, reset: refuse, connections: refuse, stop: () => Promise.resolve() };
}
