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

/** What goes to Redis together in a cluster, which serves keys of one slot at once only. */
export function groupBySlot<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const slot = slotOf(keyOf(item));
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
