import type { CacheCore } from './backend.js';
import type { CachedValue } from './cached-value.js';
import { hotUntil, NO_TRUSTS, whole } from './entry-judge.js';
import { encodeEnvelope, randomId } from './envelope.js';
import type { TagId } from './recorded.js';
import { Entry } from './entry.js';
import type { Policy } from './policy.js';
import { ENDLESS_TRUST } from './trust.js';
import { compressValue, type EncodedValue } from './value.js';

export interface NewEntry {
  readonly entry: Entry;
  readonly toBytes: () => Buffer;
  readonly lifetimeMs: number;
}

/** An entry that is fresh from now on, and its bytes for whoever stores it in Redis. */
export function newEntry(
  core: CacheCore,
  key: string,
  encoded: EncodedValue,
  value: CachedValue,
  ids: readonly TagId[],
  times: { freshMs: number; loadMs: number; graceMs?: number | undefined },
  policy: Policy,
): NewEntry {
  const { serverClockOf, clock, maxTtlMs, tagTable } = core.backend;
  const id = randomId();
  const createdAtMs = serverClockOf(core.slotKey(key)).nowMs();
  const lifetimeMs = Math.min(times.freshMs + (times.graceMs ?? policy.graceMs), maxTtlMs);
  const toBytes = () =>
    encodeEnvelope({
      id,
      createdAtMs,
      freshUntilMs: createdAtMs + times.freshMs,
      servableUntilMs: createdAtMs + lifetimeMs,
      loadMs: times.loadMs,
      recorded: { namespaceId: (ids[0] as TagId).id, cacheId: (ids[1] as TagId).id, tags: ids.slice(2) },
      softExpired: false,
      negative: value.isNegative,
      codecName: policy.codec?.name ?? '',
      value: compressValue(encoded, policy.compressAboveBytes),
    });
  const nowMs = clock.nowMs();
  const freshUntilMs = whole(nowMs + times.freshMs);
  const entry = new Entry(
    id,
    value,
    {
      createdAtMs: whole(nowMs),
      freshUntilMs,
      servableUntilMs: whole(nowMs + lifetimeMs),
      hotUntilMs: hotUntil(freshUntilMs, times.loadMs, policy, clock),
      loadMs: Math.round(times.loadMs),
    },
    {
      ids,
      // Only where this memory is the store itself is this entry kept there; nobody else can change it then.
      trust: ENDLESS_TRUST,
      tagTrusts: NO_TRUSTS,
      verifiedAtVersion: tagTable.version - 1,
      isOutage: false,
    },
  );
  return { toBytes, entry, lifetimeMs };
}
