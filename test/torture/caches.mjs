// @ts-check
import { groupTag, movingTag } from './records.mjs';

/** @typedef {typeof import('../../libs/redis-cache/src/index.js')} Library */
/** @typedef {import('../../libs/redis-cache/src/cache/cache.service.js').CacheService} CacheService */
/** @typedef {import('../../libs/redis-cache/src/cache/engine.js').CacheEngine} CacheEngine */
/** @typedef {import('./records.mjs').CacheName} CacheName */
/** @typedef {import('./records.mjs').Value} Value */

/** @param {Library} library @param {CacheEngine} engine @returns {Record<CacheName, CacheService>} */
export function makeCaches({ defineCache }, engine) {
  const key = (/** @type {number} */ id) => `record:${id}`;
  return {
    default: engine.defaultCache,
    tagged: engine.cache(defineCache({ name: 'tagged', key })),
    valued: engine.cache(defineCache({ name: 'valued', key })),
    graceful: engine.cache(defineCache({ name: 'graceful', key, ttl: '700ms', grace: '20s', earlyRefresh: true })),
    written: engine.cache(defineCache({ name: 'written', key })),
  };
}

/** Tags that are known before the load, and tags that only the value tells. @param {import('./records.mjs').TruthRecord} record */
export function tagOptions({ id, cache }) {
  if (cache === 'tagged' || cache === 'graceful') return { tags: [groupTag(id)] };
  if (cache !== 'valued') return {};
  return { tags: (/** @type {Value} */ { record, version }) => [groupTag(record), movingTag(record, version)] };
}
