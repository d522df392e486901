import { Injectable } from '@nestjs/common';
import { type CacheOf, InjectCache } from 'nestjs-rcache';
import { Pool } from 'pg';
import { ruleCache, tagOf } from './caches.js';
import type { Product } from './products.service.js';

export interface Rule {
  requirementId: number;
  title: string;
  isMet: boolean;
  latestOn: string | null;
}

@Injectable()
export class RulesService {
  constructor(
    private readonly db: Pool,
    @InjectCache(ruleCache) private readonly cache: CacheOf<typeof ruleCache>,
  ) {}

  ofProduct(product: Product): Promise<Rule[]> {
    return this.cache.for(product).getOrSet(() => this.query(product.id));
  }

  async require(requirementId: number, documents: number): Promise<void> {
    const update = 'update requirements set required_documents = $2 where id = $1 returning category';
    const { rows } = await this.db.query<{ category: string }>(update, [requirementId, documents]);
    await this.cache.invalidateTags(rows.map(({ category }) => tagOf.category(category)));
  }

  private async query(productId: number): Promise<Rule[]> {
    const { rows } = await this.db.query<Rule>(
      `select requirement_id as "requirementId", title, documents >= required_documents as "isMet",
              latest_on as "latestOn"
         from slow_rules where product_id = $1 order by requirement_id`,
      [productId],
    );
    return rows;
  }
}
