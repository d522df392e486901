import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { Session } from './session.repository.js';

export const PUBLIC = Symbol('public');
export const REQUIREMENT = Symbol('requirement');

type RouteParams = Readonly<Record<string, string>>;

export interface Requirement {
  permission: string | ((params: RouteParams) => string);
  /** The route parameter that holds a product; a permission for that product is enough then. */
  product?: string;
  /** The route parameter that holds a user; nobody needs a permission to reach oneself. */
  self?: string;
}

export interface AuthenticatedRequest {
  headers: Readonly<Record<string, string | undefined>>;
  params: RouteParams;
  session: Session;
  token: string;
}

/** The route answers without a session. */
export const Public = () => SetMetadata(PUBLIC, true);

/** The route answers 403 unless the user has the permission; without this decorator a session is enough. */
export const Requires = (permission: Requirement['permission'], options: Omit<Requirement, 'permission'> = {}) =>
  SetMetadata(REQUIREMENT, { permission, ...options } satisfies Requirement);

const requestOf = (context: ExecutionContext) => context.switchToHttp().getRequest<AuthenticatedRequest>();

export const CurrentSession = createParamDecorator((_: unknown, context): Session => requestOf(context).session);
export const CurrentToken = createParamDecorator((_: unknown, context): string => requestOf(context).token);
