// @ts-check
import { nowMs } from './clock.mjs';
import { READ_WAYS } from './observations.mjs';
import { readOne } from './reads.mjs';
import {
  CACHE_NAMES,
  GROUP_TAGS,
  isStoredBySet,
  movingTag,
  reached,
  recordOf,
  RECORDS,
  recordsIn,
  valueOf,
} from './records.mjs';
import { SourceFailure } from './source.mjs';

/** @typedef {import('./reads.mjs').Worker} Reader */
/** @typedef {Reader & { place: number, processes: number, defer: (work: () => Promise<void>) => Promise<void>,
 *   busy: Set<number> }} Writer */
/** @typedef {import('./records.mjs').Target} Target */
/** @typedef {import('./records.mjs').TruthRecord} TruthRecord */
/** @typedef {import('./caches.mjs').CacheService} CacheService */

const WEIGHTS = {
  delete: 40,
  strictDelete: 4,
  deleteMany: 4,
  expire: 5,
  tag: 14,
  movingTags: 8,
  clear: 1.5,
  clearNamespace: 0.3,
  deferred: 4,
  set: 12,
  put: 10,
};

const ofValued = recordsIn('valued');
const withoutGrace = RECORDS.filter(({ cache }) => cache !== 'graceful');
const writtenBySet = recordsIn('written').filter(isStoredBySet);
const writtenByPut = recordsIn('written').filter((record) => !isStoredBySet(record));
/** Everything but what only one process may write. */
const free = RECORDS.filter((record) => record.cache !== 'written' || !isStoredBySet(record));

/** Changes the truth, invalidates, and often reads at once. @param {Writer} worker */
export async function writeAny(worker) {
  const { random } = worker;
  const how = random.weighted(WEIGHTS);
  const target = await WRITES[how](worker);
  if (target === undefined || !random.chance(0.5)) return;
  const record = recordOf(random.pick(reached(target)));
  await readOne(worker, record, random.pick(READ_WAYS));
}

/** Each answers what it has invalidated. @type {Record<keyof typeof WEIGHTS, (worker: Writer) => Promise<Target | undefined>>} */
const WRITES = {
  delete: (worker) => byKey(worker, 'delete', free, (cache, { key }) => cache.delete(key)),
  strictDelete: (worker) =>
    byKey(worker, 'strict delete', free, (cache, { key }) => cache.delete(key, { strict: true })),
  expire: (worker) => byKey(worker, 'expire', withoutGrace, (cache, { key }) => cache.expire(key)),
  deleteMany: async (worker) => {
    const name = worker.random.pick(CACHE_NAMES);
    const records = worker.random.some(recordsIn(name), 4);
    await writeTruth(worker, records);
    const keys = records.map(({ key }) => key);
    return invalidated(worker, 'deleteMany', ofRecords(records), () => cacheOf(worker, name).deleteMany(keys));
  },
  tag: async (worker) => {
    const tag = worker.random.pick(GROUP_TAGS);
    /** @type {Target} */
    const target = { kind: 'tag', tag };
    await writeTruth(worker, worker.random.some(reached(target), 3).map(recordOf));
    return invalidated(worker, 'invalidateTags', target, () => cacheOf(worker, 'default').invalidateTags([tag]));
  },
  movingTags: async (worker) => {
    const record = worker.random.pick(ofValued);
    await writeTruth(worker, [record]);
    const tags = [movingTag(record.id, 0), movingTag(record.id, 1)];
    const invalidate = () => cacheOf(worker, 'valued').invalidateTags(tags);
    return invalidated(worker, 'invalidateTags of the value', ofRecords([record]), invalidate);
  },
  clear: async (worker) => {
    const name = worker.random.pick(CACHE_NAMES);
    await writeTruth(worker, worker.random.some(recordsIn(name), 3));
    return invalidated(worker, 'clear', { kind: 'cache', cache: name }, () => cacheOf(worker, name).clear());
  },
  clearNamespace: async (worker) => {
    await writeTruth(worker, worker.random.some(RECORDS, 5));
    return invalidated(worker, 'clearNamespace', { kind: 'namespace' }, () =>
      cacheOf(worker, 'default').clearNamespace(),
    );
  },
  deferred: async (worker) => {
    const record = worker.random.pick(free);
    let committedAtMs = nowMs();
    await worker.defer(async () => {
      await cacheOf(worker, record.cache).delete(record.key);
      committedAtMs = (await worker.source.write(record.id)).atMs;
    });
    const target = ofRecords([record]);
    worker.seen.invalidated({ how: 'deferred delete', target, beganMs: committedAtMs, isApplied: false });
    return target;
  },
  set: (worker) => bySet(worker),
  put: (worker) => byPut(worker),
};

/**
 * @param {Writer} worker @param {string} how @param {readonly TruthRecord[]} among
 * @param {(cache: CacheService, record: TruthRecord) => Promise<string>} invalidate
 */
async function byKey(worker, how, among, invalidate) {
  const record = worker.random.pick(among);
  await writeTruth(worker, [record]);
  return invalidated(worker, how, ofRecords([record]), () => invalidate(cacheOf(worker, record.cache), record));
}

/** A record that only this process writes, one write after the other: `set` is only as fresh as the value it is given. @param {Writer} worker */
async function bySet(worker) {
  const record = worker.random.pick(writtenBySet);
  if ((record.id / 2) % worker.processes !== worker.place || worker.busy.has(record.id)) return undefined;
  worker.busy.add(record.id);
  try {
    const { version } = await worker.source.write(record.id);
    const set = () => cacheOf(worker, 'written').set(record.key, valueOf(record.id, version));
    return await invalidated(worker, 'set', ofRecords([record]), set);
  } finally {
    worker.busy.delete(record.id);
  }
}

/** @param {Writer} worker */
async function byPut(worker) {
  const { source, seen, random } = worker;
  const record = random.pick(writtenByPut);
  let committedAtMs = nowMs();
  try {
    await cacheOf(worker, 'written').put(record.key, async () => {
      const { version, atMs } = await source.write(record.id);
      committedAtMs = atMs;
      if (random.chance(0.05)) throw new SourceFailure();
      return valueOf(record.id, version);
    });
  } catch (error) {
    if (!(error instanceof SourceFailure)) seen.problem(`put of record ${record.id} rejected`, error);
  }
  const target = ofRecords([record]);
  // It does not say whether the invalidation that it may have needed was applied.
  seen.invalidated({ how: 'put', target, beganMs: committedAtMs, isApplied: false });
  return target;
}

/** @param {Writer} worker @param {readonly TruthRecord[]} records */
async function writeTruth({ random, source, busy, place, processes }, records) {
  // An invalidation without a change must not bring anything back either.
  if (random.chance(0.15)) return;
  const isOurs = (/** @type {TruthRecord} */ record) =>
    record.cache !== 'written' ||
    !isStoredBySet(record) ||
    ((record.id / 2) % processes === place && !busy.has(record.id));
  await Promise.all(records.filter(isOurs).map(({ id }) => source.write(id)));
}

/** @param {Writer} worker @param {string} how @param {Target} target @param {() => Promise<string>} invalidate */
async function invalidated({ seen }, how, target, invalidate) {
  const beganMs = nowMs();
  let status;
  try {
    status = await invalidate();
  } catch (error) {
    if (!(error instanceof Error && error.name === 'NotInvalidatedError')) {
      seen.problem(`${how} rejected`, error);
      return undefined;
    }
  }
  seen.invalidated({ how, target, beganMs, isApplied: status === 'applied' });
  return target;
}

/** @param {readonly TruthRecord[]} records @returns {Target} */
function ofRecords(records) {
  return { kind: 'records', records: records.map(({ id }) => id) };
}

/** @param {Writer} worker @param {string} name */
function cacheOf({ caches }, name) {
  return /** @type {CacheService} */ (caches[name]);
}
