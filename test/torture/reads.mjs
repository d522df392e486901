// @ts-check
import { tagOptions } from './caches.mjs';
import { nowMs } from './clock.mjs';
import { NOTHING } from './observations.mjs';
import { groupTag, isSkippedAtTimes, isTaggedByLoader, RECORDS, recordsIn } from './records.mjs';
import { SourceFailure } from './source.mjs';

/** @typedef {import('./observations.mjs').ReadWay} ReadWay */
/** @typedef {import('./records.mjs').TruthRecord} TruthRecord */
/** @typedef {import('./records.mjs').Value} Value */
/** @typedef {{ caches: Record<string, import('./caches.mjs').CacheService>, source: import('./source.mjs').Source,
 *   seen: import('./observations.mjs').Observations, random: import('./random.mjs').Random }} Worker */

/** @type {Record<ReadWay, number>} */
const WEIGHTS = {
  getOrSet: 60,
  resolve: 6,
  strong: 5,
  copy: 3,
  withoutMemory: 4,
  get: 10,
  lookup: 5,
  getMany: 2,
  getOrSetMany: 3,
};
/** Records that most reads want. */
const HOT_EVERY = 5;
const HOT_SHARE = 0.5;

/** One read of any kind, of any record. @param {Worker} worker */
export async function readAny(worker) {
  const { random } = worker;
  const all = random.pick(RECORDS);
  const record = random.chance(HOT_SHARE) ? /** @type {TruthRecord} */ (RECORDS[all.id - (all.id % HOT_EVERY)]) : all;
  await readOne(worker, record, random.weighted(WEIGHTS));
}

/** Reads a record and notes the version. @param {Worker} worker @param {TruthRecord} record @param {ReadWay} way */
export async function readOne(worker, record, way) {
  const { seen } = worker;
  const records = way.endsWith('Many') ? worker.random.some(recordsLike(record), 6) : [record];
  const beganMs = nowMs();
  try {
    const values = await READS[way](worker, records);
    records.forEach(({ id }, place) => {
      seen.read(id, versionIn(worker, id, values[place]), beganMs, way);
    });
  } catch (error) {
    if (!(error instanceof SourceFailure)) seen.problem(`${way} of record ${record.id} rejected`, error);
    for (const { id } of records) seen.read(id, NOTHING, beganMs, way);
  }
}

/** @type {Record<ReadWay, (worker: Worker, records: readonly TruthRecord[]) => Promise<(Value | undefined)[]>>} */
const READS = {
  getOrSet: (worker, [record]) => one(load(worker, record)),
  strong: (worker, [record]) => one(load(worker, record, { consistency: 'strong' })),
  copy: (worker, [record]) => one(load(worker, record, { values: 'copy' })),
  withoutMemory: (worker, [record]) => one(load(worker, record, { l1: false })),
  resolve: async (worker, [record]) => {
    const { cache, key, loader, options } = arranged(worker, record);
    return [(await cache.resolve(key, loader, options)).value];
  },
  get: (worker, [record]) => {
    const { cache, key } = arranged(worker, record);
    return one(/** @type {Promise<Value | undefined>} */ (cache.get(key)));
  },
  lookup: async (worker, [record]) => {
    const { cache, key } = arranged(worker, record);
    const found = await cache.lookup(key);
    return [found.isHit ? /** @type {Value} */ (found.value) : undefined];
  },
  getMany: (worker, records) => {
    const { cache } = arranged(worker, records[0]);
    return /** @type {Promise<(Value | undefined)[]>} */ (cache.getMany(records.map(({ key }) => key)));
  },
  getOrSetMany: async (worker, records) => {
    const { cache, options } = arranged(worker, records[0]);
    // One call has one list of tags, and its loader names none.
    if (Array.isArray(options.tags) || isTaggedByLoader(/** @type {TruthRecord} */ (records[0]))) {
      return Promise.all(records.map((record) => load(worker, record)));
    }
    const keys = records.map(({ key }) => key);
    const loader = async (/** @type {readonly string[]} */ missing) => {
      const wanted = records.filter(({ key }) => missing.includes(key));
      const loaded = wanted.map(async ({ id, key }) => /** @type {const} */ ([key, await worker.source.load(id)]));
      return new Map(await Promise.all(loaded));
    };
    const values = /** @type {Map<unknown, Value>} */ (await cache.getOrSetMany(keys, loader, options));
    return keys.map((key) => values.get(key));
  },
};

/** @param {Worker} worker @param {TruthRecord | undefined} record @param {object} [callOptions] @returns {Promise<Value>} */
function load(worker, record, callOptions) {
  const { cache, key, loader, options } = arranged(worker, record);
  return cache.getOrSet(key, loader, callOptions === undefined ? options : { ...options, ...callOptions });
}

/** @param {Worker} worker @param {TruthRecord | undefined} given */
function arranged({ caches, source, random }, given) {
  const record = /** @type {TruthRecord} */ (given);
  const cache = /** @type {import('./caches.mjs').CacheService} */ (caches[record.cache]);
  /** @param {{ skip: () => void, setTags: (tags: string[]) => void }} context */
  const loader = async (context) => {
    if (isSkippedAtTimes(record) && random.chance(0.1)) context.skip();
    if (isTaggedByLoader(record)) context.setTags([groupTag(record.id)]);
    return source.load(record.id);
  };
  return { cache, key: record.key, loader, options: /** @type {any} */ (tagOptions(record)) };
}

/** @param {TruthRecord} record */
function recordsLike(record) {
  return recordsIn(record.cache).filter((other) => isTaggedByLoader(other) === isTaggedByLoader(record));
}

/** @param {Promise<Value | undefined>} value */
async function one(value) {
  return [await value];
}

/** @param {Worker} worker @param {number} id @param {Value | undefined} value */
function versionIn({ seen }, id, value) {
  if (value === undefined) return NOTHING;
  if (value.record === id && value.filling !== undefined) return value.version;
  seen.problem(`record ${id} was answered with ${JSON.stringify(value).slice(0, 200)}`);
  return NOTHING;
}
