import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { Pool } from 'pg';
import { productCache } from './caches.js';

export interface Product {
  id: number;
  name: string;
  category: string;
}

@Injectable()
export class ProductsService {
  constructor(private readonly db: Pool) {}

  @Cacheable(productCache)
  async find(id: number): Promise<Product | undefined> {
    return (await this.db.query<Product>('select * from products where id = $1', [id])).rows[0];
  }

  @CacheEvict({ cache: productCache, args: (id: number) => [id] })
  async rename(id: number, name: string): Promise<void> {
    await this.db.query('update products set name = $2 where id = $1', [id, name]);
  }

  async all(): Promise<Product[]> {
    return (await this.db.query<Product>('select * from products order by id')).rows;
  }
}
