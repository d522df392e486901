import { createHash } from 'node:crypto';
import { defineCache } from 'nestjs-rcache';
import type { Answer } from './answers.service.js';
import type { Learner, Settings } from './learners.service.js';
import type { DailyStatistics, LearnerDay } from './statistics.service.js';

/** 1 h: a change evicts it. */
export const learnerCache = defineCache<[id: number], Learner | undefined>({
  name: 'learners',
  key: (id) => [id],
  ttl: '1h',
});

/** 1 h: a change evicts them. */
export const settingsCache = defineCache<[learnerId: number], Settings | undefined>({
  name: 'settings',
  key: (learnerId) => [learnerId],
  ttl: '1h',
});

/** 24 h: the same text and settings deserve the same answer, whoever asks. A crowd asking at once pays for one. */
export const answerCache = defineCache<[text: string, settings: Settings], Answer>({
  name: 'answers',
  key: (text, settings) => [digestOf(text, settings)],
  ttl: '24h',
});

/** Until the end of the learner's day; new activity evicts them. The day is in the key: yesterday's are never today's. */
export const statisticsCache = defineCache<[day: LearnerDay], DailyStatistics>({
  name: 'daily-statistics',
  key: ({ learnerId, endsAtMs }) => [learnerId, endsAtMs],
  tags: ({ learnerId }) => [activityTag(learnerId)],
  ttl: (_statistics, { remainingMs }) => remainingMs,
});

export const activityTag = (learnerId: number): string => `activity:${learnerId}`;

/** The fields by name, so that neither their order nor a field of no concern changes it; no text of a learner in a key. */
function digestOf(text: string, { level, language, tone }: Settings): string {
  const asked = JSON.stringify([text.normalize().trim(), level, language, tone]);
  return createHash('sha256').update(asked).digest('base64url');
}
