import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Logger,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { type AdminOptions, resolveAdminOptions } from './admin/admin-options.js';
import { adminParts } from './admin/admin-parts.js';
import { checkList, isOptions, kindOf, shown } from './arguments.js';
import { CacheService } from './cache/cache.service.js';
import { type AnyCacheDefinition, isDefinition } from './cache/definition.js';
import { CacheEngine } from './cache/engine.js';
import { InvalidArgumentError, InvalidOptionsError } from './errors.js';
import { NoHttpCache } from './http/http-cache.decorator.js';
import { SharedRoutesCheck } from './http/shared-routes-check.js';
import { DecoratedProviders } from './interception/decorated-providers.js';
import { AlertsService } from './ops/alerts.service.js';
import { CacheDoctor } from './ops/doctor.js';
import { eventCountsOf } from './ops/event-counts.js';
import { logEvents } from './ops/event-log.js';
import { MetricsService } from './ops/metrics.service.js';
import { RedisCacheHealthIndicator } from './ops/redis-cache.health.js';
import { importOpenTelemetry, TracedEngine } from './ops/tracing.js';
import { WarmUpService } from './ops/warm-up.service.js';
import { getCacheToken, getRedisToken } from './redis-cache.injection.js';
import type { RedisCacheModuleOptions } from './redis-cache.options.js';
import { validateOptions } from './redis-cache.validation.js';
import { startSessions } from './redis-cache.sessions.js';
import { SessionService } from './session/session.service.js';
import { systemClock } from './time.js';
import {
  ADMIN_SESSIONS,
  ALERTS_OPTIONS,
  CACHE_ENGINE,
  HTTP_CACHE_OPTIONS,
  METRICS_OPTIONS,
  SESSION_CONNECTION,
} from './tokens.js';

export interface RedisCacheModuleExtras {
  /** Whether every module can inject the caches without importing this one. Default `true`. */
  isGlobal?: boolean;
  /**
   * Names of `connections` that `@InjectRedis(name)` is used with. Only `forRootAsync` needs it, because Nest asks for
   * providers before it asks for options.
   */
  connectionNames?: readonly string[];
  /**
   * The admin page and its API; `true` for the defaults, which outside of production need no guard. Beside the options,
   * because Nest asks for controllers before it asks for options. Default `false`.
   */
  admin?: boolean | AdminOptions;
}

const host = new ConfigurableModuleBuilder<RedisCacheModuleOptions>({ moduleName: 'RedisCache' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createRedisCacheOptions')
  // Nest takes for an extra, and not for an option, what has a default here.
  .setExtras<RedisCacheModuleExtras>({ isGlobal: true, connectionNames: [], admin: false }, (definition, extras) => {
    const clients = checkList(extras.connectionNames ?? [], 'connectionNames', 'strings').map(clientProvider);
    const admin = adminParts(resolveAdminOptions(extras.admin));
    for (const controller of admin.controllers) NoHttpCache()(controller);
    return {
      ...definition,
      global: extras.isGlobal,
      imports: [...(definition.imports ?? []), ...admin.imports],
      controllers: admin.controllers,
      providers: [...(definition.providers ?? []), ...clients, ...admin.providers],
      exports: clients.map(({ provide }) => provide),
    };
  })
  .build();

/** Home of the providers of one `forFeature`; the caches themselves live in the engine of the root module. */
@Module({})
class RedisCacheFeatureModule {}

/**
 * The cache of an application. Import `forRoot` or `forRootAsync` once; Redis is connected (or given up on for now,
 * after `startTimeout`) before the providers that use it are made, and left when the application has shut down.
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    { provide: CACHE_ENGINE, inject: [host.MODULE_OPTIONS_TOKEN], useFactory: startEngine },
    {
      provide: HTTP_CACHE_OPTIONS,
      inject: [host.MODULE_OPTIONS_TOKEN],
      useFactory: (options: RedisCacheModuleOptions) => options.http ?? {},
    },
    {
      provide: ALERTS_OPTIONS,
      inject: [host.MODULE_OPTIONS_TOKEN],
      useFactory: (options: RedisCacheModuleOptions) => options.alerts ?? false,
    },
    {
      provide: SESSION_CONNECTION,
      inject: [host.MODULE_OPTIONS_TOKEN],
      useFactory: ({ session }: RedisCacheModuleOptions) =>
        session === undefined ? undefined : (session.connection ?? 'default'),
    },
    {
      provide: METRICS_OPTIONS,
      inject: [host.MODULE_OPTIONS_TOKEN],
      useFactory: (options: RedisCacheModuleOptions) => options.metrics ?? {},
    },
    { provide: CacheService, inject: [CACHE_ENGINE], useFactory: (engine: CacheEngine) => engine.defaultCache },
    { provide: SessionService, inject: [CACHE_ENGINE, host.MODULE_OPTIONS_TOKEN], useFactory: startSessions },
    { provide: ADMIN_SESSIONS, useExisting: SessionService },
    clientProvider('default'),
    AlertsService,
    CacheDoctor,
    DecoratedProviders,
    MetricsService,
    RedisCacheHealthIndicator,
    WarmUpService,
    SharedRoutesCheck,
  ],
  exports: [
    AlertsService,
    CACHE_ENGINE,
    CacheDoctor,
    CacheService,
    HTTP_CACHE_OPTIONS,
    getRedisToken(),
    MetricsService,
    RedisCacheHealthIndicator,
    SessionService,
    WarmUpService,
  ],
})
export class RedisCacheModule extends host.ConfigurableModuleClass implements OnApplicationShutdown {
  constructor(@Inject(CACHE_ENGINE) private readonly engine: CacheEngine) {
    super();
  }

  static override forRoot(options: typeof host.OPTIONS_TYPE = {}): DynamicModule {
    checkIsOptions('RedisCacheModule.forRoot', options);
    return super.forRoot({ connectionNames: Object.keys(options.connections ?? {}), ...options });
  }

  static override forRootAsync(options: typeof host.ASYNC_OPTIONS_TYPE): DynamicModule {
    checkIsOptions('RedisCacheModule.forRootAsync', options);
    return super.forRootAsync(options);
  }

  /**
   * Makes the caches of these definitions injectable with `@InjectCache(definition)` in the importing module.
   *
   * @param imports the root module, where that is not global
   */
  static forFeature(
    definitions: readonly AnyCacheDefinition[],
    imports: NonNullable<ModuleMetadata['imports']> = [],
  ): DynamicModule {
    const providers = checkDefinitions(definitions).map((definition): FactoryProvider => ({
      provide: getCacheToken(definition),
      inject: [CACHE_ENGINE],
      useFactory: (engine: CacheEngine) => engine.cache(definition),
    }));
    return { module: RedisCacheFeatureModule, imports, providers, exports: providers.map(({ provide }) => provide) };
  }

  /** The last hook of all, so that what the application still does while it shuts down can use the cache. */
  async onApplicationShutdown(): Promise<void> {
    await this.engine.close();
  }
}

function checkIsOptions(subject: string, options: unknown): void {
  if (isOptions(options)) return;
  throw new InvalidOptionsError(subject, [`it was given ${kindOf(options)}; it must be an object`]);
}

function checkDefinitions(definitions: readonly AnyCacheDefinition[]): readonly AnyCacheDefinition[] {
  const wrong = checkList(definitions, 'What forFeature was given', 'definitions').findIndex(
    (each) => !isDefinition(each),
  );
  if (wrong === -1) return definitions;
  throw new InvalidArgumentError(
    `Definition ${wrong} of forFeature is ${shown(definitions[wrong])}. It must be what defineCache returns.`,
  );
}

async function startEngine(options: RedisCacheModuleOptions): Promise<CacheEngine> {
  validateOptions(options);
  const { http: _http, alerts: _alerts, metrics: _metrics, log, session, tracing = false, ...engineOptions } = options;
  const shared = session === undefined ? [] : [session.connection ?? 'default'];
  const engine =
    tracing === false
      ? new CacheEngine(engineOptions, systemClock, shared)
      : new TracedEngine(
          await importOpenTelemetry(),
          tracing === true ? {} : tracing,
          engineOptions,
          systemClock,
          shared,
        );
  // From the first event on, for a breaker that opens at start counts too.
  eventCountsOf(engine);
  if (log !== undefined) logEvents(engine.events, new Logger('RedisCacheModule'), systemClock, log);
  try {
    await engine.start();
  } catch (error) {
    // Nobody else has seen this engine, so nobody else would end its connections.
    await engine.close();
    throw error;
  }
  reportTo(new Logger('RedisCacheModule'), engine);
  return engine;
}

/** Which store is used is worth a line: a cache that silently has none looks like a slow application. */
function reportTo(logger: Logger, engine: CacheEngine): void {
  if (!engine.isEnabled) logger.warn('The cache is disabled: loaders answer every call.');
  else if (engine.connection() === undefined) logger.warn('There is no Redis: values are kept in this process only.');
  for (const { name, isUp } of engine.connectionStates()) {
    if (isUp) logger.log(`Connection "${name}" uses Redis.`);
    else logger.warn(`Connection "${name}" does not reach Redis: loaders answer until it does.`);
  }
  engine.events.on('breaker', ({ connection, state, reason }) => {
    if (state === 'open' && reason !== 'closed')
      logger.warn(`Connection "${connection}" does without Redis: ${reason}.`);
    if (state === 'closed') logger.log(`Connection "${connection}" uses Redis again: ${reason}.`);
  });
}

function clientProvider(connection: string): FactoryProvider {
  return {
    provide: getRedisToken(connection),
    inject: [CACHE_ENGINE],
    useFactory: (engine: CacheEngine) => engine.connection(connection)?.client,
  };
}
