import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiCookieAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Requires } from '../auth/access.decorators.js';
import { CurrentMember, type Member } from '../auth/member.js';
import { IdParam } from '../params.js';
import { Preferences, User } from './user.js';
import { UsersRepository } from './users.repository.js';
import { UsersService } from './users.service.js';

@ApiTags('users')
@ApiCookieAuth()
@Controller()
export class UsersController {
  constructor(
    private readonly service: UsersService,
    private readonly users: UsersRepository,
  ) {}

  @Get('me')
  @ApiOkResponse({ type: User })
  async me(@CurrentMember() { userId, orgId }: Member): Promise<User> {
    return this.service.findIn(orgId, userId);
  }

  @Get('users/:id')
  @Requires('users:read', { self: 'id' })
  @ApiOkResponse({ type: User })
  async find(@Param() { id }: IdParam, @CurrentMember() { orgId }: Member): Promise<User> {
    return this.service.findIn(orgId, id);
  }

  @Get('users/:id/preferences')
  @Requires('users:read', { self: 'id' })
  @ApiOkResponse({ type: Preferences })
  async preferences(@Param() { id }: IdParam, @CurrentMember() { orgId }: Member): Promise<Preferences> {
    await this.service.findIn(orgId, id);
    return this.users.findPreferences(id);
  }

  @Put('users/:id/preferences')
  @Requires('users:write', { self: 'id' })
  @ApiOkResponse({ type: Preferences, description: "One's own, or anybody's with users:write." })
  async savePreferences(
    @Param() { id }: IdParam,
    @Body() values: Preferences,
    @CurrentMember() { orgId }: Member,
  ): Promise<Preferences> {
    await this.users.savePreferences(await this.service.findIn(orgId, id), values);
    return values;
  }
}
