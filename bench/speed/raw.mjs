import { Redis } from 'ioredis-6';
import { LRUCache } from 'lru-cache';
import { createClient } from 'redis';
import { addressOf, DEFAULT_TTL_MS } from '../trust/adapter.mjs';

/** @typedef {import('./systems.mjs').Subject} Subject */

const MAX_ENTRIES = 100_000;

/**
 * What there is below every cache, the limits to compare with: a read, else a load and a write.
 *
 * @param {(key: string) => Promise<any>} get
 * @param {(key: string, value: unknown) => Promise<unknown>} set
 * @param {() => unknown} [stop]
 * @param {(keys: string[]) => Promise<any[]>} [getMany]
 * @returns {Subject}
 */
function byHand(get, set, stop, getMany) {
  return {
    get,
    set,
    getMany,
    getOrSetMany: getMany,
    getOrSet: async (key, load) => {
      const stored = await get(key);
      if (stored !== undefined) return stored;
      const value = await load();
      await set(key, value);
      return value;
    },
    stop: async () => stop?.(),
  };
}

/** A Map behind an async function. */
export async function startMap() {
  const map = new Map();
  return byHand(
    async (key) => map.get(key),
    async (key, value) => void map.set(key, value),
  );
}

/** lru-cache behind an async function. */
export async function startLruCache() {
  const lru = new LRUCache({ max: MAX_ENTRIES, ttl: DEFAULT_TTL_MS });
  return byHand(
    async (key) => lru.get(key),
    async (key, value) => void lru.set(key, value),
  );
}

/** ioredis 6 with its defaults, or with auto-pipelining. @param {{ url: string }} options @param {boolean} enableAutoPipelining */
export async function startIoredis({ url }, enableAutoPipelining) {
  const client = new Redis({ ...addressOf(url), enableAutoPipelining });
  return byHand(
    async (key) => parsed(await client.get(key)),
    (key, value) => client.set(key, JSON.stringify(value), 'PX', DEFAULT_TTL_MS),
    () => client.disconnect(),
    async (keys) => (await client.mget(keys)).map(parsed),
  );
}

/** node-redis, which always pipelines what one turn sends. @param {{ url: string }} options */
export async function startNodeRedis({ url }) {
  const client = await createClient({ url }).connect();
  return byHand(
    async (key) => parsed(await client.get(key)),
    (key, value) => client.set(key, JSON.stringify(value), { PX: DEFAULT_TTL_MS }),
    () => client.destroy(),
    async (keys) => (await client.mGet(keys)).map(parsed),
  );
}

/** @param {string | null} stored */
function parsed(stored) {
  return stored === null ? undefined : JSON.parse(stored);
}
