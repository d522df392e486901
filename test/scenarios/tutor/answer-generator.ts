import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Answer } from './answers.service.js';
import type { Settings } from './learners.service.js';

const ANSWER_TAKES_MS = 300;
const CENTS_PER_ANSWER = 2;

/** Stands in for a language model that is paid by the answer. */
@Injectable()
export class AnswerGenerator {
  answers = 0;

  async generate(text: string, { level, language, tone }: Settings): Promise<Answer> {
    await sleep(ANSWER_TAKES_MS);
    this.answers += 1;
    return { text: `${tone} (${language}, ${level}): ${text}`, costCents: CENTS_PER_ANSWER };
  }
}
