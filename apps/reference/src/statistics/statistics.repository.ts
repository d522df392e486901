import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { Cacheable } from 'nestjs-rcache';
import { statisticsCache } from '../caches.js';
import { DATABASE, selectRows, type Database } from '../database/database.js';
import { ACTIVITY_KINDS, type ActivityKind } from '../database/schema.js';
import type { DailyStatistics } from './daily-statistics.js';

/** One group of today's events: all of them where kind and hour are null, else those of one kind or one hour. */
interface Group {
  day: string;
  kind: ActivityKind | null;
  hour: number | null;
  events: number;
  users: number;
}

@Injectable()
export class StatisticsRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Cacheable(statisticsCache)
  async today(orgId: number, timeZone: string): Promise<DailyStatistics> {
    const groups = await selectRows<Group>(
      this.db,
      sql`
        with today as (select date_trunc('day', now() at time zone ${timeZone}) as start),
        events as (
          select a.kind, a.user_id, extract(hour from a.occurred_at at time zone ${timeZone})::int as hour
            from activity a, today
           where a.org_id = ${orgId} and a.occurred_at >= today.start at time zone ${timeZone}
        )
        select (select start::date::text from today) as day, kind, hour,
               count(user_id)::int as events, count(distinct user_id)::int as users
          from events
         group by grouping sets ((), (kind), (hour))`,
    );
    const all = groups.find(({ kind, hour }) => kind === null && hour === null);
    const eventsOf = (isWanted: (group: Group) => boolean) => groups.find(isWanted)?.events ?? 0;
    return {
      orgId,
      timeZone,
      day: all?.day ?? '',
      events: all?.events ?? 0,
      activeUsers: all?.users ?? 0,
      byKind: Object.fromEntries(
        ACTIVITY_KINDS.map((kind) => [kind, eventsOf((group) => group.kind === kind)]),
      ) as Record<ActivityKind, number>,
      byHour: Array.from({ length: 24 }, (_, hour) => eventsOf((group) => group.hour === hour)),
    };
  }
}
