import { defineCache } from 'nestjs-rcache';
import type { Feature, Requirement } from './requirements.service.js';
import type { ValidationResult } from './validation.service.js';

export const tagOf = { project: (projectId: number) => `project:${projectId}` };

/** 1 h: every change goes through this application. The key is text, so that it can be named by a pattern. */
export const requirementCache = defineCache<[id: number], Requirement | undefined>({
  name: 'requirements',
  key: (id) => `requirement:${id}`,
  ttl: '1h',
});

/** 15 min: an import writes features straight into the table. */
export const featureCache = defineCache<[projectId: number], Feature[]>({
  name: 'features',
  key: (projectId) => `features:${projectId}`,
  tags: (projectId) => [tagOf.project(projectId)],
  ttl: '15m',
});

/** 2 h: the version is part of the key, so a result never becomes wrong; it is only no longer asked for. */
export const validationCache = defineCache<[requirement: Requirement], ValidationResult>({
  name: 'validation',
  key: ({ id, version }) => [id, version],
  ttl: '2h',
});

/** As long as the query is costly, see QueriesService; 5 min unless measured. */
export const queryCache = defineCache<[name: string, projectId: number], unknown[]>({
  name: 'queries',
  key: (name, projectId) => [name, projectId],
  tags: (_name, projectId) => [tagOf.project(projectId)],
  ttl: '5m',
});

/** 24 h: only their owner changes them. */
export const preferencesCache = defineCache({ name: 'preferences', key: (userId: number) => [userId], ttl: '24h' });
