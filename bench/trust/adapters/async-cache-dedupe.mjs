import { createCache } from 'async-cache-dedupe';
import { Redis } from 'ioredis';
import { addressOf, DEFAULT_TTL_MS, TUNED_IOREDIS, TUNED_TEXT } from '../adapter.mjs';

/** The functions of all processes: each defines what another has defined. */
const definitions = new Map();

/** @type {import('../adapter.mjs').Adapter} */
export const adapter = {
  name: 'async-cache-dedupe',
  packages: ['async-cache-dedupe', 'ioredis'],
  features: ['tags', 'loadedTags', 'clear', 'grace', 'arguments'],
  configuration:
    'Redis storage with invalidation by references; no memory beside it; stale only where a scenario asks for it',
  docs: 'https://github.com/mcollina/async-cache-dedupe#createcacheopts',
  tuning: TUNED_TEXT.ioredis,
  start: async ({ url, namespace, isTuned, report }) => {
    const client = new Redis({ ...addressOf(url), ...(isTuned && TUNED_IOREDIS) });
    client.on('error', report);
    const invalidation = { referencesTTL: DEFAULT_TTL_MS / 1000 };
    const cache = createCache({ storage: { type: 'redis', options: { client, invalidation } }, onError: report });

    // It caches functions, each with one ttl: one is defined for every pair of ttl and stale that is asked for.
    const functionOf = ({ ttlMs = DEFAULT_TTL_MS, graceMs = 0 } = {}) => {
      const name = `${namespace}-${ttlMs}-${graceMs}`;
      definitions.set(name, { ttl: ttlMs / 1000, stale: graceMs / 1000 });
      return defined(name);
    };
    const defined = (name) => {
      const options = { ...definitions.get(name), serialize: ({ key }) => key, references: ({ tags }) => tags };
      if (!cache[name]) cache.define(name, options, ({ load }) => load());
      return name;
    };
    const everyFunction = () => [...definitions.keys()].filter((name) => name.startsWith(`${namespace}-`)).map(defined);
    return {
      getOrSet: (key, load, options) => cache[functionOf(options)]({ key, load, tags: options?.tags }),
      call: (args, load) => cache[functionOf()]({ key: args.length === 1 ? args[0] : args, load }),
      delete: (key) => Promise.all(everyFunction().map((name) => cache.clear(name, { key }))),
      invalidateTag: (tag) => cache.invalidateAll(tag),
      clear: () => Promise.all(everyFunction().map((name) => cache.clear(name))),
      stop: async () => client.disconnect(),
    };
  },
};
