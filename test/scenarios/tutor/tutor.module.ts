import { Module } from '@nestjs/common';
import { RedisCacheModule } from 'nestjs-rcache';
import { AnswerGenerator } from './answer-generator.js';
import { AnswersService } from './answers.service.js';
import { CacheHealthController } from './cache-health.controller.js';
import { answerCache } from './caches.js';
import { LearnersService } from './learners.service.js';
import { StatisticsService, WallClock } from './statistics.service.js';

@Module({
  imports: [RedisCacheModule.forFeature([answerCache])],
  controllers: [CacheHealthController],
  providers: [AnswerGenerator, AnswersService, LearnersService, StatisticsService, WallClock],
})
export class TutorModule {}
