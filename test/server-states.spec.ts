import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as promClient from 'prom-client';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { MetricsService } from '../libs/redis-cache/src/ops/metrics.service.js';
import { RedisCacheHealthIndicator } from '../libs/redis-cache/src/ops/redis-cache.health.js';
import { startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { ROOT } from './support/pages.js';
import { type Stage, STAGED, stageOf } from './support/server-states.js';

/** A row of the page: what calls answer in a state, and what is reported. */
interface Outcome {
  get: string;
  getOrSet: string;
  set: string;
  delete: string;
  strict: string;
  error: string;
  breaker: string;
  health: string;
}

const PAGE = readFileSync(join(ROOT, 'docs/server-states.md'), 'utf8');
/** Long enough for the health to forget. */
const LATER_MS = 10_000;
const HEARTBEATS = 2;

/** The outcomes the page promises, by state. */
function documented(): Map<string, Outcome> {
  const [, table = ''] = /## Outcomes\n[^]*?((?:\|.*\n)+)/.exec(PAGE) ?? [];
  const rows = table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, cell]) => cell as string));
  return new Map(
    rows.map(([state, get, getOrSet, set, del, strict, error, breaker, health]) => [
      state as string,
      { get, getOrSet, set, delete: del, strict, error, breaker, health } as Outcome,
    ]),
  );
}

const OUTCOMES = documented();
const stages: Stage[] = [];

afterEach(async () => {
  for (const stage of stages.splice(0)) await stage.stop();
});

/** An engine in front of a server that is about to get into a state, and what it tells. */
async function start(state: string): Promise<Scene> {
  const stage = await stageOf(state);
  stages.push(stage);
  const engine = await startEngine({ connection: { ...stage.connection, commandTimeout: 1000 } });
  await trusted(engine);
  const registry = new promClient.Registry();
  await new MetricsService(engine, { prometheus: registry }).onModuleInit();
  const scene = { stage, engine, health: new RedisCacheHealthIndicator(engine), registry, errors: [], breaker: [] };
  engine.events.on('redis-error', ({ error }) => (scene.errors as string[]).push(error));
  engine.events.on('breaker', (event) => (scene.breaker as string[]).push(event.state));
  return scene;
}

interface Scene {
  readonly stage: Stage;
  readonly engine: CacheEngine;
  readonly health: RedisCacheHealthIndicator;
  readonly registry: promClient.Registry;
  readonly errors: readonly string[];
  readonly breaker: readonly string[];
}

/** What calls answer now; the keys `kept`, `deleted` and `revoked` hold `old`. */
async function calls({ engine: { defaultCache: cache } }: Scene) {
  const loaded = await cache.resolve(`new ${performance.now()}`, () => 'loaded');
  const set = await cache.set('set', 'new');
  const deleted = await cache.delete('deleted');
  const strict = await cache.delete('revoked', { strict: true }).catch((error: unknown) => (error as Error).name);
  // In whatever state: what was invalidated is not answered, neither now nor later.
  for (const key of ['deleted', 'revoked']) expect(await cache.get(key)).toBeUndefined();
  expect(['new', undefined]).toContain(await cache.get('set'));
  expect(loaded.value).toBe('loaded');
  return {
    get: (await cache.get('kept', { l1: false })) === 'old' ? 'stored' : 'nothing',
    getOrSet: loaded.isStored ? 'loaded and stored' : 'loaded',
    set,
    delete: deleted,
    strict,
  };
}

/** Waits until the state has shown itself: by the breaker and the reply, or for a few heartbeats that change nothing. */
async function settled(scene: Scene, { breaker, error }: Outcome): Promise<void> {
  if (breaker === 'closed') return heartbeats(scene);
  await eventually(async () => {
    await scene.engine.defaultCache.get('kept', { l1: false });
    return scene.engine.connectionStates()[0]?.isUp === false && replies(scene.errors) === error;
  });
}

async function heartbeats({ stage: { admin } }: Scene): Promise<void> {
  const asked = async (): Promise<number> =>
    Number(/cmdstat_role:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1]);
  const before = await asked();
  await eventually(async () => (await asked()) >= before + HEARTBEATS);
}

/** The replies among the labels of errors. Where there are none, connections were lost or nothing went wrong. */
function replies(labels: readonly string[]): string {
  const words = new Set(labels.filter((label) => !['CONNECTION', 'TIMEOUT'].includes(label)));
  return [...words].sort().join(', ') || 'none';
}

async function countedErrors(registry: promClient.Registry): Promise<string> {
  const metric = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'rcache_errors_total');
  return replies(metric?.values.map(({ labels }) => String(labels.error_type)) ?? []);
}

/** Without the probes in between. */
function changes(states: readonly string[]): string[] {
  return states.filter((state) => state !== 'half-open').filter((state, index, all) => state !== all[index - 1]);
}

describe('each state of a server has the outcome the page gives', () => {
  it('and the page has them all', () => {
    expect([...OUTCOMES.keys()].sort()).toEqual([...STAGED].sort());
  });

  it.each([...OUTCOMES])('%s', async (state, outcome) => {
    const scene = await start(state);
    const { engine, stage, health } = scene;
    const { defaultCache: cache } = engine;
    for (const key of ['kept', 'deleted', 'revoked', 'set']) await cache.set(key, 'old');

    await stage.begin();
    // Before the breaker opens nothing is said to be done either.
    const { delete: deleted } = await calls(scene);
    if (outcome.delete === 'queued') expect(deleted).toBe('queued');
    await settled(scene, outcome);
    const seen = await calls(scene);
    const { redis } = await health.check('redis');
    expect({
      ...seen,
      error: replies(scene.errors),
      breaker: changes(scene.breaker).at(-1) ?? 'closed',
      health: redis.status,
    }).toEqual(outcome);
    expect(await countedErrors(scene.registry)).toBe(outcome.error);
    // Where reads go on, memory does too.
    expect(engine.connectionStates()[0]?.link).toBe(outcome.breaker === 'closed' ? 'trusted' : 'off');
    if (outcome.error !== 'none') expect(redis.message).toContain(outcome.error);
    else if (outcome.breaker === 'open') expect(redis.message).toMatch(/is down \(.+\)/);

    await stage.end();
    await eventually(() => {
      const [connection] = engine.connectionStates();
      return connection?.isUp === true && connection.journaled === 0;
    });
    expect(await cache.set('set', 'again')).toBe('applied');
    expect(await cache.get('set')).toBe('again');
    for (const key of ['deleted', 'revoked']) expect(await cache.get(key)).toBeUndefined();
    expect(changes(scene.breaker)).toEqual(outcome.breaker === 'open' ? ['open', 'closed'] : []);
    expect((await later(() => health.check('redis'))).redis.status).toBe('up');
  });
});

it('scripts survive being flushed every 50 ms, and no call fails', async () => {
  const { stage, engine, errors } = await start('NOSCRIPT');
  const { defaultCache: cache } = engine;
  const isOver = after(2000);
  const flushing = (async () => {
    while (!isOver()) {
      await stage.admin.script('FLUSH');
      await sleep(50);
    }
  })();
  let count = 0;
  const working = Array.from({ length: 20 }, async (_, worker) => {
    for (let turn = 0; !isOver(); turn++) {
      const key = `${worker}:${turn}`;
      expect((await cache.resolve(key, () => turn, { tags: [key] })).isStored).toBe(true);
      expect(await cache.set(key, turn)).toBe('applied');
      expect(await cache.invalidateTags([key], { strict: true })).toBe('applied');
      expect(await cache.delete(key, { strict: true })).toBe('applied');
      count += 4;
    }
  });
  await Promise.all([...working, flushing]);
  expect(count).toBeGreaterThan(100);
  expect(errors).toEqual([]);
});

/** What is answered when the health has forgotten what was refused. */
async function later<T>(work: () => Promise<T>): Promise<T> {
  const now = performance.now.bind(performance);
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + LATER_MS);
  try {
    return await work();
  } finally {
    clock.mockRestore();
  }
}

function after(ms: number): () => boolean {
  const endsAtMs = performance.now() + ms;
  return () => performance.now() >= endsAtMs;
}
