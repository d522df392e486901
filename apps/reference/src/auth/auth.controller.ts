import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiNoContentResponse, ApiOkResponse, ApiTags, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { CurrentToken, Public } from './access.decorators.js';
import { SESSION_COOKIE } from './access.guard.js';
import { Credentials, LoginResult } from './auth.dto.js';
import { AuthService, SESSION_HOURS } from './auth.service.js';

@ApiTags('auth')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  @ApiOkResponse({ type: LoginResult, description: 'Sets the session cookie, too.' })
  @ApiUnauthorizedResponse({ description: 'Wrong email or password.' })
  async login(
    @Body() { email, password }: Credentials,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<LoginResult> {
    const result = await this.auth.login(email, password);
    this.adapterHost.httpAdapter.setCookie?.(response, SESSION_COOKIE, result.token, {
      httpOnly: true,
      sameSite: 'strict',
      secure: process.env.NODE_ENV === 'production',
      maxAge: SESSION_HOURS * 3_600,
    });
    return result;
  }

  @Post('logout')
  @HttpCode(204)
  @ApiNoContentResponse()
  async logout(@CurrentToken() token: string, @Res({ passthrough: true }) response: unknown): Promise<void> {
    await this.auth.logout(token);
    this.adapterHost.httpAdapter.clearCookie?.(response, SESSION_COOKIE);
  }
}
