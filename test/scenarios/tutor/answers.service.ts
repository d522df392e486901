import { Injectable } from '@nestjs/common';
import { type CacheOf, InjectCache } from 'nestjs-rcache';
import { AnswerGenerator } from './answer-generator.js';
import { answerCache } from './caches.js';
import type { Settings } from './learners.service.js';

export interface Answer {
  text: string;
  costCents: number;
}

export interface Savings {
  requests: number;
  hits: number;
  savedCents: number;
}

@Injectable()
export class AnswersService {
  /** Of this process; metrics of the cache `answers` add all of them up. */
  readonly savings: Savings = { requests: 0, hits: 0, savedCents: 0 };

  constructor(
    private readonly generator: AnswerGenerator,
    @InjectCache(answerCache) private readonly cache: CacheOf<typeof answerCache>,
  ) {}

  async answer(text: string, settings: Settings): Promise<string> {
    const generate = () => this.generator.generate(text, settings);
    const { value, source, isShared } = await this.cache.for(text, settings).resolve(generate);
    this.savings.requests += 1;
    // Who shared the load of another did not pay either.
    if (source !== 'loader' || isShared) {
      this.savings.hits += 1;
      this.savings.savedCents += value.costCents;
    }
    return value.text;
  }
}
