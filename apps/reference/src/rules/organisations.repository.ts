import { Inject, Injectable } from '@nestjs/common';
import { eq } from 'drizzle-orm';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { organisationCache, tagOf } from '../caches.js';
import { DATABASE, type Database } from '../database/database.js';
import { activity, organisations, type Baseline } from '../database/schema.js';
import type { Organisation } from './organisation.js';

@Injectable()
export class OrganisationsRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Cacheable(organisationCache)
  async find(id: number): Promise<Organisation | undefined> {
    const [organisation] = await this.db.select().from(organisations).where(eq(organisations.id, id));
    return organisation;
  }

  async all(): Promise<Organisation[]> {
    return this.db.select().from(organisations).orderBy(organisations.id);
  }

  @CacheEvict({ tags: (id: number) => [tagOf.rules(id), tagOf.activity(id)] })
  async chooseBaseline(id: number, baseline: Baseline, actorId: number): Promise<void> {
    await this.db.transaction(async (tx) => {
      await tx.update(organisations).set({ baseline }).where(eq(organisations.id, id));
      await tx.insert(activity).values({ orgId: id, userId: actorId, kind: 'rule' });
    });
  }
}
