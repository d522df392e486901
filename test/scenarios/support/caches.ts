import type { INestApplication } from '@nestjs/common';
import { CACHE_ENGINE, type CacheEngine, type CacheOf, MetricsService, type TypedCacheDefinition } from 'nestjs-rcache';

/** The cache of a definition in an instance, to look into. */
export function cacheIn<Args extends readonly unknown[], T>(
  app: INestApplication,
  definition: TypedCacheDefinition<Args, T>,
): CacheOf<TypedCacheDefinition<Args, T>> {
  return app.get<CacheEngine>(CACHE_ENGINE).cache(definition);
}

/** Minutes an entry stays fresh, rounded; `undefined` when there is none. */
export async function minutesLeft<Args extends readonly unknown[]>(
  app: INestApplication,
  definition: TypedCacheDefinition<Args, any>,
  ...args: Args
): Promise<number | undefined> {
  const ms = await cacheIn(app, definition)
    .for(...args)
    .ttl();
  return ms === undefined ? undefined : Math.round(ms / 60_000);
}

/** Share of the requests made while `work` runs that were answered from the cache, all caches of the instances together. */
export async function hitRatioDuring(
  work: () => Promise<unknown>,
  instances: readonly INestApplication[],
): Promise<number> {
  const before = countsOf(instances);
  await work();
  return ratioBetween(before, countsOf(instances));
}

/** The same of some caches, by their names. */
export async function hitRatiosDuring(
  work: () => Promise<unknown>,
  app: INestApplication,
  names: readonly string[],
): Promise<(number | undefined)[]> {
  const before = names.map((name) => countsOf([app], name));
  await work();
  return names.map((name, index) => ratioBetween(before[index]!, countsOf([app], name)));
}

interface Counts {
  hits: number;
  requests: number;
}

const ratioBetween = (before: Counts, after: Counts): number =>
  (after.hits - before.hits) / (after.requests - before.requests);

function countsOf(instances: readonly INestApplication[], name?: string): Counts {
  const counts = { hits: 0, requests: 0 };
  for (const cache of instances.flatMap((app) => app.get(MetricsService).snapshot().caches)) {
    if (name !== undefined && cache.name !== name) continue;
    counts.hits += cache.hits.l1 + cache.hits.l2;
    counts.requests += cache.requests;
  }
  return counts;
}
