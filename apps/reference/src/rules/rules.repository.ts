import { Inject, Injectable } from '@nestjs/common';
import { sql, type SQL } from 'drizzle-orm';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { ruleCache, ruleListCache, tagOf } from '../caches.js';
import { DATABASE, selectRows, type Database } from '../database/database.js';
import { activity, ruleOverrides, type Baseline } from '../database/schema.js';
import type { Rule, RuleOverride, RuleWithStatement } from './rule.js';

const RULE_COLUMNS = sql`
  c.id as "controlId", c.family, c.title, c.weight,
  coalesce(o.required_kinds, c.required_kinds) as "requiredKinds",
  coalesce(o.max_age_days, c.max_age_days) as "maxAgeDays",
  coalesce(o.applicable, true) as applicable,
  o.control_id is not null as overridden,
  o.note`;

function controlsOf(orgId: number): SQL {
  return sql`controls c left join rule_overrides o on o.control_id = c.id and o.org_id = ${orgId}`;
}

/** The rules of a baseline as the organisation applies them, for use inside another statement. */
export function rulesOf(orgId: number, baseline: Baseline): SQL {
  return sql`select ${RULE_COLUMNS} from ${controlsOf(orgId)} where ${baseline} = any (c.baselines)`;
}

@Injectable()
export class RulesRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Cacheable(ruleListCache)
  async list(orgId: number, baseline: Baseline): Promise<Rule[]> {
    return selectRows<Rule>(this.db, sql`${rulesOf(orgId, baseline)} order by c.id collate "C"`);
  }

  @Cacheable(ruleCache)
  async find(orgId: number, controlId: string): Promise<RuleWithStatement | undefined> {
    const [rule] = await selectRows<RuleWithStatement>(
      this.db,
      sql`select ${RULE_COLUMNS}, c.baselines, c.statement from ${controlsOf(orgId)} where c.id = ${controlId}`,
    );
    return rule;
  }

  /** Replaces what the organisation decided about the control; what is left out falls back to the default. */
  @CacheEvict({ cache: ruleListCache, tags: (orgId: number) => [tagOf.rules(orgId), tagOf.activity(orgId)] })
  async override(orgId: number, controlId: string, decision: RuleOverride, actorId: number): Promise<void> {
    const { applicable, requiredKinds = null, maxAgeDays = null, note = null } = decision;
    const values = { applicable, requiredKinds, maxAgeDays, note };
    await this.db.transaction(async (tx) => {
      await tx
        .insert(ruleOverrides)
        .values({ orgId, controlId, ...values })
        .onConflictDoUpdate({ target: [ruleOverrides.orgId, ruleOverrides.controlId], set: values });
      await tx.insert(activity).values({ orgId, userId: actorId, kind: 'rule' });
    });
  }
}
