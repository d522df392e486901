import { defineCache } from 'nestjs-rcache';
import { presetTtl } from 'nestjs-rcache/config';
import type { Analysis, AnalysisPage } from './analyses.service.js';
import type { Conversation, Profile, Subscription, UsageStatistics } from './accounts.service.js';

// The name of a definition stands in every key of it, after the namespace of the module, and so does its version: change it
// with the shape of the values, and instances of both releases may run side by side.

/** `long`: 1 h unless CACHE_TTL_LONG says otherwise. */
export const profileCache = defineCache<[accountId: number], Profile | undefined>({
  name: 'profiles',
  version: 2,
  key: (accountId) => [accountId],
  ttl: presetTtl('long'),
});

/** 1 h. */
export const subscriptionCache = defineCache<[accountId: number], Subscription | undefined>({
  name: 'subscriptions',
  key: (accountId) => [accountId],
  ttl: presetTtl('long'),
});

/** 5 min, page by page; a new analysis moves every page, so all of them share a tag. */
export const analysisListCache = defineCache<[accountId: number, page: number], AnalysisPage>({
  name: 'analysis-lists',
  key: (accountId, page) => [accountId, page],
  tags: (accountId) => [tagOf.analyses(accountId)],
  ttl: '5m',
});

/** 24 h: an analysis is never changed. One that is not there yet is asked for again after a minute at most. */
export const analysisCache = defineCache<[id: number], Analysis | undefined>({
  name: 'analyses',
  key: (id) => [id],
  ttl: presetTtl('day'),
  compress: { aboveBytes: 512 },
});

/** 5 min. */
export const conversationCache = defineCache<[accountId: number], Conversation[]>({
  name: 'conversations',
  key: (accountId) => [accountId],
  ttl: '5m',
});

/** 5 min. */
export const usageCache = defineCache<[accountId: number], UsageStatistics>({
  name: 'usage',
  key: (accountId) => [accountId],
  ttl: '5m',
});

export const tagOf = { analyses: (accountId: number): string => `analyses:${accountId}` };
