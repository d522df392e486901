import {
  type CanActivate,
  Controller,
  Delete,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  Inject,
  Injectable,
  Param,
  Query,
  UseGuards,
} from '@nestjs/common';
import { CACHE_ENGINE, type CacheEngine, MetricsService, Public, requestSession } from 'nestjs-rcache';
import { featureCache, requirementCache, tagOf } from './caches.js';

/** What of a session the application knows besides its user. */
export interface RequirementsSession {
  isAdmin: boolean;
}

@Injectable()
export class AdminGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    return (await requestSession<Partial<RequirementsSession>>(context)).data.isAdmin === true;
  }
}

/** Invalidation by hand, for who has changed something past the application. */
@Controller('admin/cache')
@UseGuards(AdminGuard)
export class CacheAdminController {
  constructor(@Inject(CACHE_ENGINE) private readonly engine: CacheEngine) {}

  /** Such as `requirement:12*`. */
  @Delete('requirements')
  requirements(@Query('pattern') pattern: string) {
    return this.engine.cache(requirementCache).invalidatePattern(pattern);
  }

  @Delete('projects/:id')
  @HttpCode(204)
  async project(@Param('id') id: string): Promise<void> {
    await this.engine.defaultCache.invalidateTags([tagOf.project(Number(id))]);
  }

  @Delete('features')
  @HttpCode(204)
  async features(): Promise<void> {
    await this.engine.cache(featureCache).clear();
  }
}

/** For Prometheus, in a network of its own. */
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: MetricsService) {}

  @Public()
  @Get()
  @Header('content-type', 'text/plain; version=0.0.4')
  scrape(): Promise<string> {
    return this.metrics.exposition();
  }
}
