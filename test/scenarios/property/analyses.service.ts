import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { Pool } from 'pg';
import { analysisCache, analysisListCache, tagOf } from './caches.js';

export interface Analysis {
  id: number;
  address: string;
  createdAt: Date;
  report: { price: number; rent: number; comparables: number[] };
}

export interface AnalysisPage {
  total: number;
  analyses: Pick<Analysis, 'id' | 'address'>[];
}

const PAGE_SIZE = 20;

@Injectable()
export class AnalysesService {
  constructor(private readonly db: Pool) {}

  @Cacheable(analysisListCache)
  async list(accountId: number, page: number): Promise<AnalysisPage> {
    const { rows } = await this.db.query<Pick<Analysis, 'id' | 'address'> & { total: number }>(
      `select id, address, count(*) over ()::int as total from analyses where account_id = $1
        order by created_at desc, id limit $2 offset $3`,
      [accountId, PAGE_SIZE, (page - 1) * PAGE_SIZE],
    );
    return { total: rows[0]?.total ?? 0, analyses: rows.map(({ id, address }) => ({ id, address })) };
  }

  @Cacheable(analysisCache)
  async find(id: number): Promise<Analysis | undefined> {
    const query = 'select id, address, created_at as "createdAt", report from analyses where id = $1';
    return (await this.db.query<Analysis>(query, [id])).rows[0];
  }

  /** The pages of the account go, and the memory that there is no such analysis. */
  @CacheEvict({
    tags: (accountId: number) => [tagOf.analyses(accountId)],
  })
  @CacheEvict({ cache: analysisCache, args: (_accountId: number, { id }: Pick<Analysis, 'id'>) => [id] })
  async add(accountId: number, { id, address, report }: Omit<Analysis, 'createdAt'>): Promise<void> {
    const insert = 'insert into analyses values ($1, $2, $3, now(), $4)';
    await this.db.query(insert, [id, accountId, address, report]);
  }
}
