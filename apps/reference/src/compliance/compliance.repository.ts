import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { DATABASE, selectRows, type Database } from '../database/database.js';
import { rulesOf } from '../rules/rules.repository.js';
import type { Product } from './products.repository.js';

/** How one family of controls stood on one day. */
export interface FamilyOnDay {
  day: string;
  family: string;
  compliant: number;
  partial: number;
  missing: number;
  /** Sum of the weights of all controls, and the part of it that evidence has earned. */
  weight: number;
  earned: number;
}

/** The evidence of one rule, counted by kind. */
export interface RuleCoverage {
  controlId: string;
  requiredKinds: number;
  /** Kinds whose latest document is accepted and in force today. */
  validKinds: number;
  expiredKinds: string[];
  rejectedKinds: string[];
  unreviewedKinds: string[];
}

@Injectable()
export class ComplianceRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  /** Every applicable rule against the evidence that was in force at the end of each of the last months, and today. */
  async trend({ id, orgId, baseline }: Product): Promise<FamilyOnDay[]> {
    return selectRows<FamilyOnDay>(
      this.db,
      sql`
        with rules as (${rulesOf(orgId, baseline)}),
        today as (select (now() at time zone 'UTC')::date as day),
        days as (
          select (date_trunc('month', day) - make_interval(months => number))::date - 1 as day
            from today cross join generate_series(0, 10) as number
          union all
          select day from today
        ),
        coverage as (
          select d.day, r."controlId", r.family, r.weight, r."requiredKinds", count(distinct e.kind)::int as kinds
            from rules r
           cross join days d
            left join evidence e
              on e.product_id = ${id} and e.control_id = r."controlId" and e.status = 'accepted'
             and e.issued_on <= d.day and d.day < least(e.expires_on, e.issued_on + r."maxAgeDays")
           where r.applicable
           group by d.day, r."controlId", r.family, r.weight, r."requiredKinds"
        )
        select day::text, family,
               (count(*) filter (where kinds >= "requiredKinds"))::int as compliant,
               (count(*) filter (where kinds > 0 and kinds < "requiredKinds"))::int as partial,
               (count(*) filter (where kinds = 0))::int as missing,
               sum(weight)::int as weight,
               sum(weight * least(kinds::numeric / "requiredKinds", 1))::float8 as earned
          from coverage
         group by day, family
         order by day, family collate "C"`,
    );
  }

  /** What the latest document of each kind says about each applicable rule. */
  async coverage({ id, orgId, baseline }: Product): Promise<RuleCoverage[]> {
    return selectRows<RuleCoverage>(
      this.db,
      sql`
        with rules as (${rulesOf(orgId, baseline)}),
        latest as (
          select distinct on (control_id, kind) control_id, kind, status, issued_on, expires_on
            from evidence
           where product_id = ${id} and issued_on <= (now() at time zone 'UTC')::date
           order by control_id, kind, issued_on desc
        ),
        judged as (
          select r."controlId", r."requiredKinds", l.kind,
                 case when l.status <> 'accepted' then l.status
                      when (now() at time zone 'UTC')::date < least(l.expires_on, l.issued_on + r."maxAgeDays") then 'valid'
                      else 'expired' end as verdict
            from rules r
            left join latest l on l.control_id = r."controlId"
           where r.applicable
        )
        select "controlId", "requiredKinds",
               (count(*) filter (where verdict = 'valid'))::int as "validKinds",
               coalesce(array_agg(kind order by kind) filter (where verdict = 'expired'), '{}') as "expiredKinds",
               coalesce(array_agg(kind order by kind) filter (where verdict = 'rejected'), '{}') as "rejectedKinds",
               coalesce(array_agg(kind order by kind) filter (where verdict = 'submitted'), '{}') as "unreviewedKinds"
          from judged
         group by "controlId", "requiredKinds"
         order by "controlId" collate "C"`,
    );
  }
}
