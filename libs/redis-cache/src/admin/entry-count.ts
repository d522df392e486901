import { isRedisFailure } from '../cache/backend.js';
import type { CacheService } from '../cache/cache.service.js';
import { type AnyCacheDefinition, DefinedCache } from '../cache/definition.js';
import { type CacheEngine, storedName } from '../cache/engine.js';
import { decodeEnvelope } from '../cache/envelope.js';
import { encodeGlob, globMatcher } from '../cache/pattern.js';
import { storedTags } from '../cache/policy.js';
import { Keyspace } from '../redis/keyspace.js';
import type { RedisConnection } from '../redis/redis-connection.js';

/** What an invalidation would remove, as far as looking for a short time tells. */
export interface EntryCount {
  /** `undefined`: not known. */
  entries: number | undefined;
  /** Not all was looked at, or some may be gone already. */
  isEstimate: boolean;
  /** Some of the keys, as stored. */
  sample: string[];
}

/** Looking takes no longer; pages of SCAN leave Redis to others in between. */
const BUDGET_MS = 500;
const MAX_ENTRIES = 20_000;
/** Entries are read to see their tags. */
const MAX_READ = 1_000;
const SAMPLE = 10;

/** Of what concerns no entries. */
export const UNCOUNTED: Readonly<EntryCount> = { entries: undefined, isEstimate: false, sample: [] };
const UNKNOWN: Readonly<EntryCount> = { entries: undefined, isEstimate: true, sample: [] };

/** The definition of a cache; the default cache has none. */
export function definitionOf(cache: CacheService): AnyCacheDefinition | undefined {
  return cache instanceof DefinedCache ? (cache.definition as AnyCacheDefinition) : undefined;
}

export function connectionNameOf(cache: CacheService): string {
  return definitionOf(cache)?.connection ?? 'default';
}

/** What stands before the keys of a cache, version included. */
export function storedPrefixOf(cache: CacheService): string {
  const definition = definitionOf(cache);
  return `${definition === undefined ? cache.name : storedName(definition)}:`;
}

/** Entries of a cache whose keys match, `'*'` for all of them. */
export async function countMatching(engine: CacheEngine, cache: CacheService, pattern: string): Promise<EntryCount> {
  const connection = engine.connection(connectionNameOf(cache));
  if (connection === undefined) {
    return pattern === '*' ? { entries: cache.memory.entries, isEstimate: false, sample: [] } : { ...UNKNOWN };
  }
  const prefix = storedPrefixOf(cache);
  if (pattern === '*') return found(await scan(engine, connection, `${prefix}*`), true);
  const isMatch = globMatcher(pattern);
  const scanned = await scan(engine, connection, prefix + encodeGlob(pattern));
  const matching = scanned?.slotKeys.filter((slotKey) => isMatch(slotKey.slice(prefix.length)));
  return found(scanned === undefined ? undefined : { ...scanned, slotKeys: matching ?? [] }, false);
}

/** Entries of all caches of a connection, and of those with a tag if one is given. */
export async function countTagged(engine: CacheEngine, name: string, tag: string | undefined): Promise<EntryCount> {
  const connection = engine.connection(name);
  if (connection === undefined) {
    const caches = engine.caches().filter((cache) => connectionNameOf(cache) === name);
    if (tag !== undefined) return { ...UNKNOWN };
    return { entries: caches.reduce((sum, { memory }) => sum + memory.entries, 0), isEstimate: false, sample: [] };
  }
  const scanned = await scan(engine, connection, '*');
  if (scanned === undefined || tag === undefined) return found(scanned, true);
  const [stored] = storedTags([tag]);
  const keyspace = new Keyspace(engine.namespace);
  const looked = scanned.slotKeys.slice(0, MAX_READ);
  const isTagged = await Promise.all(
    looked.map(async (slotKey) => {
      const raw = await connection.get(keyspace.of('e', slotKey)).catch(unlessRedisFailed);
      return raw !== null && decodeEnvelope(raw)?.recorded.tags.some((each) => each.tag === stored) === true;
    }),
  );
  const tagged = looked.filter((_, index) => isTagged[index]);
  // What was not read is taken to be like what was.
  const share = looked.length === 0 ? 0 : tagged.length / looked.length;
  return { entries: Math.round(share * scanned.slotKeys.length), isEstimate: true, sample: tagged.slice(0, SAMPLE) };
}

interface Scanned {
  readonly slotKeys: readonly string[];
  readonly isWhole: boolean;
}

function found(scanned: Scanned | undefined, mayBeGone: boolean): EntryCount {
  if (scanned === undefined) return { ...UNKNOWN };
  const { slotKeys, isWhole } = scanned;
  return { entries: slotKeys.length, isEstimate: !isWhole || mayBeGone, sample: slotKeys.slice(0, SAMPLE) };
}

/** `undefined` when Redis cannot be asked. */
async function scan(engine: CacheEngine, connection: RedisConnection, slotGlob: string): Promise<Scanned | undefined> {
  const keyspace = new Keyspace(engine.namespace);
  const slotKeys = new Set<string>();
  const ended = new AbortController();
  const timer = setTimeout(() => {
    ended.abort();
  }, BUDGET_MS);
  const onKeys = async (keys: string[]): Promise<void> => {
    for (const key of keys) {
      const parsed = keyspace.parse(key);
      if (parsed?.kind === 'e') slotKeys.add(parsed.slotKey);
    }
    if (slotKeys.size >= MAX_ENTRIES) ended.abort();
  };
  try {
    await connection.scan(keyspace.entryGlob(slotGlob), onKeys, ended.signal);
  } catch (error) {
    if (!isRedisFailure(error)) throw error;
    return undefined;
  } finally {
    clearTimeout(timer);
  }
  return { slotKeys: [...slotKeys], isWhole: !ended.signal.aborted };
}

function unlessRedisFailed(error: unknown): null {
  if (isRedisFailure(error)) return null;
  throw error;
}
