// @ts-check

/**
 * The records of the source of truth, and the caches they are read through. Workers and checker share this page: it says
 * which records an invalidation reaches.
 * @typedef {'default' | 'tagged' | 'valued' | 'graceful' | 'written'} CacheName
 * @typedef {{ id: number, cache: CacheName, key: string }} TruthRecord
 * @typedef {{ record: number, version: number, filling: string }} Value
 * @typedef {{ kind: 'records', records: readonly number[] } | { kind: 'tag', tag: string }
 *   | { kind: 'cache', cache: CacheName } | { kind: 'namespace' }} Target what an invalidation reaches
 */

/** @type {readonly CacheName[]} */
export const CACHE_NAMES = ['default', 'tagged', 'valued', 'graceful', 'written'];
const RECORDS_PER_CACHE = 16;
const GROUPS = 4;
/** Past 8,192 bytes a payload is compressed. */
const LONG_FILLING = 'x'.repeat(10_000);

/** @type {readonly TruthRecord[]} */
export const RECORDS = CACHE_NAMES.flatMap((cache, index) =>
  Array.from({ length: RECORDS_PER_CACHE }, (_, place) => {
    const id = index * RECORDS_PER_CACHE + place;
    return { id, cache, key: `record:${id}` };
  }),
);

export const GROUP_TAGS = Array.from({ length: GROUPS }, (_, group) => `group:${group}`);

/** @param {number} id */
export function recordOf(id) {
  return /** @type {TruthRecord} */ (RECORDS[id]);
}

/** @param {CacheName} cache */
export function recordsIn(cache) {
  return RECORDS.filter((record) => record.cache === cache);
}

/** @param {number} record @param {number} version @returns {Value} */
export function valueOf(record, version) {
  return { record, version, filling: version % 50 === 49 ? LONG_FILLING : 'short' };
}

/** @param {number} id */
export function groupTag(id) {
  return /** @type {string} */ (GROUP_TAGS[id % GROUPS]);
}

/** A tag that a record has in every other version only. @param {number} id @param {number} version */
export function movingTag(id, version) {
  return `moving:${id}:${version % 2}`;
}

/** Records of the default cache whose loader names the tag itself. @param {TruthRecord} record */
export function isTaggedByLoader({ id, cache }) {
  return cache === 'default' && id % 2 === 1;
}

/** Records whose loader at times does not want its result to be stored. @param {TruthRecord} record */
export function isSkippedAtTimes({ id }) {
  return id % 16 === 7;
}

/** Of the cache `written`, whether a record is stored with `set`, by one process only; the rest with `put`. @param {TruthRecord} record */
export function isStoredBySet({ id }) {
  return id % 2 === 0;
}

/** @param {TruthRecord} record */
function isGrouped(record) {
  return (
    record.cache === 'tagged' || record.cache === 'valued' || record.cache === 'graceful' || isTaggedByLoader(record)
  );
}

/** The records an invalidation reaches. @param {Target} target @returns {readonly number[]} */
export function reached(target) {
  switch (target.kind) {
    case 'records':
      return target.records;
    case 'tag':
      return RECORDS.filter((record) => isGrouped(record) && groupTag(record.id) === target.tag).map(({ id }) => id);
    case 'cache':
      return recordsIn(target.cache).map(({ id }) => id);
    case 'namespace':
      return RECORDS.map(({ id }) => id);
  }
}
