import type { CacheService } from '../cache/cache.service.js';
import type { InvalidateOptions } from '../cache/entry-options.js';

/** Invalidates any number of tags, more than one entry may have, of which some may be named twice. */
export async function invalidateEach(
  cache: CacheService,
  tags: readonly string[],
  options?: InvalidateOptions,
): Promise<void> {
  await Promise.all([...new Set(tags)].map((tag) => cache.invalidateTags([tag], options)));
}
