import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { RedisCacheModule, SessionGuard, SessionInterceptor } from 'nestjs-rcache';
import { ruleCache } from './caches.js';
import { ComplianceController } from './compliance.controller.js';
import { PermissionsService } from './permissions.service.js';
import { ProductsService } from './products.service.js';
import { RulesWarmUp } from './rules-warm-up.js';
import { RulesService } from './rules.service.js';

@Module({
  imports: [RedisCacheModule.forFeature([ruleCache])],
  controllers: [ComplianceController],
  providers: [
    PermissionsService,
    ProductsService,
    RulesService,
    RulesWarmUp,
    { provide: APP_GUARD, useClass: SessionGuard },
    { provide: APP_INTERCEPTOR, useClass: SessionInterceptor },
  ],
})
export class ComplianceModule {}
