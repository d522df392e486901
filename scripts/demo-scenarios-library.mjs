// @ts-check
// The scenarios that need a server of their own to break, or one entry to look at: two small applications on the library,
// in one namespace, which share nothing but Redis.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { CACHE_ENGINE, CacheService, defineCache, RedisCacheModule } from 'nestjs-rcache';
import pg from 'pg';
import { spread, timeOf } from './demo-scenarios-measure.mjs';
import { startPostgres, startRedis } from './servers.mjs';

/** @typedef {import('./demo-scenarios-measure.mjs').Scenario} Scenario */
/** @typedef {import('nestjs-rcache').CacheEngine} CacheEngine */

/** A caller waits for Redis and then for the loader, and never longer than this. */
const MAX_WAIT_MS = 2_000;
const LOAD_MS = 20;
const TRUST_POLL_MS = 10;

/**
 * @param {{ rounds: number, maxLagMs: number, users: number, outageSeconds: number }} size
 * @returns {Scenario[]}
 */
export function libraryScenarios({ rounds, maxLagMs, users, outageSeconds }) {
  const callers = rounds * 10;
  return [
    {
      title: 'change in the other memory',
      run: () =>
        withTwo(async ([one, two]) => {
          const lagsMs = [];
          for (let round = 0; round < rounds; round += 1) {
            const key = `key-${round}`;
            await one.cache.set(key, 'before');
            while (two.cache.peek(key) === undefined) await two.cache.get(key);
            const startedMs = performance.now();
            await one.cache.delete(key);
            while (two.cache.peek(key) !== undefined) await nextTurn();
            lagsMs.push(performance.now() - startedMs);
          }
          const { p99Ms, slowestMs } = spread(lagsMs);
          return {
            figure: `the other instance forgets what was deleted within ${p99Ms.toFixed(1)} ms (p99 of ${rounds})`,
            isKept: p99Ms <= maxLagMs,
            values: { p99Ms, slowestMs },
          };
        }),
    },
    {
      title: 'stampede on an expired hot key',
      run: () =>
        withTwo(async ([one, two]) => {
          let loads = 0;
          const load = async () => {
            loads += 1;
            await sleep(LOAD_MS);
            return { rules: [1, 2, 3] };
          };
          const options = /** @type {const} */ ({ ttl: '200ms' });
          await one.cache.getOrSet('hot', load, options);
          while (await one.cache.has('hot')) await sleep(TRUST_POLL_MS);
          loads = 0;
          const ask = (/** @type {Instance} */ { cache }) =>
            Array.from({ length: callers / 2 }, () => cache.getOrSet('hot', load, options));
          const ms = await timeOf(() => Promise.all([one, two].flatMap(ask)));
          return {
            figure: `${loads} load for ${callers} callers of two instances, all answered in ${ms.toFixed(0)} ms`,
            isKept: loads === 1,
            values: { loads, callers, ms },
          };
        }),
    },
    {
      title: 'Redis hanging',
      run: () =>
        withTwo(async ([{ cache }], redis) => {
          const load = async () => 'from the source';
          await cache.getOrSet('key', load);
          await redis.pause();
          const endsAtMs = performance.now() + outageSeconds * 1_000;
          const times = [];
          let errors = 0;
          while (performance.now() < endsAtMs) {
            const answer = () => cache.getOrSet(`key-${times.length}`, load).catch(() => (errors += 1));
            times.push(await timeOf(answer));
            await sleep(1);
          }
          await redis.resume();
          const { p99Ms, slowestMs } = spread(times);
          return {
            figure: `${errors} errors in ${times.length} calls of ${outageSeconds} s, p99 ${p99Ms.toFixed(1)} ms, slowest ${slowestMs.toFixed(0)} ms`,
            isKept: errors === 0 && slowestMs < MAX_WAIT_MS,
            values: { errors, calls: times.length, p99Ms, slowestMs },
          };
        }),
    },
    {
      title: 'PostgreSQL down',
      run: () =>
        withTwo(async ([{ cache }]) => {
          const postgres = await startPostgres();
          const pool = new pg.Pool({ connectionString: postgres.url, connectionTimeoutMillis: 1_000 });
          pool.on('error', () => undefined);
          try {
            const load = async () => (await pool.query('select 42 as answer')).rows;
            const options = /** @type {const} */ ({ ttl: '200ms', grace: '1h', refresh: 'required' });
            const answer = () => cache.getOrSet('answer', load, options);
            const before = JSON.stringify(await answer());
            await postgres.stop();
            while (await cache.has('answer')) await sleep(TRUST_POLL_MS);
            const answers = await Promise.allSettled(Array.from({ length: 200 }, answer));
            const right = answers.filter((one) => one.status === 'fulfilled' && JSON.stringify(one.value) === before);
            return {
              figure: `${right.length} of ${answers.length} callers got the value of before`,
              isKept: right.length === answers.length,
              values: { right: right.length, callers: answers.length },
            };
          } finally {
            await pool.end();
            await postgres.stop();
          }
        }),
    },
    {
      title: 'rolling deploy with a new shape',
      run: () =>
        withTwo(async ([before, after]) => {
          const name = 'profiles';
          const key = (/** @type {number} */ id) => [id];
          const oldShape = before.engine.cache(defineCache({ name, key, version: 1 }));
          const newShape = after.engine.cache(defineCache({ name, key, version: 2 }));
          /** @typedef {{ name?: string, first?: string }} Profile */
          let mixed = 0;
          let answers = 0;
          for (let round = 0; round < 5; round += 1) {
            for (let id = 0; id < 50; id += 1) {
              const old = await oldShape.for(id).getOrSet(async () => ({ name: 'Ada Lovelace' }));
              const renewed = await newShape.for(id).getOrSet(async () => ({ first: 'Ada', last: 'Lovelace' }));
              answers += 2;
              if (/** @type {Profile} */ (old).name === undefined) mixed += 1;
              if (/** @type {Profile} */ (renewed).first === undefined) mixed += 1;
            }
          }
          return {
            figure: `${mixed} of ${answers} answers in the shape of the other release`,
            isKept: mixed === 0,
            values: { mixed, answers },
          };
        }),
    },
    {
      title: `one tag, ${users.toLocaleString('en')} users`,
      run: () =>
        withTwo(async ([one, two]) => {
          const keys = Array.from({ length: users }, (_, id) => /** @type {const} */ (['user', id]));
          const tags = ['role:auditor'];
          await one.cache.getOrSetMany(keys, async (missing) => new Map(missing.map((key) => [key, { id: key[1] }])), {
            tags,
          });
          const stored = await countStored(two.cache, keys);
          const ms = await timeOf(() => one.cache.invalidateTags(tags));
          // A message is on its way to the memory of the other instance.
          const isGone = async () => (await countStored(two.cache, keys)) === 0;
          const goneMs = await timeOf(async () => {
            while (!(await isGone())) await sleep(1);
          });
          const left = (await countStored(one.cache, keys)) + (await countStored(two.cache, keys));
          return {
            figure: `${stored} entries gone ${ms.toFixed(1)} ms after the call, ${left} left on two instances`,
            isKept: stored === users && left === 0 && goneMs < MAX_WAIT_MS * 5,
            values: { stored, left, ms },
          };
        }),
    },
  ];
}

/** @param {CacheService} cache @param {readonly (readonly [string, number])[]} keys */
async function countStored(cache, keys) {
  return (await cache.getMany(keys)).filter((value) => value !== undefined).length;
}

/**
 * @typedef {object} Instance
 * @property {CacheService} cache
 * @property {CacheEngine} engine
 */

/**
 * Two instances whose memory may answer, on a Redis of their own.
 * @template T
 * @param {(instances: [Instance, Instance], redis: import('./servers.mjs').RedisServer) => Promise<T>} work
 */
async function withTwo(work) {
  const redis = await startRedis();
  const root = () => RedisCacheModule.forRoot({ connection: { url: redis.url }, startTimeout: '5s' });
  const start = async () => {
    const app = await NestFactory.createApplicationContext(root(), { logger: false });
    const engine = app.get(CACHE_ENGINE);
    while (!engine.connectionStates().every((/** @type {{ link: string }} */ { link }) => link === 'trusted')) {
      await sleep(TRUST_POLL_MS);
    }
    return { app, engine, cache: app.get(CacheService) };
  };
  const [one, two] = [await start(), await start()];
  try {
    return await work([one, two], redis);
  } finally {
    await Promise.all([one.app.close(), two.app.close()]);
    await redis.stop();
  }
}
