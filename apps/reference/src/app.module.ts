import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { AuthModule } from './auth/auth.module.js';
import { AuthzModule } from './authz/authz.module.js';
import { createCacheModule } from './cache.module.js';
import { ComplianceModule } from './compliance/compliance.module.js';
import { DatabaseModule } from './database/database.module.js';
import { readEnvironment } from './environment.js';
import { HealthModule } from './health/health.module.js';
import { RulesModule } from './rules/rules.module.js';
import { StatisticsModule } from './statistics/statistics.module.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    DatabaseModule,
    AuthModule,
    UsersModule,
    AuthzModule,
    RulesModule,
    ComplianceModule,
    StatisticsModule,
    HealthModule,
  ],
})
export class AppModule {
  /** Reads the environment now, not when this file is imported, so that tests can set it first. */
  static async fromEnvironment(): Promise<DynamicModule> {
    // First: it adds the variables of `.env` to the environment.
    const config = await ConfigModule.forRoot({ isGlobal: true, cache: true, validate: readEnvironment });
    return { module: AppModule, imports: [config, createCacheModule(readEnvironment(process.env))] };
  }
}
