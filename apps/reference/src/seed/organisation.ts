import { FAMILY_ACTIONS, familyPermission, ORGANISATION_PERMISSIONS } from '../authz/permissions.js';
import type { Baseline } from '../database/schema.js';
import type { Random } from './random.js';

export interface SeedSize {
  organisations: number;
  usersPerOrganisation: number;
  productsPerOrganisation: number;
  /** Of each kind of evidence a rule asks for, over the last year. */
  documentsPerKind: number;
  activityPerOrganisationAndDay: number;
}

type Row = Record<string, number | string | null>;

/** Rows by table, with the names of the columns. Ids are dense, so that everybody can guess one that exists. */
export type OrganisationRows = Record<
  | 'organisations'
  | 'users'
  | 'preferences'
  | 'products'
  | 'roles'
  | 'role_inclusions'
  | 'role_permissions'
  | 'groups'
  | 'group_members'
  | 'group_roles'
  | 'user_roles'
  | 'rule_overrides',
  Row[]
>;

const TIME_ZONES = [
  'Europe/Kyiv',
  'America/New_York',
  'Asia/Tokyo',
  'Europe/Berlin',
  'Australia/Sydney',
  'Asia/Kolkata',
];
const SECTORS = ['Health', 'Energy', 'Logistics', 'Bank', 'Robotics', 'Telecom', 'Water', 'Rail'];
const PLACES = ['North', 'Harbour', 'Summit', 'Delta', 'Granite', 'Meridian'];
const GIVEN_NAMES = [
  'Ada',
  'Bohdan',
  'Chen',
  'Dalia',
  'Emeka',
  'Freya',
  'Goro',
  'Hanna',
  'Ines',
  'Jonas',
  'Kira',
  'Lena',
];
const FAMILY_NAMES = ['Abe', 'Bondar', 'Costa', 'Diallo', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ito', 'Kowalski'];
const TITLES = ['Analyst', 'Engineer', 'Auditor', 'Product owner', 'Security officer', 'Operator'];
const PRODUCTS = [
  'Portal',
  'Ledger',
  'Gateway',
  'Archive',
  'Scheduler',
  'Payments',
  'Telemetry',
  'Identity',
  'Console',
];
const PRODUCT_BASELINES: Baseline[] = ['MODERATE', 'HIGH', 'MODERATE', 'HIGH', 'LOW'];
const LOCALES = ['en-GB', 'en-US', 'uk-UA', 'de-DE', 'ja-JP'];

// Everyone, then divisions, departments and teams: four levels.
const GROUPS_PER_LEVEL = [1, 5, 4, 4];
// From broad to narrow; each role includes some of the next level.
const ROLE_LEVELS = [
  { name: 'Director', count: 10, group: 1 },
  { name: 'Manager', count: 14, group: 2 },
  { name: 'Lead', count: 20, group: 2 },
  { name: 'Assessor', count: 30, group: 3 },
  { name: 'Specialist', count: 40, group: 3 },
];
const INCLUDED_ROLES = 3;
const PERMISSIONS_PER_ROLE = 50;
const ROLES_PER_GROUP = 8;
const GROUPS_PER_USER = 8;
const ADMINISTRATORS = 2;
// Only administrators approve and grant: a check for these is a refusal for everybody else.
const RESERVED = /:(approve|grant|publish)$/;
const MEMBER_PERMISSIONS = ['users:read', 'rules:read', 'compliance:read', 'products:validate', 'statistics:read'];

export function allPermissions(families: readonly string[]): string[] {
  const ofFamilies = families.flatMap((family) => FAMILY_ACTIONS.map((action) => familyPermission(family, action)));
  return [...ORGANISATION_PERMISSIONS, ...ofFamilies];
}

/** One organisation with its people, products, roles and groups. `orgId` counts from 1. */
export function organisationRows(
  orgId: number,
  size: SeedSize,
  catalogue: { controlIds: readonly string[]; permissions: readonly string[] },
  passwordHash: string,
  random: Random,
): OrganisationRows {
  const users = idsOf(orgId, size.usersPerOrganisation);
  const products = idsOf(orgId, size.productsPerOrganisation);
  const roleLevels = rolesByLevel(orgId);
  const groupLevels = groupsByLevel(orgId);
  const [member, administrator] = [roleLevels.member, roleLevels.administrator];
  const teams = groupLevels.at(-1) ?? [];
  const everyone = groupLevels[0]?.[0]?.id ?? 0;
  const ofFamilies = catalogue.permissions
    .slice(ORGANISATION_PERMISSIONS.length)
    .filter((permission) => !RESERVED.test(permission));

  return {
    organisations: [
      {
        id: orgId,
        name: `${PLACES[orgId % PLACES.length]} ${SECTORS[orgId % SECTORS.length]}`,
        time_zone: TIME_ZONES[orgId % TIME_ZONES.length] ?? 'UTC',
        baseline: PRODUCT_BASELINES[orgId % 2] ?? 'MODERATE',
      },
    ],
    users: users.map((id) => {
      const name = `${random.pick(GIVEN_NAMES)} ${random.pick(FAMILY_NAMES)}`;
      const email = `user${id}@org${orgId}.example`;
      return { id, org_id: orgId, email, name, title: random.pick(TITLES), password_hash: passwordHash };
    }),
    preferences: users.map((id) => ({
      user_id: id,
      locale: random.pick(LOCALES),
      theme: random.pick(['light', 'dark', 'system']),
      digest: random.pick(['never', 'daily', 'weekly']),
      page_size: random.pick([20, 50, 100]),
    })),
    products: products.map((id, index) => ({
      id,
      org_id: orgId,
      name: `${PRODUCTS[index % PRODUCTS.length]} ${1 + Math.floor(index / PRODUCTS.length)}`,
      baseline: PRODUCT_BASELINES[index % PRODUCT_BASELINES.length] ?? 'MODERATE',
    })),
    roles: [
      { id: member, org_id: orgId, name: 'Member' },
      { id: administrator, org_id: orgId, name: 'Administrator' },
      ...roleLevels.levels.flatMap((level) => level.roles.map(({ id, name }) => ({ id, org_id: orgId, name }))),
    ],
    role_inclusions: roleLevels.levels.flatMap(({ roles }, index) =>
      roles.flatMap(({ id }) =>
        random
          .sample(roleLevels.levels[index + 1]?.roles ?? [], INCLUDED_ROLES)
          .map((included) => ({ role_id: id, included_role_id: included.id })),
      ),
    ),
    role_permissions: [
      ...MEMBER_PERMISSIONS.map((permission) => ({ role_id: member, permission })),
      ...catalogue.permissions.map((permission) => ({ role_id: administrator, permission })),
      ...roleLevels.levels.flatMap(({ roles }) =>
        roles.flatMap(({ id }) =>
          random.sample(ofFamilies, PERMISSIONS_PER_ROLE).map((permission) => ({ role_id: id, permission })),
        ),
      ),
    ],
    groups: groupLevels.flat().map(({ id, name, parentId }) => ({ id, org_id: orgId, name, parent_id: parentId })),
    group_members: users.flatMap((userId) =>
      random.sample(teams, GROUPS_PER_USER).map((team) => ({ user_id: userId, group_id: team.id })),
    ),
    group_roles: [
      { group_id: everyone, role_id: member, product_id: null },
      ...groupLevels.flatMap((groups, level) =>
        groups.flatMap(({ id }) => {
          const fitting = roleLevels.levels.filter(({ group }) => group === level).flatMap(({ roles }) => roles);
          return random
            .sample(fitting, ROLES_PER_GROUP)
            .map((role) => ({ group_id: id, role_id: role.id, product_id: random.pick(products) }));
        }),
      ),
    ],
    user_roles: users.slice(0, ADMINISTRATORS).map((userId) => ({ user_id: userId, role_id: administrator })),
    rule_overrides: random.sample(catalogue.controlIds, 25).map((controlId) => ({
      org_id: orgId,
      control_id: controlId,
      applicable: random.pick([1, 1, 0]) === 1 ? 'true' : 'false',
      required_kinds: random.pick([null, 1, 2]),
      max_age_days: random.pick([null, 90, 365]),
      note: 'Agreed with the auditor.',
    })),
  };
}

function idsOf(orgId: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (orgId - 1) * count + index + 1);
}

function rolesByLevel(orgId: number) {
  const perOrganisation = 2 + ROLE_LEVELS.reduce((sum, { count }) => sum + count, 0);
  const [member = 0, administrator = 0, ...ids] = idsOf(orgId, perOrganisation);
  const levels = ROLE_LEVELS.map(({ name, count, group }) => ({
    group,
    roles: ids.splice(0, count).map((id, index) => ({ id, name: `${name} ${index + 1}` })),
  }));
  return { member, administrator, levels };
}

interface Group {
  id: number;
  name: string;
  parentId: number | null;
}

function groupsByLevel(orgId: number): Group[][] {
  const names = ['Everyone', 'Division', 'Department', 'Team'];
  const sizes = GROUPS_PER_LEVEL.map((_, level) => GROUPS_PER_LEVEL.slice(0, level + 1).reduce((a, b) => a * b));
  const ids = idsOf(
    orgId,
    sizes.reduce((a, b) => a + b),
  );
  const levels: Group[][] = [];
  sizes.forEach((count, level) => {
    const parents = levels.at(-1);
    const perParent = GROUPS_PER_LEVEL[level] ?? 1;
    levels.push(
      ids.splice(0, count).map((id, index) => ({
        id,
        name: level === 0 ? 'Everyone' : `${names[level]} ${index + 1}`,
        parentId: parents?.[Math.floor(index / perParent)]?.id ?? null,
      })),
    );
  });
  return levels;
}
