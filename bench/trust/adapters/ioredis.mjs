import { Redis } from 'ioredis';
import { addressOf, DEFAULT_TTL_MS, TUNED_IOREDIS, TUNED_TEXT } from '../adapter.mjs';

/** What people write who take no cache library. @type {import('../adapter.mjs').Adapter} */
export const adapter = {
  name: 'ioredis by hand',
  packages: ['ioredis'],
  features: ['set'],
  configuration: 'GET, else load and SET with PX, as JSON; the defaults of the client',
  docs: 'https://github.com/redis/ioredis#basic-usage',
  tuning: TUNED_TEXT.ioredis,
  start: async ({ url, namespace, isTuned, report }) => {
    const client = new Redis({ ...addressOf(url), ...(isTuned && TUNED_IOREDIS) });
    client.on('error', report);
    const spelled = (key) => `${namespace}:${key}`;
    const set = (key, value, { ttlMs = DEFAULT_TTL_MS } = {}) =>
      client.set(spelled(key), JSON.stringify(value ?? null), 'PX', ttlMs);
    const get = async (key) => {
      const stored = await client.get(spelled(key));
      return stored === null ? undefined : JSON.parse(stored);
    };
    return {
      get,
      getOrSet: async (key, load, options) => {
        const stored = await get(key);
        if (stored !== undefined) return stored;
        const value = await load();
        await set(key, value, options);
        return value;
      },
      set,
      delete: (key) => client.del(spelled(key)),
      stop: async () => client.disconnect(),
    };
  },
};
