import { Module } from '@nestjs/common';
import { type RedisCacheModuleOptions, SENSITIVE_FIELDS } from 'nestjs-rcache';
import { AccountsService } from './accounts.service.js';
import { AnalysesService } from './analyses.service.js';

/** For `RedisCacheModule`: what must not lie in Redis in clear is refused before it gets there. */
export const propertyOptions: RedisCacheModuleOptions = {
  defaults: { sensitive: { fields: [...SENSITIVE_FIELDS, 'renewalKey'] } },
};

@Module({ providers: [AccountsService, AnalysesService] })
export class PropertyModule {}
