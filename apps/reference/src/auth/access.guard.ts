import { ForbiddenException, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthzService } from '../authz/authz.service.js';
import { REQUIREMENT, type Requirement, type RouteParams } from './access.decorators.js';
import { memberOf, type Member } from './member.js';

/** Asks for the permission a route requires, after `SessionGuard` has asked who sent the request. */
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
      const { params } = context.switchToHttp().getRequest<{ params: RouteParams }>();
      await this.check(await memberOf(context), requirement, params);
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
