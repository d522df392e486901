// @ts-check
// What an average team would write with @nestjs/cache-manager for the same methods, with the same lifetimes: `wrap` around
// what is read, `del` after what is written. There are no tags, so each write names every key it concerns, and asks the
// database for those it does not know. Stores as in https://docs.nestjs.com/techniques/caching#using-alternative-cache-stores
import KeyvRedis from '@keyv/redis';
import { CACHE_MANAGER, CacheModule } from '@nestjs/cache-manager';
import { ModuleRef } from '@nestjs/core';
import { CacheableMemory } from 'cacheable';
import { sql } from 'drizzle-orm';
import { Keyv } from 'keyv';
import { endOfDay } from 'nestjs-rcache';
import { Counter } from 'prom-client';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const BASELINES = ['LOW', 'MODERATE', 'HIGH', 'PRIVACY'];

/** @typedef {(...args: any[]) => Promise<any>} Method */
/**
 * @typedef {object} Read
 * @property {[file: string, name: string, method: string]} of
 * @property {(...args: any[]) => string} key
 * @property {number | ((...args: any[]) => number)} ttlMs
 */
/**
 * @typedef {object} Write
 * @property {[file: string, name: string, method: string]} of
 * @property {(idsOf: (table: 'users' | 'products', orgId: number) => Promise<number[]>, ...args: any[]) => string[] | Promise<string[]>} keys
 */

const USERS = /** @type {const} */ (['users/users.repository', 'UsersRepository']);
const AUTHZ = /** @type {const} */ (['authz/authz.repository', 'AuthzRepository']);
const ORGANISATIONS = /** @type {const} */ (['rules/organisations.repository', 'OrganisationsRepository']);
const RULES = /** @type {const} */ (['rules/rules.repository', 'RulesRepository']);
const PRODUCTS = /** @type {const} */ (['compliance/products.repository', 'ProductsRepository']);
const COMPLIANCE = /** @type {const} */ (['compliance/compliance.service', 'ComplianceService']);
const EVIDENCE = /** @type {const} */ (['compliance/evidence.repository', 'EvidenceRepository']);
const STATISTICS = /** @type {const} */ (['statistics/statistics.repository', 'StatisticsRepository']);

const today = () => new Date().toISOString().slice(0, 10);
const aboutProduct = (/** @type {number} */ id) => [`compliance:${id}:${today()}`, `validation:${id}:${today()}`];
const aboutGrants = (/** @type {{ userId: number, role: { orgId: number } }} */ { userId, role }) => [
  `permissions:${userId}`,
  `granted-roles:${userId}`,
  `statistics:${role.orgId}`,
];

/** @type {Read[]} */
const READS = [
  { of: [...USERS, 'find'], key: (id) => `users:${id}`, ttlMs: HOUR_MS },
  { of: [...USERS, 'findPreferences'], key: (userId) => `preferences:${userId}`, ttlMs: 24 * HOUR_MS },
  { of: [...AUTHZ, 'effectivePermissions'], key: ({ userId }) => `permissions:${userId}`, ttlMs: 30 * MINUTE_MS },
  { of: [...AUTHZ, 'rolesOf'], key: (userId) => `granted-roles:${userId}`, ttlMs: 30 * MINUTE_MS },
  { of: [...AUTHZ, 'findRole'], key: (id) => `roles:${id}`, ttlMs: HOUR_MS },
  { of: [...ORGANISATIONS, 'find'], key: (id) => `organisations:${id}`, ttlMs: HOUR_MS },
  { of: [...RULES, 'list'], key: (orgId, baseline) => `rules:${orgId}:${baseline}`, ttlMs: HOUR_MS },
  { of: [...RULES, 'find'], key: (orgId, controlId) => `rule:${orgId}:${controlId}`, ttlMs: HOUR_MS },
  { of: [...PRODUCTS, 'find'], key: (id) => `products:${id}`, ttlMs: HOUR_MS },
  { of: [...COMPLIANCE, 'summary'], key: ({ id }) => `compliance:${id}:${today()}`, ttlMs: 15 * MINUTE_MS },
  { of: [...COMPLIANCE, 'validate'], key: ({ id }) => `validation:${id}:${today()}`, ttlMs: 2 * HOUR_MS },
  {
    of: [...STATISTICS, 'today'],
    key: (orgId) => `statistics:${orgId}`,
    ttlMs: (_orgId, timeZone) => Math.max(1, endOfDay(timeZone)().getTime() - Date.now()),
  },
];

/** @type {Write[]} */
const WRITES = [
  { of: [...USERS, 'recordLogin'], keys: (_idsOf, { orgId }) => [`statistics:${orgId}`] },
  {
    of: [...USERS, 'savePreferences'],
    keys: (_idsOf, { id, orgId }) => [`preferences:${id}`, `statistics:${orgId}`],
  },
  { of: [...AUTHZ, 'grant'], keys: (_idsOf, grant) => aboutGrants(grant) },
  { of: [...AUTHZ, 'revoke'], keys: (_idsOf, grant) => aboutGrants(grant) },
  {
    of: [...AUTHZ, 'replacePermissions'],
    keys: async (idsOf, { orgId }) => [
      `statistics:${orgId}`,
      ...(await idsOf('users', orgId)).map((userId) => `permissions:${userId}`),
    ],
  },
  {
    of: [...RULES, 'override'],
    keys: async (idsOf, orgId, controlId) => [
      `statistics:${orgId}`,
      `rule:${orgId}:${controlId}`,
      ...BASELINES.map((baseline) => `rules:${orgId}:${baseline}`),
      ...(await idsOf('products', orgId)).flatMap(aboutProduct),
    ],
  },
  {
    of: [...EVIDENCE, 'save'],
    keys: (_idsOf, { id, orgId }) => [`statistics:${orgId}`, ...aboutProduct(id)],
  },
];

/**
 * @param {object} options
 * @param {string} options.url of the Redis
 * @param {boolean} options.hasMemory whether there is a memory tier, which the documentation has
 */
export async function baselineModule({ url, hasMemory }) {
  const compiled = '../dist/apps/reference';
  const { DATABASE } = await import(`${compiled}/database/database.js`);
  const requests = new Counter({ name: 'baseline_requests_total', help: 'Calls of wrap.', labelNames: ['result'] });

  /** @param {ModuleRef} modules @param {import('cache-manager').Cache} cache */
  const wrapMethods = async (modules, cache) => {
    const db = modules.get(DATABASE, { strict: false });
    const idsOf = async (/** @type {string} */ table, /** @type {number} */ orgId) =>
      (await db.execute(sql`select id from ${sql.identifier(table)} where org_id = ${orgId}`)).rows.map(
        (/** @type {{ id: number }} */ row) => row.id,
      );
    /** @param {readonly [string, string, string]} of @param {(method: Method) => Method} wrapper */
    const replace = async ([file, name, method], wrapper) => {
      const instance = modules.get((await import(`${compiled}/${file}.js`))[name], { strict: false });
      instance[method] = wrapper(instance[method].bind(instance));
    };
    for (const { of, key, ttlMs } of READS) {
      await replace(of, (load) => async (...args) => {
        let result = 'hit';
        const counted = () => {
          result = 'miss';
          return load(...args);
        };
        const value = await cache.wrap(key(...args), counted, typeof ttlMs === 'number' ? ttlMs : ttlMs(...args));
        requests.inc({ result });
        return value;
      });
    }
    for (const { of, keys } of WRITES) {
      await replace(of, (write) => async (...args) => {
        const result = await write(...args);
        await cache.mdel(await keys(idsOf, ...args));
        return result;
      });
    }
  };

  const memory = () => new Keyv({ store: new CacheableMemory({ ttl: MINUTE_MS, lruSize: 5_000 }) });
  const redis = new KeyvRedis(url);
  redis.on('error', () => undefined);
  return {
    module: class BaselineModule {},
    imports: [CacheModule.register({ stores: hasMemory ? [memory(), redis] : [redis] })],
    providers: [
      {
        provide: 'baseline',
        inject: [ModuleRef, CACHE_MANAGER],
        useFactory: (/** @type {ModuleRef} */ modules, /** @type {import('cache-manager').Cache} */ cache) => ({
          onModuleInit: () => wrapMethods(modules, cache),
        }),
      },
    ],
  };
}
