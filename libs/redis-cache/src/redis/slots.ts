import calculateSlot from 'cluster-key-slot';

/** Of a Redis Cluster. */
export const SLOT_COUNT = 16_384;

/**
 * The slot of a key in Redis, or of what stands between its braces: what the cluster distributes by. The two are the
 * same because nothing between our braces holds a brace.
 */
export function slotOf(key: string): number {
  return calculateSlot(key);
}
