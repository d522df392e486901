import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { Test } from '@nestjs/testing';
import {
  type AlertsOptions,
  AlertsService,
  CACHE_ENGINE,
  type CacheEngine,
  type CacheEvents,
  CacheService,
  RedisCacheHealthIndicator,
  RedisCacheModule,
} from 'nestjs-rcache';
import { Histogram } from '../libs/redis-cache/src/cache/histogram.js';
import { OPERATION_BOUNDS_SECONDS } from '../libs/redis-cache/src/cache/stats.js';
import { ALERT_RULES, busyHitRatio, eachCache } from '../libs/redis-cache/src/ops/alert-rules.js';
import {
  type AlertSample,
  AlertWindow,
  type CacheCounts,
  type ConnectionCounts,
} from '../libs/redis-cache/src/ops/alert-window.js';
import { startRedis } from '../scripts/servers.mjs';
import { connected, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { ROOT } from './support/pages.js';

interface Rule {
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: { severity: string };
}

const STEP_MS = 15_000;
const UNIT_MS = { s: 1000, m: 60_000 } as const;

function times(seconds: number, count: number): Histogram {
  const histogram = new Histogram(OPERATION_BOUNDS_SECONDS);
  for (let each = 0; each < count; each += 1) histogram.observe(seconds);
  return histogram;
}

/** Counters after so many steps of 15 s, of which every second brings a few requests that are answered well. */
function sampleAt(
  step: number,
  cache: Partial<CacheCounts> = {},
  connection: Partial<ConnectionCounts> = {},
  rest: Partial<AlertSample> = {},
): AlertSample {
  const counts: CacheCounts = {
    requests: step * 100,
    hits: step * 90,
    reads: step * 10,
    readErrors: 0,
    readTimes: times(0.001, step),
    loads: step * 10,
    loadErrors: 0,
    staleOnError: 0,
    codecErrors: 0,
    ...cache,
  };
  const link: ConnectionCounts = {
    isUp: true,
    isBreakerOpen: false,
    isLinkTrusted: true,
    journaled: 0,
    reconnects: 0,
    linkDelays: times(0.001, step),
    server: undefined,
    ...connection,
  };
  return {
    atMs: step * STEP_MS,
    caches: new Map([['users', counts]]),
    connections: new Map([['default', link]]),
    stored: step * 10,
    foldedLabels: 0,
    failedWarmUps: new Map(),
    ...rest,
  };
}

const server = { usedMemoryBytes: 95, maxMemoryBytes: 100, evictedKeys: 0, keyspaceHits: 0, keyspaceMisses: 0 };

/** For each rule what makes it find something, and what is near that and does not. */
const CASES: Record<string, [bad: (step: number) => AlertSample, fine: (step: number) => AlertSample]> = {
  RcacheRedisDown: [(step) => sampleAt(step, {}, { isUp: false }), (step) => sampleAt(step)],
  RcacheBreakerOpen: [
    (step) => sampleAt(step, {}, { isBreakerOpen: true }),
    // Being probed.
    (step) => sampleAt(step, {}, { isUp: false }),
  ],
  RcacheLinkUntrusted: [
    (step) => sampleAt(step, {}, { isLinkTrusted: false }),
    (step) => sampleAt(step, {}, { isLinkTrusted: false, isUp: false }),
  ],
  RcacheLinkLag: [
    (step) => sampleAt(step, {}, { linkDelays: times(0.5, step) }),
    (step) => sampleAt(step, {}, { linkDelays: times(0.2, step) }),
  ],
  RcacheInvalidationsQueued: [(step) => sampleAt(step, {}, { journaled: 3 }), (step) => sampleAt(step)],
  RcacheHitRatioLow: [
    (step) => sampleAt(step, { hits: step * 50 }),
    // Hardly any traffic.
    (step) => sampleAt(step, { requests: step * 10, hits: step }),
  ],
  RcacheHitRatioDropped: [
    (step) => sampleAt(step, { hits: step < 1500 ? step * 90 : 135_000 + (step - 1500) * 61 }),
    (step) => sampleAt(step, { hits: step * 61 }),
  ],
  RcacheErrorRatioHigh: [(step) => sampleAt(step, { readErrors: step }), (step) => sampleAt(step)],
  RcacheSlow: [
    (step) => sampleAt(step, { readTimes: times(0.02, step) }),
    (step) => sampleAt(step, { readTimes: times(0.004, step) }),
  ],
  RcacheLoaderFailing: [
    (step) => sampleAt(step, { loadErrors: step }),
    (step) => sampleAt(step, { loads: step * 100, loadErrors: step * 4 }),
  ],
  RcacheServingStaleOnError: [(step) => sampleAt(step, { staleOnError: step }), (step) => sampleAt(step)],
  RcacheRedisMemoryHigh: [
    (step) => sampleAt(step, {}, { server }),
    // Without a limit.
    (step) => sampleAt(step, {}, { server: { ...server, maxMemoryBytes: 0 } }),
  ],
  RcacheEvictionPressure: [
    (step) => sampleAt(step, {}, { server: { ...server, evictedKeys: step * 5 } }),
    (step) => sampleAt(step, {}, { server: { ...server, evictedKeys: step * 0.5 } }),
  ],
  RcacheCodecErrors: [
    (step) => sampleAt(step, { codecErrors: step }),
    // Once, long ago.
    (step) => sampleAt(step, { codecErrors: 1 }),
  ],
  RcacheReconnecting: [
    (step) => sampleAt(step, {}, { reconnects: step }),
    (step) => sampleAt(step, {}, { reconnects: step / 3 }),
  ],
  RcacheWarmupFailing: [
    (step) => sampleAt(step, {}, {}, { failedWarmUps: new Map([['users', 3]]) }),
    (step) => sampleAt(step, {}, {}, { failedWarmUps: new Map([['users', 0]]) }),
  ],
  RcacheLabelOverflow: [(step) => sampleAt(step, {}, {}, { foldedLabels: 3 }), (step) => sampleAt(step)],
};

function windowOf(sampleOfStep: (step: number) => AlertSample): AlertWindow {
  const window = new AlertWindow(600_000, 7 * 3_600_000);
  for (let step = 0; step <= 1600; step += 1) {
    window.add(sampleOfStep(step));
    if (step % 20 === 0) for (const [cache, ratio] of eachCache(window, busyHitRatio)) window.noteRatio(cache, ratio);
  }
  return window;
}

describe('the alerts of a process', () => {
  it('are those of the rules for Prometheus: names, limits, severities, and how long they must last', () => {
    const text = readFileSync(join(ROOT, 'docker/prometheus/rcache.rules.yml'), 'utf8');
    const { groups } = load(text) as { groups: { rules: Rule[] }[] };
    const ofPrometheus = groups
      .flatMap(({ rules }) => rules)
      .filter(({ alert }) => alert !== undefined)
      .map(({ alert, expr, labels, for: lasts = '0s' }) => {
        const [, amount, unit] = /^(\d+)([sm])$/.exec(lasts) ?? [];
        // The one of a ratio that dropped stands before what it is multiplied with.
        const limit = /([\d.]+) \* avg/.exec(expr)?.[1] ?? /(?:[<>]|==) ([\d.]+)(?:\s+and .*)?\s*$/s.exec(expr)?.[1];
        return [alert, labels?.severity, Number(amount) * UNIT_MS[unit as 's' | 'm'], Number(limit)];
      });
    const own = ALERT_RULES.map(({ name, severity, forMs, limit }) => [
      name,
      severity,
      forMs,
      // A link that is not trusted is a 0 there and a 1 here.
      name === 'RcacheLinkUntrusted' ? expect.any(Number) : limit,
    ]);
    const byName = (a: unknown[], b: unknown[]): number =>
      String(a[0]) + String(a[1]) < String(b[0]) + String(b[1]) ? -1 : 1;
    expect(ofPrometheus.sort(byName)).toEqual(own.sort(byName));
  });

  it.each(ALERT_RULES.map((rule) => [rule.name, rule.severity, rule] as const))(
    'find what is wrong, and nothing else: %s (%s)',
    (name, _severity, rule) => {
      const [bad, fine] = CASES[name] as (typeof CASES)[string];
      const found = rule.find(windowOf(bad), rule.limit);
      expect(found).toHaveLength(1);
      for (const finding of found) expect(rule.summary(finding)).not.toMatch(/undefined|NaN/);
      expect(rule.find(windowOf(fine), rule.limit)).toEqual([]);
    },
  );

  async function start(url: string, alerts?: boolean | AlertsOptions) {
    const module = await Test.createTestingModule({
      imports: [RedisCacheModule.forRoot({ connection: { url }, startTimeout: '5s', ...(alerts ? { alerts } : {}) })],
    }).compile();
    await module.init();
    return module;
  }

  it('are pending, then firing, then over; as events, in the list and in the health', async () => {
    const redis = await startRedis();
    const module = await start(redis.url);
    const engine = module.get<CacheEngine>(CACHE_ENGINE);
    await trusted(engine);
    const alerts = module.get(AlertsService);
    const events: CacheEvents['alert'][] = [];
    engine.events.on('alert', (event) => events.push(event));
    let nowMs = 0;
    const evaluate = async (ms: number): Promise<void> => {
      nowMs += ms;
      await alerts.evaluate({ nowMs: () => nowMs });
    };
    await evaluate(0);
    expect(alerts.active()).toEqual([]);

    await redis.kill();
    await eventually(() => !engine.connectionStates().some(({ isUp }) => isUp));
    await evaluate(STEP_MS);
    const states = (): unknown[] => events.splice(0).map(({ alert, state }) => `${alert} ${state}`);
    expect(states()).toContain('RcacheRedisDown pending');
    await evaluate(59_000);
    expect(states()).not.toContain('RcacheRedisDown firing');
    await evaluate(1000);
    expect(states()).toContain('RcacheRedisDown firing');
    expect(alerts.active()[0]).toEqual({
      name: 'RcacheRedisDown',
      severity: 'critical',
      state: 'firing',
      labels: { connection: 'default' },
      value: 0,
      summary: 'Connection "default" has answered without Redis for a minute.',
      since: expect.any(Date),
    });
    const { cache } = await module.get(RedisCacheHealthIndicator).check('cache');
    expect(cache.alerts).toContain('RcacheRedisDown: Connection "default" has answered without Redis for a minute.');

    const again = await startRedis({ port: redis.port });
    await connected(engine);
    await evaluate(STEP_MS);
    expect(states()).toContain('RcacheRedisDown resolved');
    expect(alerts.active().map(({ name }) => name)).not.toContain('RcacheRedisDown');
    await module.close();
    await again.stop();
  }, 30_000);

  it('are looked at by themselves when the option asks for it, and only then', async () => {
    const redis = await startRedis();
    const [quiet, watched] = [await start(redis.url), await start(redis.url, { interval: 20 })];
    for (const module of [quiet, watched]) await module.get(CacheService).delete('key');
    await redis.kill();
    await eventually(() => watched.get(AlertsService).active().length > 0);
    expect(quiet.get(AlertsService).active()).toEqual([]);
    await Promise.all([quiet.close(), watched.close()]);
    await redis.stop();
  });
});
