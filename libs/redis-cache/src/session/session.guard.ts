import { type CanActivate, type ExecutionContext, Inject, Injectable, UnauthorizedException } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { detachSession, isUnanswered, sessionOf } from './request-session.js';
import { PUBLIC, requestOf } from './session.decorator.js';
import { SessionService } from './session.service.js';
import { unavailable } from './session.interceptor.js';

/**
 * Lets logged-in users pass, and everybody to what is `@Public()`. Others get 401, and while Redis does not tell who they
 * are, 503 with `Retry-After`: they are neither logged out nor let in.
 *
 *     providers: [{ provide: APP_GUARD, useClass: SessionGuard }]
 */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, [context.getHandler(), context.getClass()])) return true;
    const request = requestOf(context);
    const isSocket = context.getType() === 'ws';
    // A socket lives for long, and its session may have ended since its last message.
    if (isSocket) detachSession(request);
    try {
      const { userId } = await sessionOf(request, this.sessions).load();
      if (userId !== undefined) return true;
    } catch (error) {
      if (isSocket || !isUnanswered(error)) throw error;
      throw unavailable(error, this.adapterHost, context);
    }
    if (isSocket) return false;
    throw new UnauthorizedException();
  }
}
