import { type CanActivate, type ExecutionContext, ForbiddenException, Inject, Injectable } from '@nestjs/common';
import { SessionService } from './session.service.js';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

interface CsrfRequest {
  readonly method: string;
  readonly headers: { readonly host?: string; readonly origin?: string; readonly 'sec-fetch-site'?: string };
}

/**
 * Refuses requests that change something and that another site made the browser send. It goes by what browsers say of
 * the origin, as CrossOriginProtection of Go does (net/http, 1.25); what neither has `Sec-Fetch-Site` nor `Origin` comes
 * from no browser of the last years. Routes that change something on GET are not protected.
 *
 *     providers: [{ provide: APP_GUARD, useClass: CsrfGuard }]
 */
@Injectable()
export class CsrfGuard implements CanActivate {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const { method, headers } = context.switchToHttp().getRequest<CsrfRequest>();
    if (SAFE_METHODS.includes(method) || this.#isOwn(headers)) return true;
    throw new ForbiddenException('This request came from another site.');
  }

  #isOwn({ host, origin, 'sec-fetch-site': site }: CsrfRequest['headers']): boolean {
    if (origin !== undefined && this.sessions.isTrustedOrigin(origin)) return true;
    if (site !== undefined) return site === 'same-origin' || site === 'none';
    if (origin === undefined) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }
}
