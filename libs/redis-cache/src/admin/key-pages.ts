import { shown } from '../arguments.js';
import { isRedisFailure } from '../cache/backend.js';
import type { CacheService } from '../cache/cache.service.js';
import type { CacheEngine } from '../cache/engine.js';
import { encodeGlob, globMatcher } from '../cache/pattern.js';
import { InvalidArgumentError } from '../errors.js';
import { Keyspace } from '../redis/keyspace.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { connectionNameOf, storedPrefixOf } from './entry-count.js';

/** Some keys of a cache. */
export interface KeyPage {
  /** As stored, context included. */
  keys: string[];
  /** Where the next page begins; missing when all keys were looked at. */
  next?: string;
}

/** A page is as long as it takes to find so many, and no longer than this. */
const PAGE_KEYS = 100;
const BUDGET_MS = 250;
const CURSOR = /^(\d{1,4})\.(\d{1,20})$/;

/**
 * Keys of a cache that match a pattern, of text or (`/user/*`) of keys as stored, found by SCAN with a budget: Redis is asked for a thousand keys at a time, and never
 * for longer than a quarter of a second. A key may come twice, and what is invalidated may still be there.
 *
 * @param after where the page before said it goes on
 * @throws InvalidArgumentError for a pattern or cursor that cannot be one
 */
export async function keyPage(
  engine: CacheEngine,
  cache: CacheService,
  pattern: string,
  after: string,
): Promise<KeyPage | undefined> {
  // Lists, and keys in a context, have no text but the stored one.
  const isStored = /^[/@~]/.test(pattern);
  const isMatch = pattern === '' || isStored ? () => true : globMatcher(pattern);
  const connection = engine.connection(connectionNameOf(cache));
  if (connection === undefined) throw new InvalidArgumentError(`The keys of cache "${cache.name}" are in no Redis.`);
  const prefix = storedPrefixOf(cache);
  const glob = prefix + (pattern === '' ? '*' : isStored ? pattern.replace(/[[\]\\]/g, '\\$&') : encodeGlob(pattern));
  const keyspace = new Keyspace(engine.namespace);
  const keys = new Set<string>();
  const next = await walk(connection, keyspace.entryGlob(glob), after, (found) => {
    for (const redisKey of found) {
      const parsed = keyspace.parse(redisKey);
      if (parsed?.kind !== 'e' || !parsed.slotKey.startsWith(prefix)) continue;
      const key = parsed.slotKey.slice(prefix.length);
      if (isMatch(key)) keys.add(key);
    }
    return keys.size < PAGE_KEYS;
  });
  if (next === undefined) return undefined;
  return { keys: [...keys].sort(), ...(next === '' ? {} : { next }) };
}

/**
 * Goes through keys until `wantsMore` says no, or the time is up.
 *
 * @returns where to go on, empty at the end; `undefined` when Redis does not answer
 */
export async function walk(
  connection: RedisConnection,
  glob: string,
  after: string,
  wantsMore: (redisKeys: string[]) => boolean,
): Promise<string | undefined> {
  let [index, cursor] = after === '' ? [0, '0'] : placeOf(after);
  const endAtMs = performance.now() + BUDGET_MS;
  // In an order that is the same for the next page.
  const shards = [...connection.shards].sort((a, b) => (a.address < b.address ? -1 : 1));
  try {
    for (; index < shards.length; index += 1) {
      do {
        const [next, found] = (await shards[index]?.admin.page(glob, cursor)) ?? ['0', []];
        cursor = next;
        const goesOn = wantsMore(found) && performance.now() < endAtMs;
        if (!goesOn && cursor !== '0') return `${index}.${cursor}`;
        if (!goesOn) return index + 1 < shards.length ? `${index + 1}.0` : '';
      } while (cursor !== '0');
    }
    return '';
  } catch (error) {
    if (!isRedisFailure(error)) throw error;
    return undefined;
  }
}

function placeOf(after: string): [index: number, cursor: string] {
  const [, index, cursor] = CURSOR.exec(after) ?? [];
  if (index === undefined || cursor === undefined) {
    throw new InvalidArgumentError(`after is ${shown(after)}. It must be what the page before said.`);
  }
  return [Number(index), cursor];
}
