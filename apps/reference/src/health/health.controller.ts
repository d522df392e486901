import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { HealthCheck, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { sql } from 'drizzle-orm';
import { CACHE_ENGINE, type CacheEngine, Public, RedisCacheHealthIndicator } from 'nestjs-rcache';
import { SESSIONS } from '../cache.module.js';
import { DATABASE, type Database } from '../database/database.js';

const TIMEOUT_MS = 2_000;

@ApiTags('health')
@Public()
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly redisCache: RedisCacheHealthIndicator,
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(DATABASE) private readonly db: Database,
  ) {}

  /** The process answers; nobody else is asked, because a restart would repair neither Redis nor PostgreSQL. */
  @Get('live')
  @HealthCheck()
  live() {
    return this.health.check([() => this.redisCache.live('redisCache')]);
  }

  /** Requests can be served: a load balancer sends them elsewhere while this is 503. Sessions are nowhere but in Redis. */
  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([
      () => this.database(),
      () => this.sessions(),
      // Without it answers are slower, and that is all.
      () => this.redisCache.check('redisCache'),
    ]);
  }

  private sessions() {
    const indicator = this.indicators.check('sessions');
    const isUp = this.engine.connectionStates().some((connection) => connection.name === SESSIONS && connection.isUp);
    return isUp ? indicator.up() : indicator.down('Redis is away, and nobody is logged in or out.');
  }

  private database() {
    return this.indicators
      .check('database')
      .attempt(async () => {
        await this.db.execute(sql`select 1`);
      })
      .withTimeout(TIMEOUT_MS);
  }
}
