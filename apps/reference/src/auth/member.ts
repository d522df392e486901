import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { requestSession } from 'nestjs-rcache';

/** A user, and the organisation the user belongs to. */
export interface Member {
  userId: number;
  orgId: number;
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
