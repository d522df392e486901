import { Inject, Injectable } from '@nestjs/common';
import { and, eq, inArray, sql } from 'drizzle-orm';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import type { Member } from '../auth/member.js';
import { AT_ONCE, grantedRoleCache, permissionCache, roleCache, tagOf } from '../caches.js';
import { DATABASE, selectRows, type Database } from '../database/database.js';
import { activity, permissions, rolePermissions, roles, userRoles } from '../database/schema.js';
import type { EffectivePermission, Role, RoleWithPermissions } from './authz.dto.js';

interface RoleGrant {
  userId: number;
  role: Role;
  /** Who grants or revokes. */
  actorId: number;
}

const grantChanged = ({ userId, role }: RoleGrant) => [tagOf.grants(userId), tagOf.activity(role.orgId)];
const roleChanged = ({ orgId }: Role) => [tagOf.roles(orgId), tagOf.activity(orgId)];

@Injectable()
export class AuthzRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  /** Everything the user may do: roles held directly and through groups at any depth, with all roles they include. */
  @Cacheable({ cache: permissionCache, ...AT_ONCE })
  async effectivePermissions({ userId }: Member): Promise<EffectivePermission[]> {
    return selectRows<EffectivePermission>(
      this.db,
      sql`
        with recursive
        member_of as (
          select group_id as id from group_members where user_id = ${userId}
          union
          select g.parent_id from groups g join member_of m on m.id = g.id where g.parent_id is not null
        ),
        held as (
          (select role_id, null::integer as product_id from user_roles where user_id = ${userId}
           union
           select gr.role_id, gr.product_id from group_roles gr join member_of m on m.id = gr.group_id)
          union
          select i.included_role_id, h.product_id from role_inclusions i join held h on h.role_id = i.role_id
        )
        select p.permission,
               case when bool_or(h.product_id is null) then null
                    else array_agg(distinct h.product_id order by h.product_id) end as "productIds"
          from held h
          join role_permissions p on p.role_id = h.role_id
         group by p.permission
         order by p.permission collate "C"`,
    );
  }

  @Cacheable(grantedRoleCache)
  async rolesOf(userId: number): Promise<Role[]> {
    return this.db
      .select({ id: roles.id, orgId: roles.orgId, name: roles.name })
      .from(userRoles)
      .innerJoin(roles, eq(roles.id, userRoles.roleId))
      .where(eq(userRoles.userId, userId))
      .orderBy(roles.id);
  }

  @Cacheable(roleCache)
  async findRole(id: number): Promise<Role | undefined> {
    const [role] = await this.db.select().from(roles).where(eq(roles.id, id));
    return role;
  }

  /** Does nothing where the user has the role already. */
  @CacheEvict({ cache: permissionCache, tags: grantChanged })
  async grant({ userId, role, actorId }: RoleGrant): Promise<void> {
    await this.db.transaction(async (tx) => {
      await tx.insert(userRoles).values({ userId, roleId: role.id }).onConflictDoNothing();
      await tx.insert(activity).values({ orgId: role.orgId, userId: actorId, kind: 'role' });
    });
  }

  /** Does nothing where the user does not have the role; what comes through groups stays. */
  @CacheEvict({ cache: permissionCache, tags: grantChanged })
  async revoke({ userId, role, actorId }: RoleGrant): Promise<void> {
    await this.db.transaction(async (tx) => {
      await tx.delete(userRoles).where(and(eq(userRoles.userId, userId), eq(userRoles.roleId, role.id)));
      await tx.insert(activity).values({ orgId: role.orgId, userId: actorId, kind: 'role' });
    });
  }

  @CacheEvict({ cache: permissionCache, tags: roleChanged })
  async replacePermissions(role: Role, names: string[], actorId: number): Promise<RoleWithPermissions> {
    await this.db.transaction(async (tx) => {
      await tx.delete(rolePermissions).where(eq(rolePermissions.roleId, role.id));
      const rows = names.map((permission) => ({ roleId: role.id, permission }));
      if (rows.length > 0) await tx.insert(rolePermissions).values(rows);
      await tx.insert(activity).values({ orgId: role.orgId, userId: actorId, kind: 'role' });
    });
    return { id: role.id, orgId: role.orgId, name: role.name, permissions: names };
  }

  async unknownPermissions(names: string[]): Promise<string[]> {
    const known = await this.db.select().from(permissions).where(inArray(permissions.name, names));
    const knownNames = new Set(known.map(({ name }) => name));
    return names.filter((name) => !knownNames.has(name));
  }
}
