import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { addressOf, DEFAULT_TTL_MS, TUNED_IOREDIS, TUNED_TEXT } from '../adapter.mjs';

const LOUD_LEVELS = ['warn', 'error', 'fatal'];
const QUIET_LEVELS = ['trace', 'debug', 'info'];

/** @type {import('../adapter.mjs').Adapter} */
export const adapter = {
  name: 'bentocache',
  packages: ['bentocache', 'ioredis'],
  features: ['memory', 'set', 'tags', 'loadedTags', 'clear', 'grace'],
  configuration:
    'memory of 10 MB and 5,000 entries, Redis and the Redis bus; grace only where a scenario asks for it; a logger',
  docs: 'https://bentocache.dev/docs/multi-tier',
  tuning: `for Redis, as the bus would reject unhandled: ${TUNED_TEXT.ioredis}, l2CircuitBreakerDuration 2 s`,
  start: async ({ url, namespace, isTuned, report, hasMemory = true }) => {
    const connection = addressOf(url);
    const redis = redisDriver({ connection: { ...connection, ...(isTuned && TUNED_IOREDIS) } });
    const bento = new BentoCache({
      default: 'multitier',
      prefix: namespace,
      ttl: DEFAULT_TTL_MS,
      logger: loggerTo(report),
      ...(isTuned && { l2CircuitBreakerDuration: '2s' }),
      stores: {
        multitier: hasMemory
          ? bentostore()
              .useL1Layer(memoryDriver({ maxSize: '10mb', maxItems: 5_000 }))
              .useL2Layer(redis)
              .useBus(redisBusDriver({ connection }))
          : bentostore().useL2Layer(redis),
      },
    });
    return {
      getOrSet: (key, factory, options) => bento.getOrSet({ key, factory, ...optionsOf(options) }),
      get: (key) => bento.get({ key }),
      set: (key, value, options) => bento.set({ key, value, ...optionsOf(options) }),
      delete: (key) => bento.delete({ key }),
      invalidateTag: (tag) => bento.deleteByTag({ tags: [tag] }),
      clear: () => bento.clear(),
      stop: () => bento.disconnectAll(),
    };
  },
};

function optionsOf({ tags, ttlMs, graceMs } = {}) {
  return { ...(tags && { tags }), ...(ttlMs && { ttl: ttlMs }), ...(graceMs && { grace: graceMs }) };
}

function loggerTo(report) {
  const logger = { child: () => logger };
  for (const level of QUIET_LEVELS) logger[level] = () => undefined;
  for (const level of LOUD_LEVELS) logger[level] = (...entry) => report(entry);
  return logger;
}
