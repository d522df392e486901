import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { CacheableMemory } from 'cacheable';
import { Keyv } from 'keyv';
import { DEFAULT_TTL_MS, TUNED, TUNED_NODE_REDIS, TUNED_TEXT } from '../adapter.mjs';

/** @type {import('../adapter.mjs').Adapter} */
export const adapter = {
  name: 'cache-manager + Keyv',
  packages: ['cache-manager', 'keyv', '@keyv/redis'],
  features: ['memory', 'set', 'clear'],
  configuration:
    'CacheableMemory with a ttl of 60 s and 5,000 entries, then @keyv/redis with a namespace; error listeners',
  docs: 'https://github.com/jaredwray/cacheable/tree/main/packages/cache-manager#quick-start',
  tuning: `${TUNED_TEXT.nodeRedis}, throwOnConnectError off`,
  start: async ({ url, namespace, isTuned, report, hasMemory = true }) => {
    const memory = new Keyv({ store: new CacheableMemory({ ttl: 60_000, lruSize: 5_000 }) });
    const patience = { throwOnConnectError: false, connectionTimeout: TUNED.connectMs };
    const redis = isTuned
      ? createKeyv({ url, ...TUNED_NODE_REDIS }, { namespace, ...patience })
      : createKeyv(url, { namespace });
    redis.on('error', report);
    const cache = createCache({ stores: hasMemory ? [memory, redis] : [redis], ttl: DEFAULT_TTL_MS });
    return {
      getOrSet: (key, load, { ttlMs } = {}) => cache.wrap(key, load, ttlMs && { ttl: ttlMs }),
      get: (key) => cache.get(key),
      getMany: (keys) => cache.mget(keys),
      set: (key, value, { ttlMs } = {}) => cache.set(key, value, ttlMs),
      delete: (key) => cache.del(key),
      clear: () => cache.clear(),
      stop: () => cache.disconnect(),
    };
  },
};
