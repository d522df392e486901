import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { CacheEngine } from '../cache/engine.js';
import type { AlertSeverity, AlertState } from '../events.js';
import { type Clock, type Duration, systemClock, toTimeoutMs } from '../time.js';
import { ALERTS_OPTIONS, CACHE_ENGINE } from '../tokens.js';
import {
  ALERT_RULES,
  type AlertRule,
  busyHitRatio,
  eachCache,
  type Finding,
  RATIOS_MS,
  WINDOW_MS,
} from './alert-rules.js';
import { AlertWindow, sampleOf } from './alert-window.js';
import { MetricsService } from './metrics.service.js';
import type { Labels } from './tally.js';

export interface AlertsOptions {
  /** How often conditions are looked at. Default `'15s'`. */
  interval?: Duration;
}

/** An alert that is not over. */
export interface Alert {
  name: string;
  severity: AlertSeverity;
  /** `pending`: the condition holds, but not for as long as the rule wants. */
  state: Exclude<AlertState, 'resolved'>;
  /** The cache or the connection it is about, if it is about one. */
  labels: Labels;
  value: number;
  summary: string;
  /** Since when the condition holds. */
  since: Date;
}

const INTERVAL = '15s';
/** How often the hit ratio is noted that later ones are compared with. */
const RATIO_INTERVAL_MS = 5 * 60_000;

interface Tracked {
  readonly rule: AlertRule;
  readonly sinceMs: number;
  readonly since: Date;
  isFiring: boolean;
  finding: Finding;
}

/**
 * Looks after the same conditions as the rules for Prometheus, for those who have none: each becomes an event, a line in the
 * log and a detail of the health. Off unless the module's option `alerts` asks for it.
 */
@Injectable()
export class AlertsService implements OnModuleInit, OnApplicationShutdown {
  readonly #window = new AlertWindow(WINDOW_MS, RATIOS_MS);
  readonly #tracked = new Map<string, Tracked>();
  readonly #logger = new Logger('RedisCacheModule');
  #ratiosNotedAtMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CACHE_ENGINE) private readonly engine: CacheEngine,
    @Inject(MetricsService) private readonly metrics: MetricsService,
    @Inject(ALERTS_OPTIONS) private readonly options: boolean | AlertsOptions,
  ) {}

  /** Alerts that are pending or firing, the worst first. */
  active(): Alert[] {
    const severities: readonly AlertSeverity[] = ['critical', 'warning', 'info'];
    return [...this.#tracked.values()]
      .map(({ rule, isFiring, finding, since }): Alert => ({
        name: rule.name,
        severity: rule.severity,
        state: isFiring ? 'firing' : 'pending',
        ...finding,
        summary: rule.summary(finding),
        since,
      }))
      .sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
  }

  /** Looks at all conditions now; done by itself every `interval`. */
  async evaluate(clock: Pick<Clock, 'nowMs'> = systemClock): Promise<void> {
    const nowMs = clock.nowMs();
    this.#window.add(await sampleOf(this.metrics.source, nowMs));
    const seen = new Set<string>();
    for (const rule of ALERT_RULES) {
      for (const finding of rule.find(this.#window, rule.limit)) seen.add(this.#found(rule, finding, nowMs));
    }
    for (const [id, tracked] of this.#tracked) {
      if (seen.has(id)) continue;
      this.#tracked.delete(id);
      if (tracked.isFiring) this.#report(tracked, 'resolved');
    }
    if (nowMs - this.#ratiosNotedAtMs < RATIO_INTERVAL_MS) return;
    this.#ratiosNotedAtMs = nowMs;
    for (const [cache, ratio] of eachCache(this.#window, busyHitRatio)) this.#window.noteRatio(cache, ratio);
  }

  onModuleInit(): void {
    if (this.options === false) return;
    const { interval = INTERVAL } = this.options === true ? {} : this.options;
    const look = (): void => {
      this.evaluate().catch((error: unknown) => {
        this.#logger.error(error);
      });
    };
    this.#timer = setInterval(look, toTimeoutMs(interval, 'alerts.interval'));
    this.#timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
  }

  #found(rule: AlertRule, finding: Finding, nowMs: number): string {
    const id = JSON.stringify([rule.name, rule.severity, finding.labels]);
    let tracked = this.#tracked.get(id);
    if (tracked === undefined) {
      tracked = { rule, sinceMs: nowMs, since: new Date(), isFiring: false, finding };
      this.#tracked.set(id, tracked);
      if (rule.forMs > 0) this.#report(tracked, 'pending');
    }
    tracked.finding = finding;
    if (!tracked.isFiring && nowMs - tracked.sinceMs >= rule.forMs) {
      tracked.isFiring = true;
      this.#report(tracked, 'firing');
    }
    return id;
  }

  #report({ rule, finding }: Tracked, state: AlertState): void {
    const { name, severity } = rule;
    const summary = rule.summary(finding);
    this.engine.events.emit('alert', { alert: name, severity, state, ...finding, summary });
    if (state === 'firing') this.#logger.warn(`${name}: ${summary}`);
    if (state === 'resolved') this.#logger.log(`${name} is over.`);
  }
}
