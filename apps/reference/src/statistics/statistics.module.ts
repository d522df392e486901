import { Module } from '@nestjs/common';
import { RulesModule } from '../rules/rules.module.js';
import { StatisticsController } from './statistics.controller.js';
import { StatisticsRepository } from './statistics.repository.js';

@Module({ imports: [RulesModule], controllers: [StatisticsController], providers: [StatisticsRepository] })
export class StatisticsModule {}
