import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Registry } from 'prom-client';
import { CacheEngine } from '../cache/engine.js';
import { InvalidOptionsError } from '../errors.js';
import { CACHE_ENGINE, METRICS_OPTIONS } from '../tokens.js';
import type { MetricsOptions } from './metrics-options.js';
import { type MetricsSnapshot, snapshotOf } from './metrics-snapshot.js';
import { bridgeTo, type PrometheusBridge } from './prometheus-bridge.js';

/** What the caches of this module have done since the start of this process; also as Prometheus metrics. */
@Injectable()
export class MetricsService implements OnModuleInit, OnApplicationShutdown {
  #bridge: PrometheusBridge | undefined;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(METRICS_OPTIONS) private readonly options: MetricsOptions,
  ) {}

  /** Counts, latencies and sizes per cache and tier, and the state of each connection. */
  snapshot(): MetricsSnapshot {
    return snapshotOf(this.engine);
  }

  /** @throws InvalidOptionsError when Prometheus metrics were asked for and prom-client is not installed. */
  async onModuleInit(): Promise<void> {
    const { prometheus } = this.options;
    if (prometheus === false) return;
    const client = await importPromClient();
    if (client === undefined) {
      if (prometheus === undefined) return;
      throw new InvalidOptionsError('RedisCacheModule options', [
        'metrics.prometheus needs prom-client, which is not installed. Run: npm install prom-client',
      ]);
    }
    const registry = typeof prometheus === 'object' ? (prometheus as Registry) : client.register;
    this.#bridge = bridgeTo(registry, client);
    this.#bridge.attach(this.engine);
  }

  onApplicationShutdown(): void {
    this.#bridge?.detach(this.engine);
  }
}

/** prom-client, or `undefined` where it is not installed. */
async function importPromClient(): Promise<typeof import('prom-client') | undefined> {
  try {
    return await import('prom-client');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
