import { defineCache, defineWarmer, endOfDay, type HttpCacheOptions } from 'nestjs-rcache';
import type { Member, MemberRequest } from './auth/member.js';
import type { Product } from './compliance/products.repository.js';
import type { Baseline } from './database/schema.js';

// Every cache with the reason of its lifetime. Readers use them with @Cacheable, and what a write evicts stands on the
// method that writes, which resolves after its transaction has committed.

/** What many entries are made of, named once for the readers that tag with it and the writers that evict it. */
export const tagOf = {
  activity: (orgId: number) => `activity:${orgId}`,
  evidence: (productId: number) => `evidence:${productId}`,
  grants: (userId: number) => `grants:${userId}`,
  roles: (orgId: number) => `roles:${orgId}`,
  rules: (orgId: number) => `rules:${orgId}`,
};

/**
 * For answers that must follow a revocation at once, in every process: Redis is asked each time, because a
 * copy in memory may be a message behind, or `maxStaleness` when the network is cut.
 */
export const AT_ONCE = { consistency: 'strong' } as const;

/** What changes rarely, and means nobody harm when it is old, is kept for a day longer, for when PostgreSQL is away. */
const OUTLIVES_AN_OUTAGE = { grace: '1d', refresh: 'required' } as const;

/** 1 h: nobody changes a name or a title in ComplyDesk, but an import may. */
export const userCache = defineCache({ name: 'users', key: (id: number) => [id], ttl: '1h', ...OUTLIVES_AN_OUTAGE });

/** 24 h: only their owner changes them, here, and that evicts them. */
export const preferencesCache = defineCache({ name: 'preferences', key: (userId: number) => [userId], ttl: '24h' });

/** 30 min: grants evict them, so this only bounds what somebody does to the tables by hand. */
export const permissionCache = defineCache({
  name: 'permissions',
  key: ({ userId }: Member) => [userId],
  tags: ({ userId, orgId }) => [tagOf.grants(userId), tagOf.roles(orgId)],
  ttl: '30m',
});

/** 30 min, like the permissions they stand beside. */
export const grantedRoleCache = defineCache({
  name: 'granted-roles',
  key: (userId: number) => [userId],
  tags: (userId) => [tagOf.grants(userId)],
  ttl: '30m',
});

/** 1 h: the name and the organisation of a role never change here; its permissions are not part of it. */
export const roleCache = defineCache({ name: 'roles', key: (id: number) => [id], ttl: '1h' });

/** 1 h: like users; with the tag of the rules, because a list of rules may be made of the baseline it has chosen. */
export const organisationCache = defineCache({
  name: 'organisations',
  key: (id: number) => [id],
  tags: (id) => [tagOf.rules(id)],
  ttl: '1h',
  ...OUTLIVES_AN_OUTAGE,
});

/** 1 h: like users, changed by imports only. */
export const productCache = defineCache({
  name: 'products',
  key: (id: number) => [id],
  ttl: '1h',
  ...OUTLIVES_AN_OUTAGE,
});

/** 1 h: the catalogue changes with a revision of NIST, and decisions of the organisation evict its rules. */
export const ruleListCache = defineCache({
  name: 'rules',
  key: (orgId: number, baseline: Baseline) => [orgId, baseline],
  tags: (orgId) => [tagOf.rules(orgId)],
  ttl: '1h',
  ...OUTLIVES_AN_OUTAGE,
});

/** Most of what is asked needs them. Two at a time leave connections for those who ask. */
export const rulesWarmer = defineWarmer(ruleListCache, { atStart: true, concurrency: 2 });

/** 1 h, like the list it belongs to. */
export const ruleCache = defineCache({
  name: 'rule-details',
  key: (orgId: number, controlId: string) => [orgId, controlId],
  tags: (orgId) => [tagOf.rules(orgId)],
  ttl: '1h',
  ...OUTLIVES_AN_OUTAGE,
});

// Responses that are kept whole. All whom the guards let pass get the same one, within their organisation.

/**
 * 5 min: the rules above answer a miss, and may be an hour old themselves. With the tag of those rules, because else a
 * response could be made of a copy that has yet to hear of a decision, and outlive it.
 */
export const ruleResponses: HttpCacheOptions<MemberRequest> = {
  scope: ({ user }) => user?.orgId,
  tags: ({ user }) => (user ? [tagOf.rules(user.orgId)] : []),
  ttl: '5m',
  staleIfError: '1d',
};

/**
 * 15 min: a dashboard, which should soon show evidence that was imported straight into the tables. Each day has its own,
 * like the next two.
 */
export const complianceResponses: HttpCacheOptions<MemberRequest> = {
  scope: ({ user }) => user && [user.orgId, dayEndsAtMs('UTC')],
  tags: ({ user, params }) => (user ? [tagOf.rules(user.orgId), tagOf.evidence(Number(params.id))] : []),
  query: [],
  ttl: '15m',
  staleIfError: '1d',
};

// What the next two answer is about today. With the end of the day in the key, an answer of yesterday is never found
// today, whatever happens around midnight.

/** 2 h: evidence and rules evict it; it is the costly one to make, and the one read over and over while one works. */
export const validationCache = defineCache({
  name: 'validation',
  key: ({ id }: Product) => [id, dayEndsAtMs('UTC')],
  tags: ({ orgId }) => [tagOf.rules(orgId)],
  ttl: '2h',
});

/** Until the end of the organisation's day: every write evicts it, and tomorrow it is about another day. */
export const statisticsCache = defineCache({
  name: 'daily-statistics',
  key: (orgId: number, timeZone: string) => [orgId, dayEndsAtMs(timeZone)],
  tags: (orgId) => [tagOf.activity(orgId)],
  // As a length of time: with a clock a moment ahead of ours, Redis would find that instant in the past.
  ttl: (_statistics: unknown, _orgId: number, timeZone: string) => Math.max(1, dayEndsAtMs(timeZone) - Date.now()),
});

// Looking a time zone up costs more than the rest of a hit.
const dayEnds = new Map<string, () => Date>();

function dayEndsAtMs(timeZone: string): number {
  const known = dayEnds.get(timeZone) ?? endOfDay(timeZone);
  dayEnds.set(timeZone, known);
  return known().getTime();
}
