import {
  ForbiddenException,
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthzService } from '../authz/authz.service.js';
import { PUBLIC, REQUIREMENT, type AuthenticatedRequest, type Requirement } from './access.decorators.js';
import { AuthService } from './auth.service.js';
import type { Member } from './session.repository.js';

export const SESSION_COOKIE = 'session';
const COOKIE_TOKEN = new RegExp(`(?:^|;\\s*)${SESSION_COOKIE}=([\\w-]+)`);
const BEARER_TOKEN = /^Bearer ([\w-]+)$/i;

/** Stands before every route: a session, and the permission the route requires. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly auth: AuthService,
    private readonly authz: AuthzService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC, targets)) return true;

    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const token = tokenOf(request);
    const session = token && (await this.auth.sessionOf(token));
    if (!token || !session) throw new UnauthorizedException('Log in with POST /auth/login first');
    request.session = session;
    request.token = token;

    const requirement = this.reflector.getAllAndOverride<Requirement | undefined>(REQUIREMENT, targets);
    if (requirement) await this.check(session, requirement, request.params);
    return true;
  }

  private async check(member: Member, requirement: Requirement, params: AuthenticatedRequest['params']) {
    const { permission, product, self } = requirement;
    if (self !== undefined && Number(params[self]) === member.userId) return;
    const name = typeof permission === 'string' ? permission : permission(params);
    const productId = product === undefined ? undefined : Number(params[product]);
    if (await this.authz.isAllowed(member, name, productId)) return;
    throw new ForbiddenException(`Permission ${name} is missing`);
  }
}

function tokenOf({ headers }: AuthenticatedRequest): string | undefined {
  return (BEARER_TOKEN.exec(headers.authorization ?? '') ?? COOKIE_TOKEN.exec(headers.cookie ?? ''))?.[1];
}
