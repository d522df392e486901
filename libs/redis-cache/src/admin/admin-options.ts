import type { CanActivate, ControllerOptions, ModuleMetadata, Type } from '@nestjs/common';
import { isOptions, kindOf, shown } from '../arguments.js';
import { InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import type { AdminRequest } from './admin-request.js';

/** `read`: see everything but values. `write`: invalidate, warm. */
export type AdminRight = 'read' | 'write';

export interface AdminOptions {
  /** Where the page is, under the global prefix. Default `'admin/cache'`. */
  path?: string;
  /** Versions of the API of the application it belongs to. Default: none. */
  version?: ControllerOptions['version'];
  /**
   * Who may come in: guards of Nest, all of which must agree. In production there must be one; elsewhere, without any,
   * requests of this machine alone are answered.
   */
  guards?: readonly (Type<CanActivate> | CanActivate)[];
  /** Modules that export what guards inject. Default: none, so that global modules are all there is. */
  imports?: NonNullable<ModuleMetadata['imports']>;
  /** What the sender of a request may do. Default: what `basicAuth` says of the user, and `read` with other guards. */
  rights?: (request: AdminRequest) => readonly AdminRight[] | Promise<readonly AdminRight[]>;
  /** Who acts, for the audit. Default: the user of `basicAuth`, else `'unknown'`. */
  user?: (request: AdminRequest) => string;
  /** Whether an entry is shown with its value. Default `false`. */
  values?: boolean;
  /**
   * Counts which keys are asked for most, with so many counters for each cache; takes an event for every hit and shows
   * keys. Default 0 (not counted).
   */
  topKeys?: number;
}

const MAX_TOP_KEYS = 1000;
const DEFAULT_PATH = 'admin/cache';
const OPENING = 'admin';

/** What of each option is wrong, if anything. */
const CHECKS: { readonly [Name in keyof AdminOptions]-?: (value: unknown) => string | undefined } = {
  path: (value) => must(isPath(value), 'path', value, "a path such as 'admin/cache', without * : ? # or spaces"),
  version: () => undefined,
  guards: (value) =>
    must(
      Array.isArray(value) && value.every((each) => typeof each === 'function' || isGuard(each)),
      'guards',
      value,
      'a list of guards',
    ),
  imports: (value) => must(Array.isArray(value), 'imports', value, 'a list of modules'),
  rights: (value) => must(typeof value === 'function', 'rights', value, 'a function of the request'),
  user: (value) => must(typeof value === 'function', 'user', value, 'a function of the request'),
  values: (value) => must(typeof value === 'boolean', 'values', value, 'true or false'),
  topKeys: (value) =>
    must(
      Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TOP_KEYS,
      'topKeys',
      value,
      `a whole number from 0 to ${MAX_TOP_KEYS}`,
    ),
};

export interface ResolvedAdminOptions extends AdminOptions {
  readonly path: string;
  readonly guards: readonly (Type<CanActivate> | CanActivate)[];
  readonly values: boolean;
  readonly topKeys: number;
}

/**
 * The options with their defaults, or `undefined` when there is to be no page.
 *
 * @throws InvalidOptionsError for wrong and unknown options, and in production when nothing guards the page
 */
export function resolveAdminOptions(
  given: boolean | AdminOptions | undefined,
  isProduction = process.env.NODE_ENV === 'production',
): ResolvedAdminOptions | undefined {
  if (given === undefined || given === false) return undefined;
  const options: unknown = given === true ? {} : given;
  if (!isOptions(options)) {
    throw new InvalidOptionsError('RedisCacheModule options', [
      `admin is ${shown(options)}. It must be true or options.`,
    ]);
  }
  const problems = Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    if (!Object.hasOwn(CHECKS, name)) return [`${OPENING}: ${unknownName(name, Object.keys(CHECKS))}`];
    return value === undefined ? [] : (CHECKS[name as keyof AdminOptions](value) ?? []);
  });
  const { path = DEFAULT_PATH, guards = [], values = false, topKeys = 0 } = options as AdminOptions;
  if (isProduction && Array.isArray(guards) && guards.length === 0) {
    problems.push(
      'admin.guards is empty. In production something must guard the page: a guard of yours, or basicAuth.',
    );
  }
  if (problems.length > 0) throw new InvalidOptionsError('RedisCacheModule options', problems);
  return { ...(options as AdminOptions), path, guards, values, topKeys };
}

function must(isAllowed: boolean, name: string, value: unknown, allowed: string): string | undefined {
  if (isAllowed) return undefined;
  const received = typeof value === 'string' || typeof value === 'number' ? shown(value) : kindOf(value);
  return `${OPENING}.${name} is ${received}. It must be ${allowed}.`;
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^\/?[\w.~-]+(?:\/[\w.~-]+)*\/?$/.test(value);
}

function isGuard(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'canActivate' in value;
}
