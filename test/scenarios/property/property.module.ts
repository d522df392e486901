import { Module } from '@nestjs/common';
import { AccountsService } from './accounts.service.js';
import { AnalysesService } from './analyses.service.js';

@Module({ providers: [AccountsService, AnalysesService] })
export class PropertyModule {}
