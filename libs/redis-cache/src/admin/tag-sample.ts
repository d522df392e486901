import { isRedisFailure } from '../cache/backend.js';
import type { CacheEngine } from '../cache/engine.js';
import { spelled } from '../cache/entry-inspection.js';
import { decodeEnvelope } from '../cache/envelope.js';
import { Keyspace } from '../redis/keyspace.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { walk } from './key-pages.js';

/** A tag that entries of a sample have. */
export interface SampledTag {
  tag: string;
  /** The id there is now; missing when there is none, so that no entry with the tag is valid. */
  id?: string;
  /** Entries of the sample that have it, and those among them whose id is that. */
  entries: number;
  valid: number;
}

export interface TagSample {
  /** Entries that were read. */
  sampled: number;
  /** Whether those were all there are. */
  isWhole: boolean;
  /** The most frequent first. */
  tags: SampledTag[];
}

const MAX_READ = 300;
const BATCH = 50;
const MAX_TAGS = 100;

/** The tags of some entries of a connection. Reads a few hundred at most, values included. */
export async function sampleTags(engine: CacheEngine, connection: RedisConnection): Promise<TagSample | undefined> {
  const keyspace = new Keyspace(engine.namespace);
  const redisKeys = new Set<string>();
  const next = await walk(connection, keyspace.entryGlob('*'), '', (found) => {
    for (const key of found) if (keyspace.parse(key)?.kind === 'e') redisKeys.add(key);
    return redisKeys.size < MAX_READ;
  });
  if (next === undefined) return undefined;
  const looked = [...redisKeys].slice(0, MAX_READ);
  try {
    const ids = new Map<string, string[]>();
    for (let start = 0; start < looked.length; start += BATCH) {
      const raws = await Promise.all(looked.slice(start, start + BATCH).map((key) => connection.get(key)));
      for (const raw of raws) {
        for (const { tag, id } of raw === null ? [] : (decodeEnvelope(raw)?.recorded.tags ?? [])) {
          ids.set(tag, [...(ids.get(tag) ?? []), id]);
        }
      }
    }
    const frequent = [...ids].sort(([, a], [, b]) => b.length - a.length).slice(0, MAX_TAGS);
    const tags = await Promise.all(frequent.map(([tag, recorded]) => tagOf(connection, keyspace, tag, recorded)));
    return { sampled: looked.length, isWhole: next === '' && redisKeys.size === looked.length, tags };
  } catch (error) {
    if (!isRedisFailure(error)) throw error;
    return undefined;
  }
}

async function tagOf(
  connection: RedisConnection,
  keyspace: Keyspace,
  stored: string,
  recorded: readonly string[],
): Promise<SampledTag> {
  const id = (await connection.get(keyspace.of('t', stored)))?.toString('latin1');
  const counts = { entries: recorded.length, valid: recorded.filter((each) => each === id).length };
  return { tag: spelled(stored).tag, ...(id === undefined ? {} : { id }), ...counts };
}
