import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CACHE_ENGINE, type CacheEngine } from 'nestjs-rcache';
import { OrganisationsRepository } from './organisations.repository.js';
import { RulesRepository } from './rules.repository.js';

/** Has the rules of every organisation in the cache soon after the start, because most of what is asked needs them. */
@Injectable()
export class RulesWarmUp implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(RulesWarmUp.name);
  private warming: Promise<void> | undefined;
  private isEnding = false;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    private readonly organisations: OrganisationsRepository,
    private readonly rules: RulesRepository,
  ) {}

  /** Nobody waits for it: the application is ready without, and a failure costs the first reader a query. */
  onApplicationBootstrap(): void {
    if (!this.engine.isEnabled) return;
    this.warming = this.warm().catch((error: unknown) => {
      this.logger.warn(`The rules could not be read ahead: ${String(error)}`);
    });
  }

  /** Lets a query that runs end before its connection does. */
  async onModuleDestroy(): Promise<void> {
    this.isEnding = true;
    await this.warming;
  }

  private async warm(): Promise<void> {
    for (const { id, baseline } of await this.organisations.all()) {
      if (this.isEnding) return;
      await this.rules.list(id, baseline);
    }
  }
}
