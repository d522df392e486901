import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { CacheEngine } from '../cache/engine.js';
import { InvalidOptionsError } from '../errors.js';
import { CACHE_ENGINE, METRICS_OPTIONS } from '../tokens.js';
import { systemClock, toMs } from '../time.js';
import { eventCountsOf } from './event-counts.js';
import type { MetricSource } from './metric.js';
import type { MetricsOptions } from './metrics-options.js';
import { type MetricsSnapshot, snapshotOf } from './metrics-snapshot.js';
import { importOptional } from './optional-import.js';
import { bridgeTo, type MetricRegistry, PrometheusBridge } from './prometheus-bridge.js';
import { ServerInfo } from './server-info.js';

const SERVER_MAX_AGE = '15s';

/** What the caches of this module have done since the start of this process; also as Prometheus metrics. */
@Injectable()
export class MetricsService implements OnModuleInit, OnApplicationShutdown {
  /** Whatever else looks at the same counts. */
  readonly source: MetricSource;
  #bridge: PrometheusBridge | undefined;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(METRICS_OPTIONS) private readonly options: MetricsOptions,
  ) {
    const { server = SERVER_MAX_AGE } = options;
    this.source = {
      engine,
      counts: eventCountsOf(engine),
      server: server === false ? undefined : new ServerInfo(engine, toMs(server, 'metrics.server'), systemClock),
    };
  }

  /** Counts, latencies and sizes per cache and tier, and the state of each connection. */
  snapshot(): MetricsSnapshot {
    return snapshotOf(this.engine);
  }

  /**
   * The Prometheus metrics of this module alone as text, for a route of the application's own. Wherever else they go.
   *
   * @throws InvalidOptionsError when prom-client is not installed
   */
  async exposition(): Promise<string> {
    const client = await importPromClient();
    if (client === undefined) throw promClientIsMissing('MetricsService.exposition');
    const registry = new client.Registry();
    new PrometheusBridge(registry).attach(this.source);
    return registry.metrics();
  }

  /** @throws InvalidOptionsError when Prometheus metrics were asked for and prom-client is not installed. */
  async onModuleInit(): Promise<void> {
    const { prometheus } = this.options;
    if (prometheus === false) return;
    const client = await importPromClient();
    if (client === undefined && typeof prometheus !== 'object') {
      if (prometheus === undefined) return;
      throw promClientIsMissing('metrics.prometheus');
    }
    const registry = typeof prometheus === 'object' ? prometheus : client?.register;
    this.#bridge = bridgeTo(registry as unknown as MetricRegistry);
    this.#bridge.attach(this.source);
  }

  onApplicationShutdown(): void {
    this.#bridge?.detach(this.source);
  }
}

function promClientIsMissing(what: string): InvalidOptionsError {
  return new InvalidOptionsError('RedisCacheModule options', [
    `${what} needs prom-client, which is not installed. Run: npm install prom-client`,
  ]);
}

/** prom-client, or `undefined` where it is not installed. */
function importPromClient(): Promise<typeof import('prom-client') | undefined> {
  return importOptional(() => import('prom-client'));
}
