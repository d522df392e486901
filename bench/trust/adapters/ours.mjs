import { setTimeout as sleep } from 'node:timers/promises';
import { CacheEngine } from '../../../libs/redis-cache/dist/cache/engine.js';

const TRUST_TIMEOUT_MS = 2_000;
const POLL_MS = 10;

/** @type {import('../adapter.mjs').Adapter} */
export const adapter = {
  name: 'nestjs-rcache',
  packages: ['nestjs-rcache'],
  features: ['memory', 'set', 'tags', 'loadedTags', 'clear', 'grace', 'arguments'],
  configuration: 'defaults',
  docs: 'module.md',
  start: async ({ url, namespace, report, hasMemory = true }) => {
    const engine = new CacheEngine({ namespace, connection: { url }, l1: hasMemory });
    engine.events.on('redis-error', report);
    await engine.start();
    await untilTrusted(engine);
    const cache = engine.defaultCache;
    return {
      getOrSet: (key, load, options) => cache.getOrSet(key, load, optionsOf(options)),
      get: (key) => cache.get(key),
      getMany: (keys) => cache.getMany(keys),
      getOrSetMany: (keys, load) => cache.getOrSetMany(keys, load),
      deletePrefix: (prefix) => cache.invalidatePattern(`${prefix}*`),
      call: (args, load) => cache.getOrSet(args, load),
      set: (key, value, options) => cache.set(key, value, optionsOf(options)),
      delete: (key) => cache.delete(key),
      invalidateTag: (tag) => cache.invalidateTags([tag]),
      clear: () => cache.clear(),
      stop: () => engine.close(),
    };
  },
};

// As the other systems get time to subscribe. While Redis is away there is nothing to wait for.
async function untilTrusted(engine) {
  const deadlineMs = performance.now() + TRUST_TIMEOUT_MS;
  const isTrusted = () => engine.connectionStates().every(({ link }) => link === 'trusted');
  while (!isTrusted() && performance.now() < deadlineMs) await sleep(POLL_MS);
}

function optionsOf(options) {
  return options && { tags: options.tags, ttl: options.ttlMs, grace: options.graceMs };
}
