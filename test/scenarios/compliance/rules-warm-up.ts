import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CACHE_ENGINE, type CacheEngine } from 'nestjs-rcache';
import { ProductsService } from './products.service.js';
import { RulesService } from './rules.service.js';

/** Has the rules of every product in the cache soon after the start. Nobody waits for it. */
@Injectable()
export class RulesWarmUp implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(RulesWarmUp.name);
  private warming: Promise<void> | undefined;
  private isEnding = false;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    private readonly products: ProductsService,
    private readonly rules: RulesService,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.engine.isEnabled) return;
    this.warming = this.warm().catch((error: unknown) => {
      this.logger.warn(`The rules could not be read ahead: ${String(error)}`);
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.isEnding = true;
    await this.warming;
  }

  private async warm(): Promise<void> {
    const products = (await this.products.all()).values();
    // Four at a time leave the database to those who are waiting for it.
    const worker = async () => {
      for (const product of products) {
        if (this.isEnding) return;
        await this.rules.ofProduct(product);
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
  }
}
