// @ts-check

/**
 * What a system can be asked for. A scenario that needs more than a system has is not run on it.
 *
 * - `memory`: keeps entries in the memory of each process.
 * - `set`: stores a value the caller already has.
 * - `tags`: invalidates entries by a tag; `loadedTags`: also those that `getOrSet` has stored.
 * - `clear`: removes every entry of its namespace.
 * - `grace`: may answer an expired value while its loader fails.
 * - `arguments`: makes keys from the arguments of a call.
 *
 * @typedef {'memory' | 'set' | 'tags' | 'loadedTags' | 'clear' | 'grace' | 'arguments'} Feature
 */

/**
 * One system under test, as its documentation sets it up for several processes on one Redis.
 *
 * @typedef {object} Adapter
 * @property {string} name heading of its column
 * @property {readonly string[]} packages whose versions belong to the result
 * @property {readonly Feature[]} features
 * @property {string} configuration
 * @property {string} docs address of the documentation it follows
 * @property {string} [tuning] what `isTuned` changes
 * @property {(options: StartOptions) => Promise<Cache>} start one process; several of them share nothing but Redis
 */

/**
 * @typedef {object} StartOptions
 * @property {string} url of Redis
 * @property {string} namespace first part of every key
 * @property {boolean} isTuned gives the client the timeouts that the documentation leaves out
 * @property {boolean} [hasMemory] `false` leaves out the memory of each process, where there is one; default `true`
 * @property {boolean} [hasTags] `false` switches tags off where that is an option; default `true`
 * @property {(error: unknown) => void} report takes what the system tells an error listener or a logger
 */

/** @typedef {() => unknown} Loader */
/** @typedef {{ tags?: string[], ttlMs?: number, graceMs?: number }} EntryOptions durations are whole seconds */

/**
 * The cache of one process. A method that belongs to a feature is there with it.
 *
 * @typedef {object} Cache
 * @property {(key: string, load: Loader, options?: EntryOptions) => Promise<any>} getOrSet
 * @property {(key: string) => Promise<any>} [get] the stored value, without a loader
 * @property {(keys: string[]) => Promise<any[]>} [getMany] the same for many, in one call; `undefined` or `null` where nothing is
 * @property {(keys: string[], load: Loader) => Promise<any>} [getOrSetMany]
 * @property {(prefix: string) => Promise<unknown>} [deletePrefix]
 * @property {(key: string) => Promise<unknown>} delete
 * @property {(key: string, value: unknown, options?: EntryOptions) => Promise<unknown>} [set]
 * @property {(tag: string) => Promise<unknown>} [invalidateTag]
 * @property {() => Promise<unknown>} [clear]
 * @property {(args: unknown[], load: Loader) => Promise<any>} [call] `getOrSet` with a key made from arguments
 * @property {() => Promise<unknown>} stop
 */

/** How long entries live unless a scenario says otherwise. */
export const DEFAULT_TTL_MS = 300_000;

/** The timeouts a tuned client gets: far shorter than those of its documentation, as loopback allows. */
export const TUNED = { commandMs: 250, connectMs: 250, idleMs: 750, pingMs: 200 };

/** Options that give ioredis 5 these timeouts. */
export const TUNED_IOREDIS = {
  commandTimeout: TUNED.commandMs,
  connectTimeout: TUNED.connectMs,
  maxRetriesPerRequest: 1,
};

/** Options that give node-redis 5 these timeouts. It waits for replies as long as a socket is not idle, hence the pings. */
export const TUNED_NODE_REDIS = {
  disableOfflineQueue: true,
  pingInterval: TUNED.pingMs,
  commandOptions: { timeout: TUNED.commandMs },
  socket: { connectTimeout: TUNED.connectMs, socketTimeout: TUNED.idleMs },
};

/** The same in words. */
export const TUNED_TEXT = {
  ioredis: `commandTimeout ${TUNED.commandMs} ms, connectTimeout ${TUNED.connectMs} ms, maxRetriesPerRequest 1`,
  nodeRedis:
    `no offline queue, connectTimeout ${TUNED.connectMs} ms, socketTimeout ${TUNED.idleMs} ms, ` +
    `pingInterval ${TUNED.pingMs} ms`,
};

/**
 * @param {string} url `redis://[:password@]host:port`
 * @returns {{ host: string, port: number, password?: string }}
 */
export function addressOf(url) {
  const { hostname, port, password } = new URL(url);
  return { host: hostname, port: Number(port), ...(password && { password: decodeURIComponent(password) }) };
}
