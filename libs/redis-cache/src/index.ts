export { RedisCacheModule, type RedisCacheModuleExtras } from './redis-cache.module.js';
export type { RedisCacheModuleOptions, RedisCacheOptionsFactory } from './redis-cache.options.js';
export { getCacheToken, getRedisToken, InjectCache, InjectRedis, type NamedCache } from './redis-cache.injection.js';
export { CACHE_ENGINE } from './tokens.js';

export { CacheEngine, type CacheEngineOptions } from './cache/engine.js';
export type { ConnectionStatus } from './cache/backend-host.js';
export type { Lookup, Resolved } from './cache/answers.js';
export { CacheService, type WarmResult } from './cache/cache.service.js';
export {
  type AnyCacheDefinition,
  type CacheDefinition,
  CacheHandle,
  type CacheOf,
  type ContextProvider,
  defineCache,
  DefinedCache,
  type TypedCacheDefinition,
} from './cache/definition.js';
export type {
  CallOptions,
  EntryOptions,
  InvalidateOptions,
  LoadContext,
  Loader,
  Refresh,
  StaleValue,
  Tags,
  Ttl,
} from './cache/entry-options.js';
export type { EntryInspection, InspectedKey, InspectedTag, MemoryCopy, StoredCopy } from './cache/entry-inspection.js';
export type { BulkLoader } from './cache/bulk-load.js';
export type { Key, KeyPart } from './cache/key.js';
export { CacheStats } from './cache/stats.js';
export { Sensitive, SENSITIVE_FIELDS, type SensitiveOptions } from './cache/sensitive-data.js';
export type { Codec } from './cache/value.js';
export type { ConnectionOptions, RedisNode } from './redis/connection-options.js';

export { CacheDefaults, type CacheDefaultsOptions } from './interception/cache-defaults.decorator.js';
export { CacheEvict, type CacheEvictOptions } from './interception/cache-evict.decorator.js';
export { CachePut, type CachePutOptions } from './interception/cache-put.decorator.js';
export { Cacheable, type CacheableOptions } from './interception/cacheable.decorator.js';
export { cachedRepository, type CachedRepository } from './interception/cached-repository.js';
export { attachCache } from './interception/decorated-method.js';
export { EntityCache } from './interception/entity-cache.js';
export type {
  EntityOf,
  EntityStrategy,
  FinderOptions,
  RepositoryLike,
  WriteOptions,
} from './interception/entity-strategy.js';
export { withoutCache } from './interception/without-cache.js';

export { HttpCache, type HttpCacheOptions, NoHttpCache, type Principal } from './http/http-cache.decorator.js';
export { HTTP_RESPONSES, HttpCacheInterceptor } from './http/http-cache.interceptor.js';
export type { HttpCacheModuleOptions } from './http/http-options.js';
export { HttpInvalidate } from './http/http-invalidate.decorator.js';
export type { HttpInvalidateOptions } from './http/http-invalidate.interceptor.js';
export type { HttpRequest } from './http/http-message.js';

export { CsrfGuard } from './session/csrf.guard.js';
export { redisSessionStore, type SessionStoreMethods } from './session/redis-session-store.js';
export { RequestSession, type SessionRequest } from './session/request-session.js';
export { Session, type SessionInfo } from './session/session.js';
export type { CookieOptions } from './session/session-cookie.js';
export type { SessionData } from './session/session-data.js';
export { CurrentSession, CurrentUserId, Public, requestSession, RotateSession } from './session/session.decorator.js';
export { SessionGuard } from './session/session.guard.js';
export { SessionInterceptor } from './session/session.interceptor.js';
export type { SessionOptions } from './session/session-options.js';
export { SessionService } from './session/session.service.js';
export type { CreateSessionOptions, RotateSessionOptions, SaveResult, SessionChange } from './session/session-calls.js';

export type { AdminOptions, AdminRight } from './admin/admin-options.js';
export type { AdminRequest } from './admin/admin-request.js';
export { basicAuth, type BasicAuthUser } from './admin/basic-auth.guard.js';

export { MetricsService } from './ops/metrics.service.js';
export { type Warmer, defineWarmer, type WarmerEntry, type WarmerOptions, type WarmerSource } from './ops/warmer.js';
export type { WarmProgress } from './ops/warm-run.js';
export { type WarmUpResult, type WarmUpRun, WarmUpService } from './ops/warm-up.service.js';
export { CacheDoctor, type Diagnosis, type DiagnosisOptions } from './ops/doctor.js';
export type { Finding, FindingLevel } from './ops/findings.js';
export type { ServerReport } from './ops/server-report.js';
export { type Alert, type AlertsOptions, AlertsService } from './ops/alerts.service.js';
export type { EventLogLevel, EventLogOptions } from './ops/event-log.js';
export type { TracingOptions } from './ops/tracing-options.js';
export type { MetricsOptions, PrometheusRegistry } from './ops/metrics-options.js';
export type { CacheSnapshot, LatencySnapshot, MetricsSnapshot } from './ops/metrics-snapshot.js';
export {
  type ConnectionHealth,
  type HealthDetails,
  type HealthOptions,
  type HealthStatus,
  RedisCacheHealthIndicator,
  type RedisCacheHealthResult,
} from './ops/redis-cache.health.js';

export {
  type AdminAction,
  type AlertSeverity,
  type AlertState,
  type CacheEventListener,
  type CacheEventName,
  type CacheEvents,
  EventChannel,
  type FallbackReason,
  type HttpOutcome,
  type InvalidationKind,
  type MissReason,
  type RefreshResult,
  type RefreshTrigger,
  type SessionOperation,
  type SessionResult,
  type UnstoredReason,
  type WarmUpState,
  type WriteStatus,
} from './events.js';
export {
  ClosedError,
  type ErrorDetails,
  InvalidArgumentError,
  InvalidOptionsError,
  LoaderTimeoutError,
  MissingContextError,
  NotInvalidatedError,
  RecursiveLoadError,
  RedisCacheError,
  type RedisCacheErrorCode,
  RedisRefusedError,
  RedisUnavailableError,
  SessionConflictError,
  UncacheableValueError,
  UnkeyedReadError,
} from './errors.js';
export { type Clock, type Duration, type DurationText, endOfDay, systemClock } from './time.js';
