import { Inject, Injectable, Optional } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { lastValueFrom, of, type Observable } from 'rxjs';
import type { CacheEngine } from '../cache/engine.js';
import { CACHE_ENGINE, HTTP_CACHE_OPTIONS } from '../tokens.js';
import { cacheGroups } from './cache-groups.js';
import { isSafe, isSuccess, noteDropped } from './http-invalidation.js';
import type { HttpRequest, HttpResponse } from './http-message.js';
import type { HttpCacheModuleOptions } from './http-options.js';

export interface HttpInvalidateOptions<Request = HttpRequest, Result = unknown> {
  /** Names under which responses go, and everything else with these tags; or a function of the request and the result. */
  tags: readonly string[] | ((request: Request, result: Result) => readonly string[]);
}

/** What the decorator leaves on a class or method. */
export const HTTP_INVALIDATE_METADATA = 'nestjs-rcache:http-invalidate';

/** Does what `@HttpInvalidate` says; the decorator binds it. */
@Injectable()
export class HttpInvalidateInterceptor implements NestInterceptor {
  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(Reflector) private readonly reflector: Reflector,
    @Optional() @Inject(HTTP_CACHE_OPTIONS) private readonly options: HttpCacheModuleOptions = {},
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const targets = [context.getHandler(), context.getClass()];
    const options = this.reflector.getAllAndOverride<HttpInvalidateOptions | undefined>(
      HTTP_INVALIDATE_METADATA,
      targets,
    );
    if (options === undefined || context.getType() !== 'http') return next.handle();
    const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
    const http = context.switchToHttp();
    const response = http.getResponse<HttpResponse>();
    if (!isSuccess(response.statusCode)) return of(value);
    const request = http.getRequest<HttpRequest>();
    const tags = typeof options.tags === 'function' ? options.tags(request, value) : options.tags;
    if (tags.length === 0) return of(value);
    await this.engine.defaultCache.invalidateTags(tags);
    noteDropped(request, tags);
    this.#announce(request, response, tags);
    return of(value);
  }

  /** RFC 9875, 3: ignored on what answers a safe request. */
  #announce(request: HttpRequest, response: HttpResponse, tags: readonly string[]): void {
    const { httpAdapter } = this.adapterHost;
    if (this.options.cacheGroups !== true || httpAdapter.isHeadersSent(response)) return;
    if (isSafe(httpAdapter.getRequestMethod(request) as string)) return;
    const groups = cacheGroups(tags);
    if (groups === undefined) return;
    const own = response.getHeaders()['cache-group-invalidation'];
    const all = own === undefined ? groups : `${[own].flat().join(', ')}, ${groups}`;
    httpAdapter.setHeader(response, 'Cache-Group-Invalidation', all);
  }
}
