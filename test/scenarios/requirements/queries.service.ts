import { Injectable } from '@nestjs/common';
import { type CacheOf, type DurationText, InjectCache } from 'nestjs-rcache';
import { Pool } from 'pg';
import { queryCache } from './caches.js';

/** What a query costs, and how long its result is kept: the dearer, the longer. Cheaper ones keep the 5 min of the cache. */
const TTL_BY_COST: readonly { fromMs: number; ttl: DurationText }[] = [
  { fromMs: 1_000, ttl: '1h' },
  { fromMs: 100, ttl: '15m' },
];

/** @returns undefined when the default of the cache will do */
export function ttlByCost(costMs: number): DurationText | undefined {
  return TTL_BY_COST.find(({ fromMs }) => costMs >= fromMs)?.ttl;
}

export interface FeatureCoverage {
  name: string;
  requirements: number;
  passed: number;
}

@Injectable()
export class QueriesService {
  constructor(
    private readonly db: Pool,
    @InjectCache(queryCache) private readonly cache: CacheOf<typeof queryCache>,
  ) {}

  coverage(projectId: number): Promise<FeatureCoverage[]> {
    return this.run('coverage', projectId, 'select name, requirements, passed from coverage where project_id = $1');
  }

  /** @param name says which query it is; change it with the text of the query */
  run<Row extends object>(name: string, projectId: number, query: string): Promise<Row[]> {
    return this.cache.for(name, projectId).getOrSet(async ({ setTtl }) => {
      const startedAtMs = performance.now();
      const { rows } = await this.db.query<Row>(query, [projectId]);
      const ttl = ttlByCost(performance.now() - startedAtMs);
      if (ttl !== undefined) setTtl(ttl);
      return rows;
    }) as Promise<Row[]>;
  }
}
