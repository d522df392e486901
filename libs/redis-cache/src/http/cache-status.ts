import type { HttpOutcome } from '../events.js';

/** Where an answer came from: what `Cache-Status` says of it (RFC 9211). */
export type Provenance =
  | {
      readonly isHit: true;
      readonly source: 'l1' | 'l2';
      /** Since it was stored. */
      readonly ageMs: number;
      /** Below 0 when stale. */
      readonly remainingMs: number;
    }
  | {
      readonly isHit: false;
      readonly reason: 'uri-miss' | 'vary-miss' | 'stale' | 'request';
      readonly isStored: boolean;
      readonly isShared: boolean;
      readonly ageMs: number;
    };

export function cacheStatus(from: Provenance): string {
  if (from.isHit) return `rcache; hit; ttl=${Math.floor(from.remainingMs / 1000)}; detail=${from.source}`;
  return `rcache; fwd=${from.reason}${from.isStored ? '; stored' : ''}${from.isShared ? '; collapsed' : ''}`;
}

/** The same for metrics. */
export function outcomeOf(from: Provenance): HttpOutcome {
  if (from.isHit) return from.remainingMs < 0 ? 'stale' : 'hit';
  if (from.reason !== 'stale') return 'miss';
  return from.isStored ? 'revalidated' : 'stale';
}
