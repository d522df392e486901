import { Injectable } from '@nestjs/common';
import { type CacheOf, CacheService, InjectCache } from 'nestjs-rcache';
import { requirementCache, tagOf } from './caches.js';

export interface RequirementChanged {
  projectId: number;
  requirementId: number;
}

type Listener = (change: RequirementChanged) => Promise<unknown>;

/** Tells those who asked for it that a requirement has changed, when that is committed. */
@Injectable()
export class ChangeEvents {
  private readonly listeners: Listener[] = [];

  on(listener: Listener): void {
    this.listeners.push(listener);
  }

  /** Resolves when every listener has: who changed something sees it with the next request. */
  async emit(change: RequirementChanged): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener(change)));
  }
}

/** What a change makes wrong in the cache. */
@Injectable()
export class CacheInvalidation {
  constructor(
    events: ChangeEvents,
    private readonly caches: CacheService,
    @InjectCache(requirementCache) private readonly requirements: CacheOf<typeof requirementCache>,
  ) {
    events.on((change) => this.requirementChanged(change));
  }

  private async requirementChanged({ projectId, requirementId }: RequirementChanged): Promise<void> {
    await Promise.all([
      this.requirements.for(requirementId).delete(),
      this.caches.invalidateTags([tagOf.project(projectId)]),
    ]);
  }
}
