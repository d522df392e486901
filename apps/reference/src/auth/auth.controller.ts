import { Body, Controller, ForbiddenException, HttpCode, Ip, Post, Put } from '@nestjs/common';
import {
  ApiCookieAuth,
  ApiForbiddenResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiServiceUnavailableResponse,
  ApiTags,
  ApiTooManyRequestsResponse,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import { CurrentSession, Public, RequestSession, RotateSession } from 'nestjs-rcache';
import { UsersService } from '../users/users.service.js';
import { Credentials, LoginResult, PasswordChange } from './auth.dto.js';
import { AuthService } from './auth.service.js';
import { CurrentMember, type Member, type SessionContent } from './member.js';

@ApiTags('auth')
@ApiTooManyRequestsResponse({ description: 'Too many wrong passwords; `Retry-After` says for how long.' })
@ApiServiceUnavailableResponse({ description: 'Redis is away: nobody is logged in or out.' })
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly users: UsersService,
  ) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  @ApiOkResponse({ type: LoginResult, description: 'Sets the session cookie.' })
  @ApiUnauthorizedResponse({ description: 'Wrong email or password.' })
  login(
    @CurrentSession() session: RequestSession<SessionContent>,
    @Body() credentials: Credentials,
    @Ip() ip: string,
  ): Promise<LoginResult> {
    return this.auth.login(session, credentials, ip);
  }

  /** Public: who has no session any more wants to be rid of the cookie all the same. */
  @Public()
  @Post('logout')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'Forgets the session cookie.' })
  async logout(@CurrentSession() session: RequestSession): Promise<void> {
    await session.logout();
  }

  @RotateSession()
  @Put('password')
  @HttpCode(204)
  @ApiCookieAuth()
  @ApiNoContentResponse({ description: 'All other sessions of the user have ended.' })
  @ApiForbiddenResponse({ description: 'The current password is wrong.' })
  async changePassword(
    @CurrentSession() session: RequestSession<SessionContent>,
    @CurrentMember() { userId, orgId }: Member,
    @Body() { currentPassword, newPassword }: PasswordChange,
    @Ip() ip: string,
  ): Promise<void> {
    const { email } = await this.users.findIn(orgId, userId);
    const credentials = { email, password: currentPassword };
    const isChanged = await this.auth.changePassword(session, credentials, ip, newPassword);
    if (!isChanged) throw new ForbiddenException('The current password is wrong');
  }
}
