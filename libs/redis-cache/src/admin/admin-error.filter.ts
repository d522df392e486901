import { type ArgumentsHost, BadRequestException, Catch } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { InvalidArgumentError, MissingContextError } from '../errors.js';

/** What the sender of a request got wrong is told as such, and is no failure of the server. */
@Catch(InvalidArgumentError, MissingContextError)
export class AdminErrorFilter extends BaseExceptionFilter {
  override catch(error: InvalidArgumentError | MissingContextError, host: ArgumentsHost): void {
    super.catch(new BadRequestException(error.message), host);
  }
}
