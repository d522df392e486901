import { connectionAs } from '../lab/acl.mjs';
import { SPEC_USERS } from './shared-lab.mjs';
import type { ConnectionOptions } from '../../libs/redis-cache/src/redis/connection-options.js';

/**
 * The Redis of this test run, shared by all specs: use a namespace of your own (`uniqueNamespace`), never flush it.
 * A spec that stops, fills or reconfigures its Redis starts one with `startRedis` from scripts/servers.mjs.
 *
 * @throws {Error} outside a Jest run of this repository
 */
export function testRedisUrl(): string {
  const url = process.env.TEST_REDIS_URL;
  if (!url)
    throw new Error('TEST_REDIS_URL is not set: run the spec through Jest with the jest.config.ts of this repository.');
  return url;
}

/** Where the engines of a spec connect to: the Redis of this test run, in the topology of the Jest project. */
export function testConnection(): ConnectionOptions {
  const topology = (globalThis as { testTopology?: string }).testTopology ?? 'standalone';
  if (topology === 'standalone') return { url: testRedisUrl() };
  const connection = process.env[`TEST_CONNECTION_${topology.toUpperCase()}`];
  if (!connection) throw new Error(`There is no Redis for the project "${topology}": run the spec through Jest.`);
  return { ...(JSON.parse(connection) as ConnectionOptions), ...connectionAs(SPEC_USERS) };
}

/**
 * The PostgreSQL of this test run, shared by all specs: DATABASE_URL when it is set, else a private one that starts with
 * the first call of the run.
 *
 * @throws {Error} when it does not start
 */
export async function testDatabaseUrl(): Promise<string> {
  const url = process.env.DATABASE_URL ?? process.env.TEST_DATABASE_URL;
  if (url) return url;
  const response = await fetch(process.env.TEST_DATABASE_BROKER_URL ?? '');
  const answer = await response.text();
  if (!response.ok) throw new Error(`The PostgreSQL of the test run did not start: ${answer}`);
  return (process.env.TEST_DATABASE_URL = answer);
}

let namespaces = 0;

/** A cache namespace no other spec, worker or run uses. */
export function uniqueNamespace(): string {
  namespaces += 1;
  return `test-${process.pid}-${Date.now().toString(36)}-${namespaces}`;
}
