import { Module } from '@nestjs/common';
import { OrganisationsController } from './organisations.controller.js';
import { OrganisationsRepository } from './organisations.repository.js';
import { OrganisationsService } from './organisations.service.js';
import { RulesController } from './rules.controller.js';
import { RulesRepository } from './rules.repository.js';
import { RulesService } from './rules.service.js';
import { RulesWarmUp } from './rules-warm-up.js';

@Module({
  controllers: [OrganisationsController, RulesController],
  providers: [OrganisationsRepository, OrganisationsService, RulesRepository, RulesService, RulesWarmUp],
  exports: [OrganisationsService, RulesService],
})
export class RulesModule {}
