import type { MissReason } from '../events.js';
import { type CacheCore, isUnanswered } from './backend.js';
import { EntryJudge, type KnownIds } from './entry-judge.js';
import { decodeEnvelope, entryIdOf } from './envelope.js';
import { listOf, type TagId } from './recorded.js';
import type { Key } from './key.js';
import { type Entry, KEPT_ID_CHARACTERS } from './entry.js';
import type { Policy } from './policy.js';

/** An entry by its key, or by the text of that in Redis, context included. */
export type InspectedKey = Key | { readonly stored: string };

/** What is stored under a key, where, and what a call without options would find. */
export interface EntryInspection {
  /** The text of the key in Redis, context included. */
  readonly storedKey: string;
  /** `fresh`, `stale`, or why there is no hit. */
  readonly decision: 'fresh' | 'stale' | MissReason;
  /** Whether somebody in the fleet holds the lease of the key: it is loaded now, or was a moment ago. */
  readonly isLoading: boolean;
  /** In the memory of this process. */
  readonly memory?: MemoryCopy;
  readonly redis?: StoredCopy;
  /** Only where a value may be answered. */
  readonly value?: unknown;
}

interface Copy {
  /** The first ten characters of the id of the write that made it; empty for one that was loaded without Redis. */
  readonly id: string;
  readonly ageMs: number;
  /** Fresh time left. */
  readonly remainingMs: number;
  /** Time left in which it may be answered as stale, from the end of its fresh time on. */
  readonly graceMs: number;
  /** How long the source took. */
  readonly loadMs: number;
  /** Of the value, encoded; of a copy in memory before compression. */
  readonly bytes: number;
  /** Whether it is `null` or `undefined`. */
  readonly isNegative: boolean;
  /** The tags it has, the namespace and the cache first. */
  readonly tags: readonly InspectedTag[];
}

export interface InspectedTag {
  readonly kind: 'namespace' | 'cache' | 'tag';
  readonly tag: string;
  /** When the load began. */
  readonly id: string;
  /** `undefined`: there is none, so that the entry is invalid. */
  readonly currentId: string | undefined;
  readonly isCurrent: boolean;
}

export interface MemoryCopy extends Copy {
  /** `untrusted`: this process may not have heard that it changed. `unused`: the policy of the cache uses no memory. */
  readonly state: 'fresh' | 'stale' | 'expired' | 'invalidated' | 'untrusted' | 'unused';
}

export interface StoredCopy extends Copy {
  readonly state: 'fresh' | 'stale' | MissReason;
  /** Of the form in which it is stored. */
  readonly wireVersion: number;
  /** `json`, `typed-json`, `bytes` or `buffer`, or the name of a codec. */
  readonly codec: string;
  readonly isCompressed: boolean;
  /** Made stale by `expire`. */
  readonly isExpired: boolean;
}

/** What was read, without asking whether it may be used. */
interface Reading {
  readonly raw: Buffer | null;
  readonly isLoading: boolean;
  readonly ids: KnownIds;
}

const WIRE_VERSION_OFFSET = 2;

/**
 * Looks at an entry as nobody does who asks for it: it counts as no request, joins and begins no load, moves nothing up in
 * memory, and leaves nothing there. Never rejects because of Redis.
 */
export async function inspectEntry(core: CacheCore, policy: Policy, storedKey: string): Promise<EntryInspection> {
  const entry = core.memory?.peek(storedKey);
  const reading = await read(core, storedKey, entry);
  const memory = entry && { ...copyOf(core, entry, reading), state: memoryState(core, policy, entry, reading) };
  const redis = reading && (await redisCopy(core, policy, storedKey, reading));
  const remembered = memory?.state === 'fresh' || memory?.state === 'stale' ? memory.state : undefined;
  return {
    storedKey,
    decision: remembered ?? redis?.decision ?? (reading === undefined ? 'unavailable' : withoutRedis(memory)),
    isLoading: reading?.isLoading === true,
    ...(memory && { memory }),
    ...(redis?.copy && { redis: redis.copy }),
    ...(remembered ? { value: entry?.take(true) } : redis?.value),
  };
}

/** `undefined` when Redis does not answer. */
async function read(core: CacheCore, storedKey: string, entry: Entry | undefined): Promise<Reading | undefined> {
  const { redis, tagTable } = core.backend;
  const slotKey = core.slotKey(storedKey);
  try {
    const [raw = null, isLoading = false] = await Promise.all([
      redis?.tier.get(slotKey),
      redis?.tier.hasLease(slotKey),
    ]);
    const envelope = raw === null ? undefined : decodeEnvelope(raw);
    const recorded = envelope === undefined ? [] : listOf(envelope.recorded, core.reservedTags(storedKey));
    const tags = [...new Set([...(entry?.grounds.ids ?? []), ...recorded].map(({ tag }) => tag))];
    const ids = new Map(await Promise.all(tags.map(async (tag) => [tag, await tagTable.current(tag)] as const)));
    return { raw, isLoading, ids };
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return undefined;
  }
}

function withoutRedis(memory: MemoryCopy | undefined): MissReason {
  return memory?.state === 'expired' || memory?.state === 'invalidated' ? memory.state : 'absent';
}

/** As `ReadRoad` would decide, but for ids, which are those of Redis and not those this process knows. */
function memoryState(
  { backend }: CacheCore,
  policy: Policy,
  entry: Entry,
  reading: Reading | undefined,
): MemoryCopy['state'] {
  const nowMs = backend.clock.nowMs();
  if (!policy.usesMemory) return 'unused';
  if (nowMs >= entry.servableUntilMs) return 'expired';
  if ([entry.grounds.trust, ...entry.grounds.tagTrusts].some(({ untilMs }) => nowMs >= untilMs)) return 'untrusted';
  const isCurrent = entry.grounds.ids.every(({ tag, id }) => reading === undefined || reading.ids.get(tag) === id);
  if (!isCurrent && !entry.grounds.isOutage) return 'invalidated';
  return nowMs < entry.freshUntilMs ? 'fresh' : 'stale';
}

function copyOf({ backend }: CacheCore, entry: Entry, reading: Reading | undefined): Copy {
  const nowMs = backend.clock.nowMs();
  return {
    id: entry.id,
    ...timesOf(entry, nowMs),
    loadMs: entry.loadMs,
    bytes: entry.bytes,
    isNegative: entry.isNegative,
    tags: inspectedTags(entry.grounds.ids, reading?.ids),
  };
}

async function redisCopy(
  core: CacheCore,
  policy: Policy,
  storedKey: string,
  { raw, ids }: Reading,
): Promise<{ decision: StoredCopy['state']; copy?: StoredCopy; value?: { value: unknown } } | undefined> {
  const { redis, serverClockOf } = core.backend;
  if (redis === undefined) return undefined;
  if (raw === null) return { decision: 'absent' };
  const slotKey = core.slotKey(storedKey);
  const found = await new EntryJudge(core).judge(slotKey, raw, policy, ids, true);
  const isOwed = redis.journal.covers('entry', slotKey);
  const state = isOwed ? 'invalidated' : found.state === 'none' ? found.reason : found.state;
  const envelope = decodeEnvelope(raw);
  if (envelope === undefined) return { decision: state };
  const { value, loadMs, negative, codecName, softExpired } = envelope;
  const freshUntilMs = softExpired ? -Infinity : envelope.freshUntilMs;
  const copy: StoredCopy = {
    state,
    id: entryIdOf(raw).slice(0, KEPT_ID_CHARACTERS),
    ...timesOf({ ...envelope, freshUntilMs }, serverClockOf(slotKey).nowMs()),
    loadMs,
    bytes: value.bytes.length,
    isNegative: negative,
    tags: inspectedTags(listOf(envelope.recorded, core.reservedTags(storedKey)), ids),
    wireVersion: Number(String.fromCharCode(raw[WIRE_VERSION_OFFSET] ?? 0)),
    codec: codecName === '' ? value.encoding : codecName,
    isCompressed: value.compressed,
    isExpired: softExpired,
  };
  const isUsable = !isOwed && (found.state === 'fresh' || found.state === 'stale');
  return { decision: state, copy, ...(isUsable && { value: { value: found.entry.take(true) } }) };
}

function timesOf(
  { createdAtMs, freshUntilMs, servableUntilMs }: Pick<Entry, 'createdAtMs' | 'freshUntilMs' | 'servableUntilMs'>,
  nowMs: number,
): Pick<Copy, 'ageMs' | 'remainingMs' | 'graceMs'> {
  return {
    ageMs: Math.max(0, nowMs - createdAtMs),
    remainingMs: Math.max(0, freshUntilMs - nowMs),
    graceMs: Math.max(0, servableUntilMs - Math.max(nowMs, freshUntilMs)),
  };
}

function inspectedTags(recorded: readonly TagId[], ids: KnownIds | undefined): InspectedTag[] {
  return recorded.map(({ tag, id }) => {
    const currentId = ids?.get(tag);
    return { ...spelled(tag), id, currentId, isCurrent: currentId === id };
  });
}

/** A tag as the application spells it; one that is stored as a digest cannot be spelled. */
export function spelled(tag: string): Pick<InspectedTag, 'kind' | 'tag'> {
  if (tag.startsWith('c:')) return { kind: 'cache', tag: tag.slice(2) };
  if (!tag.startsWith('u:')) return { kind: 'namespace', tag };
  return { kind: 'tag', tag: tag.startsWith('u:~h') ? tag.slice(2) : decodeURIComponent(tag.slice(2)) };
}
