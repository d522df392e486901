import { Cluster, Redis } from 'ioredis';
import type { CacheService } from '../../libs/redis-cache/src/cache/cache.service.js';
import { CacheEngine, type CacheEngineOptions } from '../../libs/redis-cache/src/cache/engine.js';
import type { Clock } from '../../libs/redis-cache/src/time.js';
import { LAB_USER } from '../lab/access.mjs';
import { eventually } from './eventually.js';
import { testConnection, uniqueNamespace } from './servers.js';

const started: CacheEngine[] = [];
const foreign: (Redis | Cluster)[] = [];

/**
 * An engine on the Redis of the test run, in a namespace of its own unless told otherwise, closed after the test. Two of
 * them in one namespace behave like two processes: they share nothing but Redis.
 */
export async function startEngine(options: CacheEngineOptions = {}, clock?: Clock): Promise<CacheEngine> {
  const defaults = { connection: testConnection(), namespace: uniqueNamespace(), startTimeout: '5s' as const };
  const engine = new CacheEngine({ ...defaults, ...options }, clock);
  started.push(engine);
  await engine.start();
  return engine;
}

/** Somebody else's client of the same Redis, who may do anything; closed after the test. */
export function foreignClient(): Redis | Cluster {
  const { url, sentinels, sentinelName = '', sentinelUsername, sentinelPassword, cluster } = testConnection();
  const redisOptions = { ...LAB_USER };
  const client =
    cluster !== undefined
      ? new Cluster(
          cluster.map(({ host, port }) => ({ host, port: port as number })),
          { redisOptions },
        )
      : sentinels === undefined
        ? new Redis(url as string)
        : new Redis({
            ...redisOptions,
            ...{ sentinels: [...sentinels], name: sentinelName, sentinelUsername, sentinelPassword },
          });
  foreign.push(client);
  return client;
}

/** Several engines that share a namespace, each with its link trusted. */
export async function startFleet(size: number, options: CacheEngineOptions = {}): Promise<CacheEngine[]> {
  const namespace = options.namespace ?? uniqueNamespace();
  const engines = await Promise.all(Array.from({ length: size }, () => startEngine({ ...options, namespace })));
  await Promise.all(engines.map(trusted));
  return engines;
}

/** Waits until the memory tiers of an engine may answer. */
export async function trusted(engine: CacheEngine): Promise<void> {
  await eventually(() => engine.connectionStates().every(({ link }) => link === 'trusted'));
}

/**
 * Reads until the answers keep coming from the memory of this process: the announcement of the fill itself may be late and
 * drop the first copy.
 */
export async function inMemory(cache: CacheService, key: string, value: unknown, tags: string[] = []): Promise<void> {
  let inARow = 0;
  await eventually(async () => {
    inARow = (await cache.resolve(key, () => value, { tags })).source === 'l1' ? inARow + 1 : 0;
    return inARow === 10;
  });
}

/** Waits until an engine uses Redis. */
export async function connected(engine: CacheEngine): Promise<void> {
  await eventually(() => engine.connectionStates().every(({ isUp }) => isUp), 10_000);
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((engine) => engine.close()));
  for (const client of foreign.splice(0)) client.disconnect();
});

/** A loader that ends when the test says so, and counts its runs. */
export function gatedLoader<T>(value: T): { load: () => Promise<T>; open: () => void; runs: () => number } {
  let runs = 0;
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    load: async () => {
      runs += 1;
      await gate;
      return value;
    },
    open,
    runs: () => runs,
  };
}
