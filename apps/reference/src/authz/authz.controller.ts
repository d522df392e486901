import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put } from '@nestjs/common';
import { ApiCookieAuth, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Requires } from '../auth/access.decorators.js';
import { CurrentMember, type Member } from '../auth/member.js';
import { IdParam } from '../params.js';
import { UsersService } from '../users/users.service.js';
import {
  PermissionAnswer,
  PermissionQuestion,
  RoleChange,
  RoleWithPermissions,
  UserPermissions,
  UserRoleParam,
} from './authz.dto.js';
import { AuthzRepository } from './authz.repository.js';
import { AuthzService } from './authz.service.js';

@ApiTags('authz')
@ApiCookieAuth()
@Controller()
export class AuthzController {
  constructor(
    private readonly authz: AuthzService,
    private readonly repository: AuthzRepository,
    private readonly users: UsersService,
  ) {}

  @Get('users/:id/permissions')
  @Requires('users:read', { self: 'id' })
  @ApiOkResponse({ type: UserPermissions })
  async permissions(@Param() { id }: IdParam, @CurrentMember() { orgId }: Member): Promise<UserPermissions> {
    await this.users.findIn(orgId, id);
    return this.authz.permissionsOf({ userId: id, orgId });
  }

  @Post('authz/check')
  @HttpCode(200)
  @Requires('users:read')
  @ApiOkResponse({ type: PermissionAnswer })
  async check(
    @Body() { userId, permission, productId }: PermissionQuestion,
    @CurrentMember() { orgId }: Member,
  ): Promise<PermissionAnswer> {
    await this.users.findIn(orgId, userId);
    return { allowed: await this.authz.isAllowed({ userId, orgId }, permission, productId) };
  }

  @Put('users/:id/roles/:roleId')
  @HttpCode(204)
  @Requires('roles:write')
  @ApiNoContentResponse({ description: 'The user has the role.' })
  async grant(@Param() { id, roleId }: UserRoleParam, @CurrentMember() member: Member): Promise<void> {
    await this.repository.grant(await this.grantOf(id, roleId, member));
  }

  @Delete('users/:id/roles/:roleId')
  @HttpCode(204)
  @Requires('roles:write')
  @ApiNoContentResponse({ description: 'The user does not have the role, unless through a group.' })
  async revoke(@Param() { id, roleId }: UserRoleParam, @CurrentMember() member: Member): Promise<void> {
    await this.repository.revoke(await this.grantOf(id, roleId, member));
  }

  @Patch('roles/:id')
  @Requires('roles:write')
  @ApiOkResponse({ type: RoleWithPermissions })
  async changeRole(
    @Param() { id }: IdParam,
    @Body() { permissions }: RoleChange,
    @CurrentMember() { orgId, userId }: Member,
  ): Promise<RoleWithPermissions> {
    return this.authz.changeRole(await this.authz.roleIn(orgId, id), permissions, userId);
  }

  private async grantOf(userId: number, roleId: number, member: Member) {
    await this.users.findIn(member.orgId, userId);
    return { userId, role: await this.authz.roleIn(member.orgId, roleId), actorId: member.userId };
  }
}
