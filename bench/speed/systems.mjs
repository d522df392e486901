// @ts-check
import { adapterOf } from '../trust/systems.mjs';
import { startIoredis, startLruCache, startMap, startNodeRedis } from './raw.mjs';

/**
 * Where a system finds what it is asked for: in the memory of its process, in Redis, or in both.
 * @typedef {'memory' | 'redis'} Tier
 */

/** @typedef {Pick<import('../trust/adapter.mjs').Cache, 'get' | 'getOrSet' | 'set' | 'stop'>} Subject */

/**
 * @typedef {object} System
 * @property {string} name
 * @property {readonly Tier[]} tiers those it can be measured on
 * @property {(options: { url: string, tier: Tier }) => Promise<Subject>} start with a memory only where that tier is measured
 */

/** @param {string} adapter @param {string} name @param {readonly Tier[]} tiers @returns {System} */
function cache(adapter, name, tiers) {
  return {
    name,
    tiers,
    start: async ({ url, tier }) => {
      const { start } = await adapterOf(adapter);
      const hasMemory = tier === 'memory';
      return start({ url, namespace: 'bench', isTuned: false, hasMemory, hasTags: false, report: console.error });
    },
  };
}

/** @type {readonly System[]} */
export const SYSTEMS = [
  { name: 'Map', tiers: ['memory'], start: startMap },
  { name: 'lru-cache', tiers: ['memory'], start: startLruCache },
  { name: 'ioredis', tiers: ['redis'], start: (options) => startIoredis(options, false) },
  { name: 'ioredis, auto-pipelined', tiers: ['redis'], start: (options) => startIoredis(options, true) },
  { name: 'node-redis', tiers: ['redis'], start: startNodeRedis },
  cache('ours', 'nestjs-rcache', ['memory', 'redis']),
  cache('bentocache', 'bentocache', ['memory', 'redis']),
  cache('cache-manager', 'cache-manager + Keyv', ['memory', 'redis']),
  cache('cacheable', 'cacheable', ['memory', 'redis']),
  cache('async-cache-dedupe', 'async-cache-dedupe', ['redis']),
];
