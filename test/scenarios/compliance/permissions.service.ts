import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { Pool } from 'pg';
import { permissionCache } from './caches.js';

@Injectable()
export class PermissionsService {
  constructor(private readonly db: Pool) {}

  // Strong: a revocation must hold at once on every instance, so Redis is asked and not the copy in memory.
  @Cacheable({ cache: permissionCache, consistency: 'strong' })
  async of(userId: number): Promise<string[]> {
    const query = 'select permission from slow_permissions where user_id = $1 order by permission';
    const { rows } = await this.db.query<{ permission: string }>(query, [userId]);
    return rows.map(({ permission }) => permission);
  }

  @CacheEvict({ cache: permissionCache, args: (userId: number) => [userId] })
  async grant(userId: number, permission: string): Promise<void> {
    await this.db.query('insert into user_permissions values ($1, $2) on conflict do nothing', [userId, permission]);
  }

  // Strict: an administrator is told when the revocation cannot be carried out everywhere yet.
  @CacheEvict({ cache: permissionCache, args: (userId: number) => [userId], strict: true })
  async revoke(userId: number, permission: string): Promise<void> {
    await this.db.query('delete from user_permissions where user_id = $1 and permission = $2', [userId, permission]);
  }
}
