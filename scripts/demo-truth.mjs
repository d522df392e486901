// @ts-check
// What the database says, asked directly: the queries of the application on connections of our own, without any cache.
import { NestFactory } from '@nestjs/core';
import { sql } from 'drizzle-orm';
import { SessionService } from 'nestjs-rcache';

/** @typedef {Awaited<ReturnType<typeof openTruth>>} Truth */
/** @typedef {import('./demo-requests.mjs').Population} Population */
/** What can be written. @typedef {'preferences' | 'roles' | 'rules' | 'evidence'} Subject */

const ADMINISTRATOR = 'Administrator';

/** Reads DATABASE_URL, and what sessions need. The caller ends it with `close`. */
export async function openTruth() {
  process.env.CACHE_ENABLED = 'false';
  const compiled = '../dist/apps/reference';
  const load = (/** @type {string} */ file) => import(`${compiled}/${file}.js`);
  const { AppModule } = await load('app.module');
  const context = await NestFactory.createApplicationContext(await AppModule.fromEnvironment(), { logger: false });
  const get = async (/** @type {string} */ file, /** @type {string} */ name) =>
    context.get((await load(file))[name], { strict: false });

  const users = await get('users/users.repository', 'UsersRepository');
  const authz = await get('authz/authz.service', 'AuthzService');
  const organisations = await get('rules/organisations.repository', 'OrganisationsRepository');
  const rules = await get('rules/rules.repository', 'RulesRepository');
  const products = await get('compliance/products.repository', 'ProductsRepository');
  const compliance = await get('compliance/compliance.service', 'ComplianceService');
  const statistics = await get('statistics/statistics.repository', 'StatisticsRepository');
  const sessions = context.get(SessionService, { strict: false });
  const db = context.get((await load('database/database')).DATABASE, { strict: false });
  const rows = async (/** @type {import('drizzle-orm').SQL} */ query) => (await db.execute(query)).rows;

  return {
    user: (/** @type {number} */ id) => users.find(id),
    preferences: (/** @type {number} */ userId) => users.findPreferences(userId),
    permissions: (/** @type {{ userId: number, orgId: number }} */ member) => authz.permissionsOf(member),
    rules: async (/** @type {number} */ orgId) => rules.list(orgId, (await organisations.find(orgId)).baseline),
    rule: (/** @type {number} */ orgId, /** @type {string} */ controlId) => rules.find(orgId, controlId),
    compliance: async (/** @type {number} */ productId) => compliance.summary(await products.find(productId)),
    validation: async (/** @type {number} */ productId) => compliance.validate(await products.find(productId)),
    statistics: async (/** @type {number} */ orgId) =>
      statistics.today(orgId, (await organisations.find(orgId)).timeZone),
    /** The stored document of that product, control, kind and day of issue. */
    evidence: async (/** @type {{ productId: number, controlId: string, kind: string, issuedOn: string }} */ key) => {
      const [document] = await rows(sql`
        select product_id as "productId", control_id as "controlId", kind, status, title,
               issued_on::text as "issuedOn", expires_on::text as "expiresOn"
          from evidence
         where product_id = ${key.productId} and control_id = ${key.controlId}
           and kind = ${key.kind} and issued_on = ${key.issuedOn}`);
      return document;
    },
    /** The role with its permissions, those of `order` first and in that order. */
    role: async (/** @type {number} */ id, /** @type {string[]} */ order) => {
      const [role] = await rows(sql`
        select r.id, r.org_id as "orgId", r.name,
               coalesce(array_agg(p.permission order by array_position(${sql.param(order)}::text[], p.permission))
                          filter (where p.permission is not null), '{}') as permissions
          from roles r left join role_permissions p on p.role_id = r.id
         where r.id = ${id}
         group by r.id`);
      return role;
    },
    hasRole: async (/** @type {number} */ userId, /** @type {number} */ roleId) =>
      (await rows(sql`select from user_roles where user_id = ${userId} and role_id = ${roleId}`)).length === 1,
    /** The `Cookie` header of a user who has just logged in. */
    cookie: async (/** @type {number} */ userId) => {
      const { orgId } = await users.find(userId);
      return sessions.setCookie(await sessions.create({ orgId }, { userId: String(userId) })).split(';', 1)[0] ?? '';
    },
    emails: async (/** @type {number[]} */ userIds) =>
      new Map(
        (await rows(sql`select id, email from users where id = any (${sql.param(userIds)}::int[])`)).map(
          (/** @type {{ id: number, email: string }} */ user) => [user.id, user.email],
        ),
      ),
    population: () => readPopulation(rows),
    close: () => context.close(),
  };
}

/**
 * What answers depend on, as far as requests write it. Who forgets a line here reads of wrong answers without a cache.
 * @type {Record<string, Subject[]>}
 */
const ABOUT = {
  preferences: ['preferences'],
  permissions: ['roles'],
  role: ['roles'],
  hasRole: ['roles'],
  rules: ['rules'],
  rule: ['rules'],
  evidence: ['evidence'],
  compliance: ['rules', 'evidence'],
  validation: ['rules', 'evidence'],
  // Whatever is done counts as activity.
  statistics: ['preferences', 'roles', 'rules', 'evidence'],
};

/** What the database has said, each question asked once until somebody writes what its answer is about. */
export class RememberedTruth {
  /** @type {Map<string, { name: string, answer: Promise<unknown> }>} */
  #answers = new Map();

  /** @param {Truth} truth */
  constructor(truth) {
    const entries = Object.entries(truth).map(([name, ask]) => [name, this.#once(name, ask)]);
    /** @type {Truth} */
    this.truth = Object.fromEntries(entries);
  }

  /** @param {Subject} subject that was written */
  forget(subject) {
    for (const [question, { name }] of this.#answers) {
      if (ABOUT[name]?.includes(subject)) this.#answers.delete(question);
    }
  }

  /** @param {string} name @param {(...args: any[]) => any} ask */
  #once(name, ask) {
    return (/** @type {any[]} */ ...args) => {
      const question = `${name} ${JSON.stringify(args)}`;
      const known = this.#answers.get(question) ?? { name, answer: ask(...args) };
      this.#answers.set(question, known);
      return known.answer;
    };
  }
}

/**
 * Who and what there is to ask about.
 * @param {(query: import('drizzle-orm').SQL) => Promise<any[]>} rows
 * @returns {Promise<Population>}
 */
async function readPopulation(rows) {
  const organisations = await rows(sql`
    select o.id,
           (select min(h.user_id) from user_roles h join roles r on r.id = h.role_id
             where r.org_id = o.id and r.name = ${ADMINISTRATOR}) as "adminId",
           (select array_agg(u.id order by u.id) from users u where u.org_id = o.id) as "userIds",
           (select array_agg(p.id order by p.id) from products p where p.org_id = o.id) as "productIds",
           (select array_agg(r.id order by r.id) from roles r
             where r.org_id = o.id and r.name not in (${ADMINISTRATOR}, 'Member')) as "roleIds"
      from organisations o
     order by o.id`);
  const controls = await rows(sql`
    select id from controls where cardinality(baselines) > 0 order by cardinality(baselines) desc, id collate "C"`);
  const permissions = await rows(sql`select name from permissions order by name collate "C"`);
  return {
    organisations,
    controlIds: controls.map(({ id }) => id),
    permissions: permissions.map(({ name }) => name),
  };
}
