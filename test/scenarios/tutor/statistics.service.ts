import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict, endOfDay } from 'nestjs-rcache';
import { Pool } from 'pg';
import { activityTag, statisticsCache } from './caches.js';
import type { Learner } from './learners.service.js';

export interface DailyStatistics {
  exercises: number;
  correct: number;
}

/** The present day of a learner. */
export interface LearnerDay {
  learnerId: number;
  timeZone: string;
  endsAtMs: number;
  remainingMs: number;
}

/** What time it is; tests move it. */
@Injectable()
export class WallClock {
  nowMs = (): number => Date.now();
}

@Injectable()
export class StatisticsService {
  constructor(
    private readonly db: Pool,
    private readonly clock: WallClock,
  ) {}

  today({ id: learnerId, timeZone }: Learner): Promise<DailyStatistics> {
    const nowMs = this.clock.nowMs();
    const endsAtMs = endOfDay(timeZone, () => nowMs)().getTime();
    return this.of({ learnerId, timeZone, endsAtMs, remainingMs: endsAtMs - nowMs });
  }

  @CacheEvict({ tags: (learnerId: number) => [activityTag(learnerId)] })
  async record(learnerId: number, correct: boolean): Promise<void> {
    const insert = 'insert into activity (learner_id, occurred_at, correct) values ($1, $2, $3)';
    await this.db.query(insert, [learnerId, new Date(this.clock.nowMs()), correct]);
  }

  @Cacheable(statisticsCache)
  protected async of({ learnerId, timeZone, endsAtMs }: LearnerDay): Promise<DailyStatistics> {
    // A day of 23 or 25 hours, too: the calendar of the time zone goes back from its end.
    const { rows } = await this.db.query<DailyStatistics>(
      `with today as (select $2::timestamptz as ends_at)
       select count(*)::int as exercises, count(*) filter (where correct)::int as correct
         from activity, today
        where learner_id = $1 and occurred_at < ends_at
          and occurred_at >= (ends_at at time zone $3 - interval '1 day') at time zone $3`,
      [learnerId, new Date(endsAtMs), timeZone],
    );
    return rows[0]!;
  }
}
