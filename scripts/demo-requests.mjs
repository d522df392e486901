// @ts-check
import { Random } from '../dist/apps/reference/seed/random.js';

/** @typedef {import('./demo-truth.mjs').Truth} Truth */

/**
 * One request of the load, and what the database says its answer has to be.
 * @typedef {object} DemoRequest
 * @property {string} name the route, for the table
 * @property {boolean} isWrite
 * @property {import('./demo-truth.mjs').Subject} [writes] what it changes; undefined for a read
 * @property {number} organisationId whose data it reads or writes, and no other's
 * @property {number} userId who asks
 * @property {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @property {string} path
 * @property {object} [body]
 * @property {(truth: Truth) => Promise<unknown>} expected undefined for an answer without a body
 */

/** @typedef {{ id: number, userIds: number[], adminId: number, productIds: number[], roleIds: number[] }} Organisation */
/** @typedef {{ controlIds: string[], permissions: string[], organisations: Organisation[] }} Population */

const ACTIVE_USERS = 50;
const WRITE_SHARE = 0.05;
const PRECISION = 1_000_000;

/** How often each kind is asked for, relative to the others. */
const READS = [
  ...repeat(20, checkPermission),
  ...repeat(10, me),
  ...repeat(10, user),
  ...repeat(10, preferences),
  ...repeat(10, permissions),
  ...repeat(10, rules),
  ...repeat(5, rule),
  ...repeat(12, compliance),
  ...repeat(5, validate),
  ...repeat(8, statistics),
];
const WRITES = [
  ...repeat(8, savePreferences),
  ...repeat(6, saveEvidence),
  ...repeat(2, overrideRule),
  ...repeat(2, grantRole),
  ...repeat(1, revokeRole),
  ...repeat(1, changeRole),
];

/**
 * The same sequence for the same seed: 50 active users, or all where there are fewer, the most active about 50 times as active as the least (Zipf),
 * and one request in twenty a write. What is written differs from run to run: an answer that a write should have
 * changed, and did not, must not be right by accident.
 *
 * @param {Population} population
 * @param {{ count: number, seed: number, run: number }} options
 * @returns {{ userIds: number[], requests: DemoRequest[] }} the active users, and what they ask for
 */
export function demoRequests(population, { count, seed, run }) {
  const random = new Random(seed);
  const values = new Random(seed + run + 1);
  const active = activeUsers(population, random);
  const pickUser = zipf(active, random);
  /** @type {DemoRequest[]} */
  const requests = [];
  while (requests.length < count) {
    const { organisation, userId } = pickUser();
    const colleagues = active.filter((user) => user.organisation === organisation).map((user) => user.userId);
    const isWrite = random.below(PRECISION) < WRITE_SHARE * PRECISION;
    const make = random.pick(isWrite ? WRITES : READS);
    requests.push({
      isWrite,
      organisationId: organisation.id,
      ...make({ random, values, population, organisation, userId, colleagues }),
    });
  }
  return { userIds: active.map(({ userId }) => userId), requests };
}

/**
 * @typedef {{ random: Random, values: Random, population: Population, organisation: Organisation, userId: number, colleagues: number[] }} Scene
 * @typedef {Omit<DemoRequest, 'isWrite' | 'organisationId'>} Draft
 */

/**
 * Of each organisation its administrator and some more, the same number of each where that comes out even.
 * @param {Population} population
 * @param {Random} random
 */
function activeUsers({ organisations }, random) {
  const perOrganisation = Math.ceil(ACTIVE_USERS / organisations.length);
  const users = Array.from({ length: perOrganisation }, (_, index) =>
    organisations.flatMap((organisation) => {
      const userId = organisation.userIds[index];
      return userId === undefined ? [] : [{ organisation, userId }];
    }),
  );
  const active = users.flat().slice(0, ACTIVE_USERS);
  return random.sample(active, active.length);
}

/**
 * The n-th item is picked with a probability proportional to 1/n.
 * @template T
 * @param {T[]} items
 * @param {Random} random
 * @returns {() => T}
 */
function zipf(items, random) {
  const total = items.reduce((sum, _, index) => sum + 1 / (index + 1), 0);
  return () => {
    let left = (random.below(PRECISION) / PRECISION) * total;
    const found = items.find((_, index) => (left -= 1 / (index + 1)) < 0);
    return found ?? /** @type {T} */ (items[0]);
  };
}

/** @param {Scene} scene @returns {Draft} */
function me({ userId }) {
  return { name: 'GET /me', userId, method: 'GET', path: '/me', expected: (truth) => truth.user(userId) };
}

/** @param {Scene} scene @returns {Draft} */
function user({ random, userId, colleagues }) {
  const id = random.pick(colleagues);
  const path = `/users/${id}`;
  return { name: 'GET /users/:id', userId, method: 'GET', path, expected: (truth) => truth.user(id) };
}

/** @param {Scene} scene @returns {Draft} */
function preferences({ userId }) {
  const path = `/users/${userId}/preferences`;
  const expected = (/** @type {Truth} */ truth) => truth.preferences(userId);
  return { name: 'GET /users/:id/preferences', userId, method: 'GET', path, expected };
}

/** @param {Scene} scene @returns {Draft} */
function permissions({ userId, organisation }) {
  const path = `/users/${userId}/permissions`;
  const expected = (/** @type {Truth} */ truth) => truth.permissions({ userId, orgId: organisation.id });
  return { name: 'GET /users/:id/permissions', userId, method: 'GET', path, expected };
}

/** @param {Scene} scene @returns {Draft} */
function checkPermission({ random, population, organisation, userId, colleagues }) {
  const body = {
    userId: random.pick(colleagues),
    permission: random.pick(population.permissions),
    productId: random.pick(organisation.productIds),
  };
  const expected = async (/** @type {Truth} */ truth) => {
    const { permissions } = await truth.permissions({ userId: body.userId, orgId: organisation.id });
    const held = permissions.find(
      (/** @type {{ permission: string }} */ { permission }) => permission === body.permission,
    );
    return { allowed: held !== undefined && (held.productIds === null || held.productIds.includes(body.productId)) };
  };
  return { name: 'POST /authz/check', userId, method: 'POST', path: '/authz/check', body, expected };
}

/** @param {Scene} scene @returns {Draft} */
function rules({ userId, organisation: { id } }) {
  const path = `/orgs/${id}/rules`;
  return { name: 'GET /orgs/:id/rules', userId, method: 'GET', path, expected: (truth) => truth.rules(id) };
}

/** @param {Scene} scene @returns {Draft} */
function rule({ random, population, userId, organisation: { id } }) {
  const controlId = popularOf(random, population.controlIds);
  const path = `/orgs/${id}/rules/${controlId}`;
  const expected = (/** @type {Truth} */ truth) => truth.rule(id, controlId);
  return { name: 'GET /orgs/:id/rules/:controlId', userId, method: 'GET', path, expected };
}

/** @param {Scene} scene @returns {Draft} */
function compliance({ random, userId, organisation }) {
  const id = popularOf(random, organisation.productIds);
  const path = `/products/${id}/compliance`;
  return {
    name: 'GET /products/:id/compliance',
    userId,
    method: 'GET',
    path,
    expected: (truth) => truth.compliance(id),
  };
}

/** @param {Scene} scene @returns {Draft} */
function validate({ random, userId, organisation }) {
  const id = popularOf(random, organisation.productIds);
  const path = `/products/${id}/validate`;
  return {
    name: 'POST /products/:id/validate',
    userId,
    method: 'POST',
    path,
    expected: (truth) => truth.validation(id),
  };
}

/** @param {Scene} scene @returns {Draft} */
function statistics({ userId, organisation: { id } }) {
  const path = `/orgs/${id}/statistics/daily`;
  return {
    name: 'GET /orgs/:id/statistics/daily',
    userId,
    method: 'GET',
    path,
    expected: (truth) => truth.statistics(id),
  };
}

/** @param {Scene} scene @returns {Draft} */
function savePreferences({ values, userId }) {
  const body = {
    locale: values.pick(['en-GB', 'uk-UA', 'de-DE', 'ja-JP']),
    theme: values.pick(['light', 'dark', 'system']),
    digest: values.pick(['never', 'daily', 'weekly']),
    pageSize: 10 + values.below(190),
  };
  const path = `/users/${userId}/preferences`;
  const expected = (/** @type {Truth} */ truth) => truth.preferences(userId);
  return { name: 'PUT /users/:id/preferences', userId, method: 'PUT', path, body, expected, writes: 'preferences' };
}

/** @param {Scene} scene @returns {Draft} */
function saveEvidence({ random, values, population, organisation }) {
  const productId = popularOf(random, organisation.productIds);
  const controlId = popularOf(random, population.controlIds);
  const today = new Date().toISOString().slice(0, 10);
  const nextYear = `${Number(today.slice(0, 4)) + 1}-06-01`;
  const body = {
    kind: values.pick(['policy', 'procedure', 'record', 'test-report']),
    status: values.pick(['submitted', 'accepted', 'rejected']),
    title: `Review ${values.below(1_000)}`,
    issuedOn: today,
    expiresOn: nextYear,
  };
  const path = `/products/${productId}/evidence/${controlId}`;
  const expected = (/** @type {Truth} */ truth) => truth.evidence({ productId, controlId, ...body });
  const name = 'PUT /products/:id/evidence/:controlId';
  return { name, userId: organisation.adminId, method: 'PUT', path, body, expected, writes: 'evidence' };
}

/** @param {Scene} scene @returns {Draft} */
function overrideRule({ random, values, population, organisation: { id, adminId } }) {
  const controlId = popularOf(random, population.controlIds);
  const body = {
    applicable: values.below(4) > 0,
    requiredKinds: 1 + values.below(3),
    note: `Agreed ${values.below(100)}`,
  };
  const path = `/orgs/${id}/rules/${controlId}`;
  const expected = (/** @type {Truth} */ truth) => truth.rule(id, controlId);
  return {
    name: 'PUT /orgs/:id/rules/:controlId',
    userId: adminId,
    method: 'PUT',
    path,
    body,
    expected,
    writes: 'rules',
  };
}

/** @param {Scene} scene @returns {Draft} */
function grantRole({ random, organisation, colleagues }) {
  const [userId, roleId] = [random.pick(colleagues), random.pick(organisation.roleIds)];
  return {
    name: 'PUT /users/:id/roles/:roleId',
    userId: organisation.adminId,
    method: 'PUT',
    writes: 'roles',
    path: `/users/${userId}/roles/${roleId}`,
    expected: async (truth) => ((await truth.hasRole(userId, roleId)) ? undefined : 'the role was not granted'),
  };
}

/** @param {Scene} scene @returns {Draft} */
function revokeRole(scene) {
  const grant = grantRole(scene);
  return {
    ...grant,
    name: 'DELETE /users/:id/roles/:roleId',
    method: 'DELETE',
    expected: async (truth) => ((await grant.expected(truth)) === undefined ? 'the role was not revoked' : undefined),
  };
}

/** @param {Scene} scene @returns {Draft} */
function changeRole({ random, values, population, organisation }) {
  const id = random.pick(organisation.roleIds);
  const body = { permissions: values.sample(population.permissions, 30) };
  const expected = (/** @type {Truth} */ truth) => truth.role(id, body.permissions);
  const name = 'PATCH /roles/:id';
  return { name, userId: organisation.adminId, method: 'PATCH', path: `/roles/${id}`, body, expected, writes: 'roles' };
}

/**
 * The first items are the popular ones: half of the picks fall into the first eighth.
 * @template T
 * @param {Random} random
 * @param {T[]} items
 */
function popularOf(random, items) {
  const share = (random.below(PRECISION) / PRECISION) ** 3;
  return /** @type {T} */ (items[Math.floor(share * items.length)]);
}

/**
 * @template T
 * @param {number} times
 * @param {T} item
 * @returns {T[]}
 */
function repeat(times, item) {
  return Array.from({ length: times }, () => item);
}
