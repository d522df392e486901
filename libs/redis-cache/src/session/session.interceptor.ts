import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  Logger,
  type NestInterceptor,
  ServiceUnavailableException,
} from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { Observable } from 'rxjs';
import { isUnanswered, lookAfter, type RequestSession, sessionOf } from './request-session.js';
import { requestOf, ROTATE_SESSION } from './session.decorator.js';
import { SessionService } from './session.service.js';

/** Long enough for Redis to start again, short enough for a user to wait. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Writes the session of a request once, when the handler is done, also if it failed, and before the answer is sent. It costs
 * nothing where nobody looks at the session. Bind it inside `HttpCacheInterceptor`.
 *
 *     providers: [{ provide: APP_INTERCEPTOR, useClass: SessionInterceptor }]
 */
@Injectable()
export class SessionInterceptor implements NestInterceptor {
  readonly #logger = new Logger(SessionInterceptor.name);

  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const session = sessionOf(requestOf(context), this.sessions);
    lookAfter(session);
    return new Observable((subscriber) => {
      const fail = (error: unknown): void => {
        subscriber.error(isUnanswered(error) ? unavailable(error, this.adapterHost, context) : error);
      };
      return next.handle().subscribe({
        next: (value) => {
          subscriber.next(value);
        },
        complete: () => {
          this.#finishSucceeded(session, context).then(() => {
            subscriber.complete();
          }, fail);
        },
        error: (error: unknown) => {
          void this.#finishFailed(session, context).then(() => {
            fail(error);
          });
        },
      });
    });
  }

  async #finishSucceeded(session: RequestSession, context: ExecutionContext): Promise<void> {
    if (this.reflector.get<boolean>(ROTATE_SESSION, context.getHandler())) await session.rotate();
    await this.#finish(session, context);
  }

  /** What the client is told is the failure of the handler. */
  async #finishFailed(session: RequestSession, context: ExecutionContext): Promise<void> {
    try {
      await this.#finish(session, context);
    } catch (error) {
      if (!isUnanswered(error)) this.#logger.error(error);
    }
  }

  async #finish(session: RequestSession, context: ExecutionContext): Promise<void> {
    const cookie = await session.commit();
    if (cookie === undefined) return;
    const { httpAdapter } = this.adapterHost;
    const response = context.switchToHttp().getResponse<object>();
    if (httpAdapter.isHeadersSent(response)) {
      const route = `${context.getClass().name}.${context.getHandler().name}`;
      this.#logger.error(`${route} sent its response before the session's cookie: await session.commit() before it.`);
      return;
    }
    httpAdapter.appendHeader(response, 'Set-Cookie', cookie);
    if (httpAdapter.getHeader(response, 'Cache-Control') === undefined) {
      httpAdapter.setHeader(response, 'Cache-Control', 'no-store');
    }
  }
}

/** 503 with `Retry-After`: Redis does not tell who this is. */
export function unavailable(
  cause: unknown,
  { httpAdapter }: HttpAdapterHost,
  context: ExecutionContext,
): ServiceUnavailableException {
  httpAdapter.setHeader(context.switchToHttp().getResponse<object>(), 'Retry-After', String(RETRY_AFTER_SECONDS));
  return new ServiceUnavailableException('Sessions cannot be read or written at the moment.', { cause });
}
