import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { requestSession, type HttpRequest } from 'nestjs-rcache';
import type { RouteParams } from './access.decorators.js';

/** A user, and the organisation the user belongs to. */
export interface Member {
  userId: number;
  orgId: number;
}

/** A request as `AccessGuard` lets it pass on a route that requires a permission. */
export interface MemberRequest extends HttpRequest {
  readonly params: RouteParams;
  user?: Member;
}

/** What a session holds beside its user, who never changes the organisation. */
export interface SessionContent {
  orgId: number;
}

/** Who sent the request, on routes that are not public. */
export async function memberOf(context: ExecutionContext): Promise<Member> {
  const { userId, data } = await requestSession<SessionContent>(context);
  return { userId: Number(userId), orgId: data.orgId };
}

export const CurrentMember = createParamDecorator((_: unknown, context: ExecutionContext) => memberOf(context));
