import type { CacheCore } from './backend.js';
import type { KnownIds } from './entry-judge.js';
import type { TagId } from './recorded.js';

const NONE: KnownIds = new Map();

/**
 * The ids an entry is to record that is loaded or written from now on: of the reserved tags and the given ones, created where
 * missing; at once when all are known. One that is outdated by now makes the entry invalid from the start, and no old one valid.
 *
 * @param known read for this call
 * @param isFresh believe nothing this process remembers
 */
export function newIds(
  { backend: { tagTable, redis, clock }, reserved }: CacheCore,
  slotKey: string,
  tags: readonly string[],
  known = NONE,
  isFresh = false,
): readonly TagId[] | Promise<readonly TagId[]> {
  // A question that somebody asked before may be answered with an id that is gone by now.
  const source = isFresh && redis !== undefined ? redis.tier : tagTable;
  const nowMs = clock.nowMs();
  const ids = reserved
    .of(slotKey)
    .concat(tags)
    .map((tag) => ({
      tag,
      id: isFresh ? undefined : (known.get(tag) ?? tagTable.known(tag, nowMs)),
    }));
  if (!ids.some(({ id }) => id === undefined)) return ids as TagId[];
  return Promise.all(ids.map(async ({ tag, id }) => ({ tag, id: id ?? (await source.ensure(tag)) })));
}
