import { createClient, createKeyv } from '@keyv/redis';
import { RedisMessageProvider } from '@qified/redis';
import { Cacheable } from 'cacheable';
import { DEFAULT_TTL_MS, TUNED, TUNED_NODE_REDIS, TUNED_TEXT } from '../adapter.mjs';

/** @type {import('../adapter.mjs').Adapter} */
export const adapter = {
  name: 'cacheable',
  packages: ['cacheable', '@keyv/redis', '@qified/redis'],
  features: ['memory', 'set', 'tags', 'clear', 'arguments'],
  configuration:
    '@keyv/redis as secondary, CacheableSync over @qified/redis, tags on, throwErrors on; error listeners, ' +
    'also on the clients of the provider',
  docs: 'https://cacheable.org/docs/cacheable/#cacheablesync---distributed-updates',
  tuning: `nonBlocking and throwOnConnectError off, as its section on hangs asks; everywhere ${TUNED_TEXT.nodeRedis}`,
  start: async ({ url, namespace, isTuned, report, hasMemory = true, hasTags = true }) => {
    const provider = new RedisMessageProvider({ uri: url });
    const tuned = { url, ...TUNED_NODE_REDIS };
    // The provider has no option for its clients.
    if (isTuned) Object.assign(provider, { pub: createClient(tuned), sub: createClient(tuned) });
    // Its documentation does not ask for them; without, the first lost connection would end the process.
    for (const client of [provider.pub, provider.sub]) client.on('error', report);
    const patience = { throwOnConnectError: false, connectionTimeout: TUNED.connectMs };
    const redis = isTuned ? createKeyv(tuned, { namespace, ...patience }) : createKeyv(url, { namespace });
    const shared = { namespace, tags: hasTags, ttl: DEFAULT_TTL_MS, nonBlocking: isTuned };
    const cache = hasMemory
      ? new Cacheable({ ...shared, secondary: redis, sync: { qified: provider } })
      : new Cacheable({ ...shared, primary: redis });
    cache.on('error', report);
    return {
      getOrSet: (key, load, { ttlMs } = {}) => cache.getOrSet(key, load, { ttl: ttlMs, throwErrors: true }),
      get: (key) => cache.get(key),
      getMany: (keys) => cache.getMany(keys),
      call: (args, load) => cache.wrap(() => load(), { keyPrefix: 'call' })(...args),
      set: (key, value, { ttlMs, tags } = {}) => cache.set(key, value, { ttl: ttlMs, tags }),
      delete: (key) => cache.delete(key),
      invalidateTag: (tag) => cache.tags.invalidateTag(tag),
      clear: () => cache.clear(),
      stop: () => cache.disconnect(),
    };
  },
};
