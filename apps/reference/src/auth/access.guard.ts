import { ForbiddenException, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthzService } from '../authz/authz.service.js';
import { REQUIREMENT, type Requirement, type RouteParams } from './access.decorators.js';
import { memberOf, type Member, type MemberRequest } from './member.js';

/** Asks for the permission a route requires, after `SessionGuard` has asked who sent the request, and notes who it was. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authz: AuthzService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const requirement = this.reflector.getAllAndOverride<Requirement | undefined>(REQUIREMENT, targets);
    if (requirement) {
      const request = context.switchToHttp().getRequest<MemberRequest>();
      request.user = await memberOf(context);
      await this.check(request.user, requirement, request.params);
    }
    return true;
  }

  private async check(member: Member, requirement: Requirement, params: RouteParams): Promise<void> {
    const { permission, product, self } = requirement;
    if (self !== undefined && Number(params[self]) === member.userId) return;
    const name = typeof permission === 'string' ? permission : permission(params);
    const productId = product === undefined ? undefined : Number(params[product]);
    if (await this.authz.isAllowed(member, name, productId)) return;
    throw new ForbiddenException(`Permission ${name} is missing`);
  }
}
