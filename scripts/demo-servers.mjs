// @ts-check
import { startFaultProxy } from '../test/lab/fault-proxy.mjs';
import { bringEvidenceBack } from './demo-failures.mjs';
import { fillDatabase, startDatabase, startSharedStore } from './demo-stack.mjs';
import { startRedis } from './servers.mjs';

/** @typedef {import('../test/lab/fault-proxy.mjs').FaultProxy} FaultProxy */
/** @typedef {import('./redis-server.mjs').RedisServer} RedisServer */

/**
 * The servers behind the demo. Those that are ours have a proxy in front, which can misbehave.
 * @typedef {object} DemoServers
 * @property {{ proxy: FaultProxy, server: () => RedisServer, restart: () => Promise<void> }} [redis] of the cache alone:
 *   sessions have another, so that nobody is logged out by what is shown
 * @property {{ proxy: FaultProxy, url: string }} [postgres] the URL leads past the proxy
 */

/**
 * Redis and a filled PostgreSQL as the environment names them, else private ones; the environment names them from then on.
 *
 * @param {<Server extends { stop: () => Promise<void> }>(server: Server) => Server} keep
 * @returns {Promise<{ servers: DemoServers, redisKind: 'yours' | 'private', databaseKind: 'yours' | 'postgres' | 'pglite' }>}
 */
export async function startDemoServers(keep) {
  const store = keep(await startSharedStore());
  /** @type {DemoServers} */
  const servers = {};
  if (store.kind === 'private') {
    process.env.SESSION_REDIS_URL ||= process.env.REDIS_URL;
    let server = await startRedis();
    keep({ stop: () => server.stop() });
    const proxy = keep(await startFaultProxy({ targetPort: server.port }));
    process.env.REDIS_URL = proxy.url;
    const restart = async () => {
      server = await startRedis({ port: server.port });
    };
    servers.redis = { proxy, server: () => server, restart };
  }
  const database = keep(await startDatabase());
  await fillDatabase();
  if (database.kind !== 'yours') {
    const url = new URL(database.url);
    await bringEvidenceBack(database.url);
    const proxy = keep(await startFaultProxy({ targetPort: Number(url.port) }));
    url.port = String(proxy.port);
    process.env.DATABASE_URL = url.href;
    servers.postgres = { proxy, url: database.url };
  }
  return { servers, redisKind: store.kind, databaseKind: database.kind };
}
