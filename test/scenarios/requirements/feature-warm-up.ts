import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CACHE_ENGINE, type CacheEngine } from 'nestjs-rcache';
import { Pool } from 'pg';
import { RequirementsService } from './requirements.service.js';

/** Has the features of every project in the cache soon after the start. Nobody waits for it. */
@Injectable()
export class FeatureWarmUp implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(FeatureWarmUp.name);
  private warming: Promise<void> | undefined;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    private readonly db: Pool,
    private readonly requirements: RequirementsService,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.engine.isEnabled) return;
    this.warming = this.warm().catch((error: unknown) => {
      this.logger.warn(`The features could not be read ahead: ${String(error)}`);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.warming;
  }

  private async warm(): Promise<void> {
    const query = 'select distinct project_id as id from features order by 1';
    const { rows } = await this.db.query<{ id: number }>(query);
    for (const { id } of rows) await this.requirements.features(id);
  }
}
