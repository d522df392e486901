import { Inject, Injectable } from '@nestjs/common';
import { eq } from 'drizzle-orm';
import { Cacheable } from 'nestjs-rcache';
import { productCache } from '../caches.js';
import { DATABASE, type Database } from '../database/database.js';
import { products, type Baseline } from '../database/schema.js';

export interface Product {
  id: number;
  orgId: number;
  name: string;
  baseline: Baseline;
}

@Injectable()
export class ProductsRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Cacheable(productCache)
  async find(id: number): Promise<Product | undefined> {
    const [product] = await this.db.select().from(products).where(eq(products.id, id));
    return product;
  }
}
