import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { RedisCacheModule, SessionGuard, SessionInterceptor } from 'nestjs-rcache';
import { CacheAdminController, MetricsController } from './cache-admin.controller.js';
import { queryCache, requirementCache } from './caches.js';
import { CacheInvalidation, ChangeEvents } from './change-events.js';
import { FeatureWarmUp } from './feature-warm-up.js';
import { PreferencesService } from './preferences.service.js';
import { QueriesService } from './queries.service.js';
import { RequirementsController } from './requirements.controller.js';
import { RequirementsService } from './requirements.service.js';
import { ValidationService } from './validation.service.js';

@Module({
  imports: [RedisCacheModule.forFeature([queryCache, requirementCache])],
  controllers: [RequirementsController, CacheAdminController, MetricsController],
  providers: [
    CacheInvalidation,
    ChangeEvents,
    FeatureWarmUp,
    PreferencesService,
    QueriesService,
    RequirementsService,
    ValidationService,
    { provide: APP_GUARD, useClass: SessionGuard },
    { provide: APP_INTERCEPTOR, useClass: SessionInterceptor },
  ],
})
export class RequirementsModule {}
