import type { CacheEngineOptions } from './cache/engine.js';
import type { HttpCacheModuleOptions } from './http/http-options.js';
import type { AlertsOptions } from './ops/alerts.service.js';
import type { EventLogOptions } from './ops/event-log.js';
import type { MetricsOptions } from './ops/metrics-options.js';
import type { TracingOptions } from './ops/tracing-options.js';
import type { SessionOptions } from './session/session-options.js';

/** Three heartbeats of the coherence link: a shorter `maxStaleness` could not be proven between two of them. */
export const MIN_STALENESS_MS = 750;

/** Options of `RedisCacheModule.forRoot`. All are optional; wrong and unknown ones are refused at start, all at once. */
export interface RedisCacheModuleOptions extends CacheEngineOptions {
  http?: HttpCacheModuleOptions;
  metrics?: MetricsOptions;
  /** Alerts of this process itself, for those without Prometheus; `true` for the defaults. Default `false`. */
  alerts?: boolean | AlertsOptions;
  /** Spans of OpenTelemetry for calls and loaders; `true` for the defaults. Default `false`. */
  tracing?: boolean | TracingOptions;
  /** Events as lines of Nest's log. Default: none but changes of a breaker. */
  log?: EventLogOptions;
  /** Default: no sessions. */
  session?: SessionOptions<object>;
}

/** What `forRootAsync({ useClass })` and `{ useExisting }` expect. */
export interface RedisCacheOptionsFactory {
  createRedisCacheOptions(): RedisCacheModuleOptions | Promise<RedisCacheModuleOptions>;
}
