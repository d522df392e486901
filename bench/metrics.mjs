// What metrics cost: a hit in memory with nobody counting events, and with all metrics attached and scraped ten times a
// second; how long a scrape takes with 20 caches in use; and what a read of Redis and a fill cost when their commands are
// timed by us or through the tracing channel of ioredis. The best of interleaved rounds, since whatever else a machine
// does only makes it slower.
//
//   npm run build && node bench/metrics.mjs [rounds, default 9]
import { tracingChannel } from 'node:diagnostics_channel';
import { Registry } from 'prom-client';
import { startRedis } from '../scripts/servers.mjs';

const DIST = new URL('../libs/redis-cache/dist/', import.meta.url);
const { CacheEngine } = await import(new URL('cache/engine.js', DIST).href);
const { defineCache } = await import(new URL('cache/definition.js', DIST).href);
const { eventCountsOf } = await import(new URL('ops/event-counts.js', DIST).href);
const { bridgeTo } = await import(new URL('ops/prometheus-bridge.js', DIST).href);

const HITS = 300_000;
const PAYLOAD = 'x'.repeat(10_000);
const rounds = Number(process.argv[2] ?? 9);

/** @param {string} name @param {number} value @param {string} unit */
function report(name, value, unit) {
  console.log(`${name.padEnd(52)} ${value.toFixed(unit === '' ? 3 : 1).padStart(8)} ${unit}`);
}

/** @param {typeof CacheEngine.prototype} engine @returns {Registry} */
function withMetrics(engine) {
  const registry = new Registry();
  bridgeTo(registry).attach({ engine, counts: eventCountsOf(engine), server: undefined });
  return registry;
}

/** @param {import('nestjs-rcache').CacheService} cache */
async function hitNs(cache) {
  const load = () => 1;
  const startedAtMs = performance.now();
  for (let hit = 0; hit < HITS; hit++) await cache.getOrSet('key', load);
  return ((performance.now() - startedAtMs) / HITS) * 1e6;
}

/** @param {import('nestjs-rcache').CacheService} cache */
async function loadMicros(cache) {
  const keys = Array.from({ length: 300 }, (_, index) => `key${index}`);
  await cache.clear();
  const startedAtMs = performance.now();
  for (const key of keys) await cache.getOrSet(key, () => PAYLOAD, { l1: false });
  return ((performance.now() - startedAtMs) / keys.length) * 1000;
}

/** The best of interleaved rounds. @param {Record<string, () => Promise<number>>} kinds */
async function best(kinds) {
  /** @type {Record<string, number>} */
  const least = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(kinds))
      least[name] = Math.min(least[name] ?? Infinity, await measure());
  }
  return least;
}

const bare = new CacheEngine({ connection: false });
const counted = new CacheEngine({ connection: false });
const registry = withMetrics(counted);
for (const engine of [bare, counted]) await engine.defaultCache.getOrSet('key', () => 1);
const scraping = setInterval(() => void registry.metrics(), 100);
const hits = await best({ bare: () => hitNs(bare.defaultCache), counted: () => hitNs(counted.defaultCache) });
clearInterval(scraping);
report('hit in memory, no metrics', hits.bare ?? NaN, 'ns');
report('hit in memory, with metrics, scraped at 10 Hz', hits.counted ?? NaN, 'ns');
report('ratio', (hits.counted ?? NaN) / (hits.bare ?? NaN), '');

for (let index = 0; index < 19; index++) {
  const cache = counted.cache(defineCache({ name: `cache${index}`, key: (/** @type {string} */ key) => key }));
  await cache.getOrSet('key', () => 1);
  await cache.getOrSet('bad', () => Promise.reject(new Error('bad'))).catch(() => undefined);
  await cache.set('other', 1);
  await cache.delete('other');
  await cache.invalidateTags(['tag']);
}
const scrape = await best({
  ms: async () => {
    const startedAtMs = performance.now();
    await registry.metrics();
    return performance.now() - startedAtMs;
  },
});
const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('rcache_')).length;
report(`scrape of 20 caches (${lines} series)`, scrape.ms ?? NaN, 'ms');

const redis = await startRedis();
const quiet = new CacheEngine({ connection: { url: redis.url }, namespace: 'quiet' });
const timed = new CacheEngine({ connection: { url: redis.url }, namespace: 'timed' });
withMetrics(timed);
await Promise.all([quiet.start(), timed.start()]);
const listener = { asyncEnd: () => undefined };
const loads = await best({
  quiet: () => loadMicros(quiet.defaultCache),
  timed: () => loadMicros(timed.defaultCache),
  traced: async () => {
    tracingChannel('ioredis:command').subscribe(/** @type {never} */ (listener));
    const micros = await loadMicros(quiet.defaultCache);
    tracingChannel('ioredis:command').unsubscribe(/** @type {never} */ (listener));
    return micros;
  },
});
report('load of 10 kB through Redis, no metrics', loads.quiet ?? NaN, 'µs');
report('the same with metrics', loads.timed ?? NaN, 'µs');
report('the same with a subscriber of ioredis:command', loads.traced ?? NaN, 'µs');
await Promise.all([quiet.close(), timed.close(), bare.close(), counted.close()]);
await redis.stop();
