// @ts-check
import { adapterOf } from '../trust/systems.mjs';

/**
 * Where a system finds what it is asked for: in the memory of its process, in Redis, or in both.
 * @typedef {'memory' | 'redis'} Tier
 */

/** @typedef {import('../trust/adapter.mjs').Cache} Cache */
/** @typedef {Omit<Cache, 'delete'>} Subject */
/**
 * @typedef {object} StartOptions
 * @property {string} url
 * @property {Tier} tier
 * @property {boolean} [hasTags] default `false`
 * @property {(error: unknown) => void} [report] takes what the system tells listeners and loggers; prints it by default
 */

/**
 * @typedef {object} System
 * @property {string} name
 * @property {readonly Tier[]} tiers those it can be measured on
 * @property {(options: StartOptions) => Promise<Subject>} start with a memory only where that tier is measured
 */

/** @param {string} adapter @param {string} name @param {readonly Tier[]} tiers @returns {System} */
function cache(adapter, name, tiers) {
  return {
    name,
    tiers,
    start: async ({ url, tier, hasTags = false, report = console.error }) => {
      const { start } = await adapterOf(adapter);
      const hasMemory = tier === 'memory';
      return start({ url, namespace: 'bench', isTuned: false, hasMemory, hasTags, report });
    },
  };
}

/**
 * What there is below every cache. Its packages are read when it starts, as those of the caches are.
 *
 * @param {string} name
 * @param {readonly Tier[]} tiers
 * @param {(raw: typeof import('./raw.mjs'), options: StartOptions) => Promise<Subject>} start
 * @returns {System}
 */
function byHand(name, tiers, start) {
  return { name, tiers, start: async (options) => start(await import('./raw.mjs'), options) };
}

export const OURS = 'nestjs-rcache';

/** @type {readonly System[]} */
export const SYSTEMS = [
  byHand('Map', ['memory'], (raw) => raw.startMap()),
  byHand('lru-cache', ['memory'], (raw) => raw.startLruCache()),
  byHand('ioredis', ['redis'], (raw, options) => raw.startIoredis(options, false)),
  byHand('ioredis, auto-pipelined', ['redis'], (raw, options) => raw.startIoredis(options, true)),
  byHand('node-redis', ['redis'], (raw, options) => raw.startNodeRedis(options)),
  cache('ours', OURS, ['memory', 'redis']),
  cache('bentocache', 'bentocache', ['memory', 'redis']),
  cache('cache-manager', 'cache-manager + Keyv', ['memory', 'redis']),
  cache('cacheable', 'cacheable', ['memory', 'redis']),
  cache('async-cache-dedupe', 'async-cache-dedupe', ['redis']),
];

/** @param {string} name @returns {System} */
export function systemOf(name) {
  const system = SYSTEMS.find((one) => one.name === name);
  if (!system) throw new Error(`There is no system "${name}".`);
  return system;
}
