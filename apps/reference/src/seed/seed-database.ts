import { sql } from 'drizzle-orm';
import { hashPassword } from '../auth/password.js';
import type { Database } from '../database/database.js';
import { controls, EVIDENCE_KINDS, organisations, permissions } from '../database/schema.js';
import { nistCatalogue } from './catalogue.js';
import { allPermissions, organisationRows, type SeedSize } from './organisation.js';
import { Random } from './random.js';

export const DEMO_PASSWORD = 'comply-demo';

export const DEMO_SIZE: SeedSize = {
  organisations: 12,
  usersPerOrganisation: 500,
  productsPerOrganisation: 10,
  documentsPerKind: 4,
  activityPerOrganisationAndDay: 1_500,
};

/** Enough of everything for a test that checks answers, not speed. */
export const TEST_SIZE: SeedSize = {
  organisations: 2,
  usersPerOrganisation: 20,
  productsPerOrganisation: 3,
  documentsPerKind: 2,
  activityPerOrganisationAndDay: 50,
};

const ACTIVITY_DAYS = 14;

type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];

/**
 * Fills an empty, migrated database in one transaction; one that was filled before gets the activity it missed.
 * `report` gets one line per step.
 */
export async function seedDatabase(db: Database, size: SeedSize, report: (step: string) => void): Promise<void> {
  const [existing] = await db.select({ id: organisations.id }).from(organisations).limit(1);
  if (existing) {
    report('the database has data already: activity since then');
    await db.transaction((tx) => insertActivity(tx, size));
    return;
  }

  const catalogue = await nistCatalogue();
  const passwordHash = await hashPassword(DEMO_PASSWORD);
  const random = new Random(53);
  await db.transaction(async (tx) => {
    report(`${catalogue.length} controls of NIST SP 800-53 rev 5`);
    await tx.insert(controls).values(catalogue);
    const permissionNames = allPermissions([...new Set(catalogue.map(({ family }) => family))]);
    await tx.insert(permissions).values(permissionNames.map((name) => ({ name })));

    const selected = catalogue.filter(({ baselines }) => baselines.length > 0).map(({ id }) => id);
    report(`${size.organisations} organisations with ${size.usersPerOrganisation} users each`);
    for (let orgId = 1; orgId <= size.organisations; orgId++) {
      const lists = { controlIds: selected, permissions: permissionNames };
      const rows = organisationRows(orgId, size, lists, passwordHash, random);
      for (const [table, tableRows] of Object.entries(rows)) await insertRows(tx, table, tableRows);
    }

    report(`evidence for ${size.organisations * size.productsPerOrganisation} products`);
    await insertEvidence(tx, size.documentsPerKind);
    report(`activity of the last ${ACTIVITY_DAYS} days`);
    await insertActivity(tx, size);
  });
  report('statistics for the query planner');
  await db.execute(sql`analyze`);
}

async function insertRows(tx: Transaction, table: string, rows: readonly object[]): Promise<void> {
  const columns = sql.join(
    Object.keys(rows[0] ?? {}).map((column) => sql.identifier(column)),
    sql`, `,
  );
  // One JSON parameter: no limit on the number of rows, and the table itself says the types.
  await tx.execute(sql`
    insert into ${sql.identifier(table)} (${columns})
    select ${columns} from jsonb_populate_recordset(null::${sql.identifier(table)}, ${JSON.stringify(rows)}::jsonb)`);
}

// Chance comes from md5 of the row's own key: the same on every server and version, unlike random() with a seed.
async function insertEvidence(tx: Transaction, documentsPerKind: number): Promise<void> {
  // Checking all rows at the end takes a moment; row by row takes four times as long as inserting them.
  await tx.execute(sql`
    alter table evidence drop constraint evidence_product_id_products_id_fk,
                         drop constraint evidence_control_id_controls_id_fk`);
  await tx.execute(sql`
    insert into evidence (product_id, control_id, kind, issued_on, expires_on, status, title)
    select p.id, c.id, k.kind, d.issued_on, d.issued_on + 120 + chance / 64 % 120,
           case when chance % 16 = 0 then 'rejected' when chance % 16 = 1 and number = 0 then 'submitted' else 'accepted' end,
           initcap(replace(k.kind, '-', ' ')) || ' for ' || c.id || ', issue ' || (${documentsPerKind} - number)
      from products p
      join controls c on p.baseline = any (c.baselines)
      join unnest(${sql.param(EVIDENCE_KINDS)}::text[]) with ordinality as k (kind, position) on position <= c.required_kinds
     cross join generate_series(0, ${documentsPerKind}::int - 1) as number
     cross join lateral (select ('x' || md5(p.id || c.id || k.kind || number))::bit(28)::int as chance) as dice
     cross join lateral (
       select (now() at time zone 'UTC')::date - number * (360 / ${documentsPerKind}::int) - 5 - chance / 256 % 80 as issued_on
     ) as d
     where not (p.id + length(c.title) + position) % 11 = 0`);
  await tx.execute(sql`
    alter table evidence
      add constraint evidence_product_id_products_id_fk foreign key (product_id) references products,
      add constraint evidence_control_id_controls_id_fk foreign key (control_id) references controls`);
}

/** As if people had gone on working since the last event, for `ACTIVITY_DAYS` at most. */
async function insertActivity(tx: Transaction, size: SeedSize): Promise<void> {
  await tx.execute(sql`
    insert into activity (org_id, user_id, kind, occurred_at)
    select o.id, (o.id - 1) * ${size.usersPerOrganisation}::int + 1 + chance % ${size.usersPerOrganisation}::int,
           (array['login', 'evidence', 'evidence', 'evidence', 'preferences', 'login', 'rule', 'role'])[1 + chance / 512 % 8],
           event.at
      from organisations o
     cross join lateral (select max(occurred_at) as at from activity where org_id = o.id) as last_event
     cross join generate_series(0, ${size.activityPerOrganisationAndDay * ACTIVITY_DAYS}::int - 1) as number
     cross join lateral (select ('x' || md5(o.id || '/' || number))::bit(28)::int as chance) as dice
     cross join lateral (
       select now() - make_interval(mins => (number::bigint * 1440 / ${size.activityPerOrganisationAndDay}::int)::int) as at
     ) as event
     where event.at > coalesce(last_event.at, '-infinity')`);
}
