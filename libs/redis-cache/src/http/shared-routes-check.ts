import { Inject, Injectable, Logger, Optional, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { type ApplicationConfig, DiscoveryService, ExternalContextCreator } from '@nestjs/core';
import { CachedRoutes, handlersOf, isUnsafe } from './cached-routes.js';
import { HTTP_CACHE_OPTIONS } from '../tokens.js';
import { isHttpCache } from './http-cache.interceptor.js';
import type { HttpCacheModuleOptions } from './http-options.js';

interface GuardsContext {
  readonly guardsContextCreator?: { readonly config?: ApplicationConfig };
}

// Nest's own name (@nestjs/common/constants), the same in 11 and 12.
const GUARDS = '__guards__';

/** Says at start which routes have a guard and still share their responses: whoever a guard knows may expect his own. */
@Injectable()
export class SharedRoutesCheck implements OnApplicationBootstrap {
  readonly #logger = new Logger('HttpCache');

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ExternalContextCreator) private readonly contexts: ExternalContextCreator,
    @Optional() @Inject(HTTP_CACHE_OPTIONS) private readonly options: HttpCacheModuleOptions = {},
  ) {}

  onApplicationBootstrap(): void {
    const routes = new CachedRoutes(this.contexts, isHttpCache, this.options.routes === 'all');
    const found = this.discovery
      .getControllers()
      .map(({ metatype }) => metatype as Type | null)
      .filter((controller) => controller !== null)
      .flatMap((controller) => handlersOf(controller).map((handler) => ({ controller, handler })))
      .filter(({ handler }) => !isUnsafe(handler))
      .flatMap(({ controller, handler }) => {
        const route = routes.find(controller, handler);
        const { scope = 'anonymous' } = route?.options ?? {};
        if (route === undefined || (scope !== 'anonymous' && scope !== 'public')) return [];
        return this.#isGuarded(controller, handler, scope) ? [`${route.name} (${scope})`] : [];
      });
    if (found.length === 0) return;
    this.#logger.warn(
      `Guarded routes share their responses: ${found.join(', ')}. 'public' gives one to everybody the guard lets in; ` +
        `'anonymous' stores none for whoever sends credentials. To keep one per user: scope: (request) => request.user.id.`,
    );
  }

  /** Global guards leave public routes alone in ways of their own, so they count only where all users share. */
  #isGuarded(controller: Type, handler: object, scope: 'anonymous' | 'public'): boolean {
    const own = [controller, handler].some((target) => Reflect.getMetadata(GUARDS, target) !== undefined);
    if (own || scope === 'anonymous') return own;
    const config = (this.contexts as unknown as GuardsContext).guardsContextCreator?.config;
    return (config?.getGlobalGuards().length ?? 0) + (config?.getGlobalRequestGuards().length ?? 0) > 0;
  }
}
