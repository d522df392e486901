import { Catch, HttpException, HttpStatus, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';

export class TooManyAttemptsException extends HttpException {
  constructor(readonly retryAfterSeconds: number) {
    super('Too many attempts', HttpStatus.TOO_MANY_REQUESTS);
  }
}

/** Adds `Retry-After`, which an exception of Nest cannot carry. */
@Catch(TooManyAttemptsException)
export class TooManyAttemptsFilter extends BaseExceptionFilter<TooManyAttemptsException> {
  constructor(private readonly adapterHost: HttpAdapterHost) {
    super();
  }

  override catch(exception: TooManyAttemptsException, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<object>();
    this.adapterHost.httpAdapter.setHeader(response, 'Retry-After', String(exception.retryAfterSeconds));
    super.catch(exception, host);
  }
}
