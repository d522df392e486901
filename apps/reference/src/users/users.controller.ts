import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiCookieAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { CurrentSession, Requires } from '../auth/access.decorators.js';
import type { Session } from '../auth/session.repository.js';
import { IdParam } from '../params.js';
import { Preferences, User } from './user.js';
import { UsersRepository } from './users.repository.js';
import { UsersService } from './users.service.js';

@ApiTags('users')
@ApiBearerAuth()
@ApiCookieAuth()
@Controller()
export class UsersController {
  constructor(
    private readonly service: UsersService,
    private readonly users: UsersRepository,
  ) {}

  @Get('me')
  @ApiOkResponse({ type: User })
  async me(@CurrentSession() { userId, orgId }: Session): Promise<User> {
    return this.service.findIn(orgId, userId);
  }

  @Get('users/:id')
  @Requires('users:read', { self: 'id' })
  @ApiOkResponse({ type: User })
  async find(@Param() { id }: IdParam, @CurrentSession() { orgId }: Session): Promise<User> {
    return this.service.findIn(orgId, id);
  }

  @Get('users/:id/preferences')
  @Requires('users:read', { self: 'id' })
  @ApiOkResponse({ type: Preferences })
  async preferences(@Param() { id }: IdParam, @CurrentSession() { orgId }: Session): Promise<Preferences> {
    await this.service.findIn(orgId, id);
    return this.users.findPreferences(id);
  }

  @Put('users/:id/preferences')
  @Requires('users:write', { self: 'id' })
  @ApiOkResponse({ type: Preferences, description: "One's own, or anybody's with users:write." })
  async savePreferences(
    @Param() { id }: IdParam,
    @Body() values: Preferences,
    @CurrentSession() { orgId }: Session,
  ): Promise<Preferences> {
    await this.users.savePreferences(await this.service.findIn(orgId, id), values);
    return values;
  }
}
