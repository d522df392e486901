import { type ArgumentsHost, BadRequestException, Catch, ServiceUnavailableException } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { InvalidArgumentError, MissingContextError, RedisRefusedError, RedisUnavailableError } from '../errors.js';

/** What the sender of a request got wrong is told as such, and what Redis did not do; neither is a failure of the server. */
@Catch(InvalidArgumentError, MissingContextError, RedisRefusedError, RedisUnavailableError)
export class AdminErrorFilter extends BaseExceptionFilter {
  override catch(error: Error, host: ArgumentsHost): void {
    const isOfRedis = error instanceof RedisRefusedError || error instanceof RedisUnavailableError;
    super.catch(
      isOfRedis ? new ServiceUnavailableException(error.message) : new BadRequestException(error.message),
      host,
    );
  }
}
