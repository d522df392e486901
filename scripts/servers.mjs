// @ts-check
// The one door to private servers, for scripts and tests alike.
/** @typedef {import('./postgres-server.mjs').PostgresServer} PostgresServer */
/** @typedef {import('./redis-server.mjs').RedisServer} RedisServer */
export { freePort } from './loopback.mjs';
export { startPostgres } from './postgres-server.mjs';
export { HOW_TO_GET_REDIS, findRedis, startRedis } from './redis-server.mjs';
