// @ts-check
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startRedis } from '../../scripts/servers.mjs';
import { startFaultProxy } from '../../test/lab/fault-proxy.mjs';
import { outcomeOf } from './waiting.mjs';

/** @typedef {import('./adapter.mjs').Adapter} Adapter */
/** @typedef {import('./adapter.mjs').Cache} Cache */

// Time to subscribe, for systems that do not say when they are ready.
const SETTLE_MS = 200;
const STOP_MS = 500;
const NAMESPACE = 'shop';

/**
 * What a scenario asks for.
 * @typedef {object} LabOptions
 * @property {boolean} [throughProxy] processes reach Redis through a proxy that can fail
 * @property {boolean} [keepsSnapshot] Redis has a folder of its own that outlives it
 * @property {string[]} [redisArgs]
 */

/**
 * What a lab stands on.
 * @typedef {object} LabParts
 * @property {import('../../scripts/servers.mjs').RedisServer} redis
 * @property {import('../../test/lab/fault-proxy.mjs').FaultProxy} [proxy]
 * @property {string} [folder] of the snapshots
 */

/** One private Redis and the processes of one system on it. */
export class Lab {
  /** What the system reported to listeners and loggers. @type {unknown[]} */
  reported = [];
  /** What nobody caught. @type {unknown[]} */
  unhandled = [];
  /** @type {Cache[]} */
  #started = [];
  /** @type {Redis | undefined} */
  #admin;
  #parts;

  /** @param {Adapter} adapter @param {boolean} isTuned @param {LabParts} parts */
  constructor(adapter, isTuned, parts) {
    this.adapter = adapter;
    this.isTuned = isTuned;
    this.#parts = parts;
  }

  /**
   * @param {Adapter} adapter
   * @param {boolean} isTuned
   * @param {LabOptions} [options]
   */
  static async open(adapter, isTuned, { throughProxy, keepsSnapshot, redisArgs = [] } = {}) {
    const folder = keepsSnapshot ? await mkdtemp(join(tmpdir(), 'rcache-compare-')) : undefined;
    const redis = await startRedis({ args: [...redisArgs, ...(folder ? ['--dir', folder] : [])] });
    const proxy = throughProxy ? await startFaultProxy({ targetPort: redis.port }) : undefined;
    return new Lab(adapter, isTuned, { redis, proxy, folder });
  }

  get redis() {
    return this.#parts.redis;
  }

  get proxy() {
    if (!this.#parts.proxy) throw new Error('The scenario did not ask for a proxy.');
    return this.#parts.proxy;
  }

  /** A client of its own, as an operator has. */
  get admin() {
    return (this.#admin ??= new Redis(this.redis.port, '127.0.0.1').on('error', () => undefined));
  }

  has(/** @type {import('./adapter.mjs').Feature} */ feature) {
    return this.adapter.features.includes(feature);
  }

  /**
   * Starts one process.
   * @param {{ namespace?: string, url?: string }} [options]
   * @returns {Promise<Cache>}
   */
  async start({ namespace = NAMESPACE, url = (this.#parts.proxy ?? this.redis).url } = {}) {
    const report = (/** @type {unknown} */ error) => void this.reported.push(error);
    const cache = await this.adapter.start({ url, namespace, isTuned: this.isTuned, report });
    this.#started.push(cache);
    await sleep(SETTLE_MS);
    return cache;
  }

  /** Starts two processes. @returns {Promise<[Cache, Cache]>} */
  async startTwo() {
    return [await this.start(), await this.start()];
  }

  /** Ends Redis as a crash does, and starts its successor on the same port and folder. */
  async restartRedis() {
    const { redis, folder } = this.#parts;
    await redis.kill();
    this.#parts.redis = await startRedis({ port: redis.port, args: folder ? ['--dir', folder] : [] });
  }

  /**
   * The keys in Redis of which one part is this name: those a system made of it.
   * @param {string} name letters and digits
   * @returns {Promise<string[]>}
   */
  async storedKeys(name) {
    const keys = await this.admin.keys(`*${name}*`);
    if (keys.length === 0) throw new Error(`Nothing is stored under ${name}.`);
    return keys;
  }

  async close() {
    await Promise.all(this.#started.map((cache) => outcomeOf(cache.stop(), STOP_MS)));
    this.#admin?.disconnect();
    const { redis, proxy, folder } = this.#parts;
    await proxy?.stop();
    await redis.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  }
}
