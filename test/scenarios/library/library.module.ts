import { Injectable, Module } from '@nestjs/common';
import { CACHE_ENGINE, Cacheable, cachedRepository, type CacheEngine } from 'nestjs-rcache';
import { Pool } from 'pg';
import type { Language } from './entities.js';
import { ChildRepository, HeroRepository, StoryRepository } from './repositories.js';
import { children, heroes, stories, storyCountCache } from './strategies.js';

@Injectable()
export class StoryCounts {
  constructor(private readonly db: Pool) {}

  @Cacheable(storyCountCache)
  async of(language: Language): Promise<number> {
    const query = 'select count(*)::int as count from stories where language = $1';
    return (await this.db.query<{ count: number }>(query, [language])).rows[0]!.count;
  }
}

@Module({
  providers: [
    StoryCounts,
    {
      provide: HeroRepository,
      inject: [Pool, CACHE_ENGINE],
      useFactory: (db: Pool, engine: CacheEngine) => cachedRepository(new HeroRepository(db), heroes, engine),
    },
    {
      provide: ChildRepository,
      inject: [Pool, CACHE_ENGINE],
      useFactory: (db: Pool, engine: CacheEngine) => cachedRepository(new ChildRepository(db), children, engine),
    },
    {
      provide: StoryRepository,
      inject: [Pool, CACHE_ENGINE],
      useFactory: (db: Pool, engine: CacheEngine) => cachedRepository(new StoryRepository(db), stories, engine),
    },
  ],
})
export class LibraryModule {}
