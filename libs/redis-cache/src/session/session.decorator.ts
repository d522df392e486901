import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { InvalidOptionsError } from '../errors.js';
import { attachedSession, isLookedAfter, type RequestSession, type SessionRequest } from './request-session.js';
import type { SessionData } from './session-data.js';

export const PUBLIC = 'nestjs-rcache:public';
export const ROTATE_SESSION = 'nestjs-rcache:rotate-session';

/** Lets `SessionGuard` pass requests of anybody to this route or controller. */
export function Public(): ClassDecorator & MethodDecorator {
  return SetMetadata(PUBLIC, true);
}

/** Gives the session a new id after this route succeeded, because it changes what its user may do. The old id is dead. */
export function RotateSession(): MethodDecorator {
  return SetMetadata(ROTATE_SESSION, true);
}

/**
 * The session of the present request, read from Redis: for guards that come after `SessionGuard`, and for parameter
 * decorators of your own.
 *
 *     const CurrentRole = createParamDecorator(async (_, context) => (await requestSession<MySession>(context)).data.role);
 *
 * @throws InvalidOptionsError where neither `SessionGuard` nor `SessionInterceptor` has seen the request
 */
export async function requestSession<Data extends object = SessionData>(
  context: ExecutionContext,
): Promise<RequestSession<Data>> {
  const session = attachedSession(requestOf(context));
  if (session !== undefined) return (await session.settle()) as unknown as RequestSession<Data>;
  throw new InvalidOptionsError('requestSession', ['nothing has read the session yet; bind SessionGuard before it']);
}

/** The `RequestSession` of the present request, read from Redis. */
export const CurrentSession = createParamDecorator((_: unknown, context: ExecutionContext) => currentSession(context));

/** The id of the user who is logged in; `undefined` when nobody is, which `SessionGuard` lets happen on `@Public()` routes only. */
export const CurrentUserId = createParamDecorator(
  async (_: unknown, context: ExecutionContext) => (await currentSession(context)).userId,
);

async function currentSession(context: ExecutionContext): Promise<RequestSession> {
  const session = attachedSession(requestOf(context));
  if (session !== undefined && (context.getType() === 'ws' || isLookedAfter(session))) return session.settle();
  throw new InvalidOptionsError('@CurrentSession', [
    'nothing looks after the session; bind SessionInterceptor, which writes it, and for sockets SessionGuard, which reads it',
  ]);
}

interface SocketClient {
  /** Of socket.io. */
  readonly handshake?: SessionRequest;
  /** Where the docs tell users of `ws` to put the request of the handshake. */
  readonly upgradeReq?: SessionRequest;
}

/** What came with cookies: the request, or the handshake of a socket. */
export function requestOf(context: ExecutionContext): SessionRequest {
  if (context.getType() !== 'ws') return context.switchToHttp().getRequest<SessionRequest>();
  const client = context.switchToWs().getClient<SocketClient>();
  return client.handshake ?? client.upgradeReq ?? { headers: {} };
}
