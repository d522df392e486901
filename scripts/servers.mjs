// The one door to private servers, for scripts and tests alike.
export { freePort } from './loopback.mjs';
export { startPostgres } from './postgres-server.mjs';
export { HOW_TO_GET_REDIS, findRedis, startRedis } from './redis-server.mjs';
