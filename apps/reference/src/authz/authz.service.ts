import { Injectable, NotFoundException } from '@nestjs/common';
import type { Member } from '../auth/member.js';
import { invalidInput } from '../validation.pipe.js';
import type { Role, RoleWithPermissions, UserPermissions } from './authz.dto.js';
import { AuthzRepository } from './authz.repository.js';

@Injectable()
export class AuthzService {
  constructor(private readonly repository: AuthzRepository) {}

  /** Without a product: on every product of the organisation. */
  async isAllowed(member: Member, permission: string, productId?: number): Promise<boolean> {
    const effective = await this.repository.effectivePermissions(member);
    const held = effective.find((candidate) => candidate.permission === permission);
    if (!held) return false;
    return held.productIds === null || (productId !== undefined && held.productIds.includes(productId));
  }

  async permissionsOf(member: Member): Promise<UserPermissions> {
    const { userId } = member;
    const roles = await this.repository.rolesOf(userId);
    return { userId, roles, permissions: await this.repository.effectivePermissions(member) };
  }

  /** @throws NotFoundException for a role of another organisation, too */
  async roleIn(orgId: number, id: number): Promise<Role> {
    const role = await this.repository.findRole(id);
    if (role?.orgId !== orgId) throw new NotFoundException(`Role ${id} does not exist`);
    return role;
  }

  /** @throws BadRequestException for names that are not permissions */
  async changeRole(role: Role, permissions: string[], actorId: number): Promise<RoleWithPermissions> {
    const unknown = await this.repository.unknownPermissions(permissions);
    if (unknown.length > 0) {
      throw invalidInput(unknown.map((name) => ({ field: 'permissions', reason: `${name} is not a permission` })));
    }
    return this.repository.replacePermissions(role, permissions, actorId);
  }
}
