import { Injectable } from '@nestjs/common';
import { Cacheable } from 'nestjs-rcache';
import { Pool } from 'pg';
import { featureCache, requirementCache } from './caches.js';
import { ChangeEvents } from './change-events.js';

export interface Requirement {
  id: number;
  projectId: number;
  version: number;
  title: string;
  document: unknown;
}

export interface Feature {
  id: number;
  name: string;
  requirements: number;
  testedAt: Date | null;
}

@Injectable()
export class RequirementsService {
  constructor(
    private readonly db: Pool,
    private readonly events: ChangeEvents,
  ) {}

  @Cacheable(requirementCache)
  async find(id: number): Promise<Requirement | undefined> {
    const { rows } = await this.db.query<Requirement>(
      `select r.id, f.project_id as "projectId", r.version, r.title, r.document
         from requirements r join features f on f.id = r.feature_id where r.id = $1`,
      [id],
    );
    return rows[0];
  }

  @Cacheable(featureCache)
  async features(projectId: number): Promise<Feature[]> {
    const { rows } = await this.db.query<Feature>(
      `select f.id, f.name, count(distinct r.id)::int as requirements, max(t.executed_at) as "testedAt"
         from features f
         left join requirements r on r.feature_id = f.id
         left join test_results t on t.requirement_id = r.id
        where f.project_id = $1 group by f.id order by f.id`,
      [projectId],
    );
    return rows;
  }

  async change(id: number, title: string, document: unknown): Promise<void> {
    const { rows } = await this.db.query<{ projectId: number }>(
      `update requirements r set title = $2, document = $3, version = version + 1
         from features f where f.id = r.feature_id and r.id = $1 returning f.project_id as "projectId"`,
      [id, title, document],
    );
    for (const { projectId } of rows) await this.events.emit({ projectId, requirementId: id });
  }
}
