import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { shown } from '../arguments.js';
import { InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import {
  HTTP_INVALIDATE_METADATA,
  HttpInvalidateInterceptor,
  type HttpInvalidateOptions,
} from './http-invalidate.interceptor.js';
import type { HttpRequest } from './http-message.js';

/**
 * Drops what has these tags when the handler has succeeded (it did not throw, and the status is below 400), before its
 * response leaves; with `cacheGroups` the caches in front are told to do the same. Works without any other interceptor.
 *
 *     @Post()
 *     @HttpInvalidate({ tags: ['products'] })
 *     create(@Body() product: Product) {}
 *
 * @throws InvalidOptionsError at once.
 */
export function HttpInvalidate<Request = HttpRequest, Result = unknown>(
  options: HttpInvalidateOptions<Request, Result>,
): MethodDecorator & ClassDecorator {
  const { tags, ...others } = options;
  const problems = Object.keys(others).map((name) => unknownName(name, ['tags']));
  const isList = Array.isArray(tags) && tags.length > 0 && tags.every((tag) => typeof tag === 'string' && tag !== '');
  if (!isList && typeof tags !== 'function') {
    problems.push(`tags is ${shown(tags)}; it must be a list of names, or a function of the request and the result`);
  }
  if (problems.length > 0) throw new InvalidOptionsError('@HttpInvalidate', problems);
  return applyDecorators(SetMetadata(HTTP_INVALIDATE_METADATA, options), UseInterceptors(HttpInvalidateInterceptor));
}
