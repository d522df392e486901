import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { Pool } from 'pg';
import { preferencesCache } from './caches.js';

export interface Preferences {
  language: string;
  pageSize: number;
}

@Injectable()
export class PreferencesService {
  constructor(private readonly db: Pool) {}

  @Cacheable(preferencesCache)
  async of(userId: number): Promise<Preferences | undefined> {
    const query = 'select language, page_size as "pageSize" from preferences where user_id = $1';
    return (await this.db.query<Preferences>(query, [userId])).rows[0];
  }

  @CacheEvict({ cache: preferencesCache, args: (userId: number) => [userId] })
  async save(userId: number, { language, pageSize }: Preferences): Promise<void> {
    const update = 'update preferences set language = $2, page_size = $3 where user_id = $1';
    await this.db.query(update, [userId, language, pageSize]);
  }
}
