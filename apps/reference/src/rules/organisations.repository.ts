import { Inject, Injectable } from '@nestjs/common';
import { eq } from 'drizzle-orm';
import { Cacheable } from 'nestjs-rcache';
import { organisationCache } from '../caches.js';
import { DATABASE, type Database } from '../database/database.js';
import { organisations, type Baseline } from '../database/schema.js';

export interface Organisation {
  id: number;
  name: string;
  timeZone: string;
  baseline: Baseline;
}

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
}
