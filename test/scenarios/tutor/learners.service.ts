import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { Pool } from 'pg';
import { learnerCache, settingsCache } from './caches.js';

export interface Learner {
  id: number;
  name: string;
  timeZone: string;
}

export interface Settings {
  level: string;
  language: string;
  tone: string;
}

interface ReadOptions {
  /** Asks the database and leaves the cache as it is. */
  bypass?: boolean;
}

const isBypassed = (_id: number, { bypass = false }: ReadOptions = {}) => bypass;

@Injectable()
export class LearnersService {
  constructor(private readonly db: Pool) {}

  @Cacheable({ cache: learnerCache, args: (id: number) => [id], bypass: isBypassed })
  async find(id: number, _options?: ReadOptions): Promise<Learner | undefined> {
    const query = 'select id, name, time_zone as "timeZone" from learners where id = $1';
    return (await this.db.query<Learner>(query, [id])).rows[0];
  }

  @Cacheable({ cache: settingsCache, args: (learnerId: number) => [learnerId], bypass: isBypassed })
  async settings(learnerId: number, _options?: ReadOptions): Promise<Settings | undefined> {
    const query = 'select level, language, tone from settings where learner_id = $1';
    return (await this.db.query<Settings>(query, [learnerId])).rows[0];
  }

  @CacheEvict({ cache: learnerCache, args: (id: number) => [id] })
  async move(id: number, timeZone: string): Promise<void> {
    await this.db.query('update learners set time_zone = $2 where id = $1', [id, timeZone]);
  }

  @CacheEvict({ cache: settingsCache, args: (learnerId: number) => [learnerId] })
  async configure(learnerId: number, { level, language, tone }: Settings): Promise<void> {
    const update = 'update settings set level = $2, language = $3, tone = $4 where learner_id = $1';
    await this.db.query(update, [learnerId, level, language, tone]);
  }
}
