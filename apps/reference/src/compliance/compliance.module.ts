import { Module } from '@nestjs/common';
import { RulesModule } from '../rules/rules.module.js';
import { ComplianceController } from './compliance.controller.js';
import { ComplianceRepository } from './compliance.repository.js';
import { ComplianceService } from './compliance.service.js';
import { EvidenceRepository } from './evidence.repository.js';
import { ProductsRepository } from './products.repository.js';

@Module({
  imports: [RulesModule],
  controllers: [ComplianceController],
  providers: [ComplianceService, ComplianceRepository, EvidenceRepository, ProductsRepository],
})
export class ComplianceModule {}
