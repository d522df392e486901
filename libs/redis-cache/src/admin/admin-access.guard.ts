import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  ForbiddenException,
  Inject,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ADMIN_OPTIONS } from '../tokens.js';
import { ADMIN_HEADER } from './admin-header.js';
import type { AdminRight, ResolvedAdminOptions } from './admin-options.js';
import type { AdminRequest, AdminResponse } from './admin-request.js';
import { type AdminPrincipal, principalOf } from './basic-auth.guard.js';

const NEEDED = 'nestjs-rcache:admin-right';
const ASSET = 'nestjs-rcache:admin-asset';
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];
const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
const LOCAL_ADDRESS = /^(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)$/i;

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Robots-Tag': 'noindex',
} as const;

/** The right a route takes; `read` where there is none. */
export const Needs = (right: AdminRight): MethodDecorator => SetMetadata(NEEDED, right);

/** A page somebody may come to from anywhere, by a link. */
export const FromAnywhere = (): MethodDecorator => SetMetadata(ASSET, true);

const accesses = new WeakMap<object, AdminPrincipal>();

/** Who acts. */
export const Actor = createParamDecorator(
  (_data: unknown, context: ExecutionContext): AdminPrincipal =>
    accesses.get(context.switchToHttp().getRequest<object>()) ?? { name: 'unknown', rights: [] },
);

/** What holds for every request, whoever sent it: it runs before the guards of the application. */
@Injectable()
export class AdminShieldGuard implements CanActivate {
  constructor(
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<AdminRequest>();
    const response = http.getResponse<AdminResponse>();
    for (const [name, value] of Object.entries(HEADERS)) response.header(name, value);
    if (this.options.guards.length === 0 && !isOfThisMachine(request)) {
      throw new ForbiddenException('Without a guard only this machine is answered.');
    }
    if (this.reflector.get<boolean | undefined>(ASSET, context.getHandler()) !== true && !isOwn(request)) {
      throw new ForbiddenException('This request came from another site.');
    }
    if (!SAFE_METHODS.includes(request.method) && request.headers[ADMIN_HEADER] === undefined) {
      throw new ForbiddenException(`A request that acts must have the header ${ADMIN_HEADER}.`);
    }
    return true;
  }
}

/** Whether the sender, whom the guards let in, may do this: it runs after the guards of the application. */
@Injectable()
export class AdminRightsGuard implements CanActivate {
  constructor(
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AdminRequest>();
    const { guards, rights, user } = this.options;
    const principal = principalOf(request);
    const byDefault: readonly AdminRight[] = guards.length === 0 ? ['read', 'write'] : ['read'];
    const granted = rights === undefined ? (principal?.rights ?? byDefault) : await rights(request);
    const name = user?.(request) ?? principal?.name ?? 'unknown';
    const needed = this.reflector.get<AdminRight | undefined>(NEEDED, context.getHandler()) ?? 'read';
    if (!granted.includes(needed)) throw new ForbiddenException(`This takes the right "${needed}".`);
    accesses.set(request, { name, rights: granted });
    return true;
  }
}

/** A proxy on this machine speaks for others, and a name that leads here may be another site's. */
function isOfThisMachine({ headers, socket }: AdminRequest): boolean {
  const isForwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined;
  return !isForwarded && LOCAL_ADDRESS.test(socket.remoteAddress ?? '') && LOCAL_HOST.test(headers.host ?? '');
}

function isOwn({ headers }: AdminRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin } = headers;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === headers.host);
}
