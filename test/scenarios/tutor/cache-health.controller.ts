import { Controller, Get } from '@nestjs/common';
import { RedisCacheHealthIndicator } from 'nestjs-rcache';

export type CacheHealth = 'healthy' | 'unavailable' | 'disabled';

@Controller('health/cache')
export class CacheHealthController {
  constructor(private readonly indicator: RedisCacheHealthIndicator) {}

  @Get()
  async status(): Promise<{ status: CacheHealth }> {
    const { cache } = await this.indicator.check('cache');
    if (cache.mode === 'disabled') return { status: 'disabled' };
    return { status: cache.status === 'up' ? 'healthy' : 'unavailable' };
  }
}
