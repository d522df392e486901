import { SetMetadata } from '@nestjs/common';

export const REQUIREMENT = Symbol('requirement');

export type RouteParams = Readonly<Record<string, string>>;

export interface Requirement {
  permission: string | ((params: RouteParams) => string);
  /** The route parameter that holds a product; a permission for that product is enough then. */
  product?: string;
  /** The route parameter that holds a user; nobody needs a permission to reach oneself. */
  self?: string;
}

/** The route answers 403 unless the user has the permission; without this decorator a session is enough. */
export const Requires = (permission: Requirement['permission'], options: Omit<Requirement, 'permission'> = {}) =>
  SetMetadata(REQUIREMENT, { permission, ...options } satisfies Requirement);
