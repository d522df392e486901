import { Controller, Delete, Get, HttpCode, NotFoundException, Param } from '@nestjs/common';
import { ApiCookieAuth, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { CurrentSession, CurrentUserId, RequestSession, SessionService } from 'nestjs-rcache';
import { IdParam } from '../params.js';
import { UsersService } from '../users/users.service.js';
import { Requires } from './access.decorators.js';
import { Device, DeviceParam, EndedSessions } from './auth.dto.js';
import { CurrentMember, type Member, type SessionContent } from './member.js';

/** A session is a device to its user. */
@ApiTags('devices')
@ApiCookieAuth()
@Controller()
export class DevicesController {
  constructor(
    private readonly sessions: SessionService<SessionContent>,
    private readonly users: UsersService,
  ) {}

  @Get('me/sessions')
  @ApiOkResponse({ type: [Device], description: 'The last used first.' })
  async list(@CurrentSession() session: RequestSession, @CurrentUserId() userId: string): Promise<Device[]> {
    const devices = await this.sessions.listOf(userId);
    return devices.map(({ handle, createdAt, lastSeenAt, expiresAt, ip = null, userAgent = null }) => ({
      handle,
      isCurrent: handle === session.stored?.handle,
      createdAt,
      lastSeenAt,
      expiresAt,
      ip,
      userAgent,
    }));
  }

  @Delete('me/sessions')
  @ApiOkResponse({ type: EndedSessions, description: 'Logs out everywhere, here too.' })
  async endAll(@CurrentSession() session: RequestSession, @CurrentUserId() userId: string): Promise<EndedSessions> {
    const ended = await this.sessions.destroyAllOf(userId);
    await session.logout();
    return { ended };
  }

  @Delete('me/sessions/others')
  @ApiOkResponse({ type: EndedSessions, description: 'Logs out everywhere but here.' })
  async endOthers(
    @CurrentSession() session: RequestSession<SessionContent>,
    @CurrentUserId() userId: string,
  ): Promise<EndedSessions> {
    return { ended: await this.sessions.destroyAllOf(userId, { except: session.stored }) };
  }

  @Delete('me/sessions/:handle')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'That device is logged out.' })
  async end(
    @CurrentSession() session: RequestSession,
    @CurrentUserId() userId: string,
    @Param() { handle }: DeviceParam,
  ): Promise<void> {
    if (handle === session.stored?.handle) await session.logout();
    else if (!(await this.sessions.destroyOf(userId, handle))) {
      throw new NotFoundException('There is no such session');
    }
  }

  @Delete('users/:id/sessions')
  @Requires('users:write')
  @ApiOkResponse({ type: EndedSessions, description: 'Logs a user of the own organisation out everywhere.' })
  async revoke(@Param() { id }: IdParam, @CurrentMember() { orgId }: Member): Promise<EndedSessions> {
    await this.users.findIn(orgId, id);
    return { ended: await this.sessions.destroyAllOf(String(id)) };
  }
}
