import {
  bigint,
  boolean,
  date,
  index,
  integer,
  pgTable,
  primaryKey,
  serial,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';

export const BASELINES = ['LOW', 'MODERATE', 'HIGH', 'PRIVACY'] as const;
export type Baseline = (typeof BASELINES)[number];

export const EVIDENCE_KINDS = ['policy', 'procedure', 'record', 'test-report'] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

export const EVIDENCE_STATUSES = ['submitted', 'accepted', 'rejected'] as const;
export type EvidenceStatus = (typeof EVIDENCE_STATUSES)[number];

export const ACTIVITY_KINDS = ['login', 'evidence', 'rule', 'role', 'preferences'] as const;
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];

export const THEMES = ['light', 'dark', 'system'] as const;
export const DIGESTS = ['never', 'daily', 'weekly'] as const;

/** A control of NIST SP 800-53 rev 5, with what ComplyDesk asks of an organisation that has not said otherwise. */
export const controls = pgTable('controls', {
  id: text('id').primaryKey(),
  family: text('family').notNull(),
  title: text('title').notNull(),
  statement: text('statement').notNull(),
  /** Empty for a control that no baseline selects. */
  baselines: text('baselines').array().notNull().$type<Baseline[]>(),
  /** How much the control counts in a score; higher where more baselines select it. */
  weight: integer('weight').notNull(),
  /** How many kinds of accepted evidence the control needs. */
  requiredKinds: integer('required_kinds').notNull(),
  /** Evidence older than this counts as expired. */
  maxAgeDays: integer('max_age_days').notNull(),
});

export const organisations = pgTable('organisations', {
  id: integer('id').primaryKey(),
  name: text('name').notNull(),
  timeZone: text('time_zone').notNull(),
  baseline: text('baseline').notNull().$type<Baseline>(),
});

/** What an organisation decided about a control; null means the default of the control. */
export const ruleOverrides = pgTable(
  'rule_overrides',
  {
    orgId: integer('org_id')
      .notNull()
      .references(() => organisations.id),
    controlId: text('control_id')
      .notNull()
      .references(() => controls.id),
    applicable: boolean('applicable').notNull(),
    requiredKinds: integer('required_kinds'),
    maxAgeDays: integer('max_age_days'),
    note: text('note'),
  },
  (table) => [primaryKey({ columns: [table.orgId, table.controlId] })],
);

export const users = pgTable(
  'users',
  {
    id: integer('id').primaryKey(),
    orgId: integer('org_id')
      .notNull()
      .references(() => organisations.id),
    email: text('email').notNull(),
    name: text('name').notNull(),
    title: text('title').notNull(),
    passwordHash: text('password_hash').notNull(),
  },
  (table) => [uniqueIndex('users_email_unique').on(table.email), index('users_org_id').on(table.orgId)],
);

export const preferences = pgTable('preferences', {
  userId: integer('user_id')
    .primaryKey()
    .references(() => users.id),
  locale: text('locale').notNull(),
  theme: text('theme', { enum: THEMES }).notNull(),
  digest: text('digest', { enum: DIGESTS }).notNull(),
  pageSize: integer('page_size').notNull(),
});

export const products = pgTable(
  'products',
  {
    id: integer('id').primaryKey(),
    orgId: integer('org_id')
      .notNull()
      .references(() => organisations.id),
    name: text('name').notNull(),
    baseline: text('baseline').notNull().$type<Baseline>(),
  },
  (table) => [index('products_org_id').on(table.orgId)],
);

/** One document per product, control, kind and day of issue; older ones stay, because the trend looks back a year. */
export const evidence = pgTable(
  'evidence',
  {
    productId: integer('product_id')
      .notNull()
      .references(() => products.id),
    controlId: text('control_id')
      .notNull()
      .references(() => controls.id),
    kind: text('kind', { enum: EVIDENCE_KINDS }).notNull(),
    issuedOn: date('issued_on', { mode: 'string' }).notNull(),
    expiresOn: date('expires_on', { mode: 'string' }).notNull(),
    status: text('status', { enum: EVIDENCE_STATUSES }).notNull(),
    title: text('title').notNull(),
  },
  (table) => [primaryKey({ columns: [table.productId, table.controlId, table.kind, table.issuedOn] })],
);

export const permissions = pgTable('permissions', { name: text('name').primaryKey() });

export const roles = pgTable(
  'roles',
  {
    id: integer('id').primaryKey(),
    orgId: integer('org_id')
      .notNull()
      .references(() => organisations.id),
    name: text('name').notNull(),
  },
  (table) => [index('roles_org_id').on(table.orgId)],
);

/** A role has the permissions of every role it includes, at any depth. */
export const roleInclusions = pgTable(
  'role_inclusions',
  {
    roleId: integer('role_id')
      .notNull()
      .references(() => roles.id),
    includedRoleId: integer('included_role_id')
      .notNull()
      .references(() => roles.id),
  },
  (table) => [primaryKey({ columns: [table.roleId, table.includedRoleId] })],
);

export const rolePermissions = pgTable(
  'role_permissions',
  {
    roleId: integer('role_id')
      .notNull()
      .references(() => roles.id),
    permission: text('permission')
      .notNull()
      .references(() => permissions.name),
  },
  (table) => [primaryKey({ columns: [table.roleId, table.permission] })],
);

/** A member of a group is a member of every group above it. */
export const groups = pgTable(
  'groups',
  {
    id: integer('id').primaryKey(),
    orgId: integer('org_id')
      .notNull()
      .references(() => organisations.id),
    name: text('name').notNull(),
    parentId: integer('parent_id'),
  },
  (table) => [index('groups_parent_id').on(table.parentId)],
);

export const groupMembers = pgTable(
  'group_members',
  {
    userId: integer('user_id')
      .notNull()
      .references(() => users.id),
    groupId: integer('group_id')
      .notNull()
      .references(() => groups.id),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.groupId] }),
    index('group_members_group_id').on(table.groupId),
  ],
);

export const groupRoles = pgTable(
  'group_roles',
  {
    id: serial('id').primaryKey(),
    groupId: integer('group_id')
      .notNull()
      .references(() => groups.id),
    roleId: integer('role_id')
      .notNull()
      .references(() => roles.id),
    /** Null: on every product of the organisation. */
    productId: integer('product_id').references(() => products.id),
  },
  (table) => [index('group_roles_group_id').on(table.groupId)],
);

/** Roles granted to one person, on every product of the organisation. */
export const userRoles = pgTable(
  'user_roles',
  {
    userId: integer('user_id')
      .notNull()
      .references(() => users.id),
    roleId: integer('role_id')
      .notNull()
      .references(() => roles.id),
  },
  (table) => [primaryKey({ columns: [table.userId, table.roleId] })],
);

export const activity = pgTable(
  'activity',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    orgId: integer('org_id').notNull(),
    userId: integer('user_id').notNull(),
    kind: text('kind', { enum: ACTIVITY_KINDS }).notNull(),
    occurredAt: timestamp('occurred_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [index('activity_org_id_occurred_at').on(table.orgId, table.occurredAt)],
);
