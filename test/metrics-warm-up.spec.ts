import { setTimeout as sleep } from 'node:timers/promises';
import { Test } from '@nestjs/testing';
import {
  CACHE_ENGINE,
  type CacheEngine,
  type CacheEvents,
  defineCache,
  defineWarmer,
  InvalidArgumentError,
  InvalidOptionsError,
  RedisCacheModule,
  type RedisCacheModuleOptions,
  type WarmerOptions,
  WarmUpService,
} from 'nestjs-rcache';
import { startRedis } from '../scripts/servers.mjs';
import { connected } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

const users = defineCache({ name: 'users', key: (id: number) => ['user', id], ttl: '1h' });
const IDS = Array.from({ length: 40 }, (_, id) => id);
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A process with a warmer, whose loads the test may hold up. */
async function start(options: WarmerOptions = {}, more: RedisCacheModuleOptions = {}, entries = () => IDS) {
  const warmer = defineWarmer(users, options);
  const module = await Test.createTestingModule({
    imports: [
      RedisCacheModule.forRoot({
        connection: { url: testRedisUrl() },
        namespace: uniqueNamespace(),
        startTimeout: '5s',
        ...more,
      }),
    ],
  }).compile();
  const warmUps = module.get(WarmUpService);
  const state = { loads: 0, running: 0, most: 0, isHeld: false };
  warmUps.use(warmer, {
    entries,
    load: async (id) => {
      state.loads += 1;
      state.most = Math.max(state.most, (state.running += 1));
      await eventually(() => !state.isHeld, 20_000);
      state.running -= 1;
      return `user ${id}`;
    },
  });
  const engine = module.get<CacheEngine>(CACHE_ENGINE);
  const events: CacheEvents['warm-up'][] = [];
  engine.events.on('warm-up', (event) => events.push(event));
  ends.unshift(() => module.close());
  return { module, warmUps, engine, state, events };
}

describe('a warm-up', () => {
  it('loads what is not there, a few at a time, and tells how it goes', async () => {
    const { module, warmUps, engine, state, events } = await start({ concurrency: 3 });
    await module.init();
    await engine.cache(users).for(7).set('known');
    state.isHeld = true;
    const run = warmUps.run('users');
    expect(warmUps.run('users')).toBe(run);
    await eventually(() => state.running === 3);
    expect(warmUps.runs()).toEqual([run]);
    state.isHeld = false;
    expect(await run.result).toEqual({
      warmer: 'users',
      outcome: 'done',
      loaded: 39,
      present: 1,
      failed: 0,
      total: 40,
    });
    expect([state.most, warmUps.runs()]).toEqual([3, []]);
    expect(await engine.cache(users).for(0).get()).toBe('user 0');
    expect(await engine.cache(users).for(7).get()).toBe('known');
    expect(events.map(({ state: each }) => each).filter((each) => each !== 'progress')).toEqual(['started', 'done']);
    expect(events.at(-1)).toMatchObject({ warmer: 'users', loaded: 39, present: 1, failed: 0 });
  });

  it('at start also stores entries whose tags only their values tell', async () => {
    const teams = defineCache({
      name: 'teams',
      key: (id: number) => ['team', id],
      ttl: '1h',
      tagsOf: (team: string) => [`${team}-tag`],
    });
    const module = await Test.createTestingModule({
      imports: [RedisCacheModule.forRoot({ connection: { url: testRedisUrl() }, namespace: uniqueNamespace() })],
    }).compile();
    ends.unshift(() => module.close());
    module.get(WarmUpService).use(defineWarmer(teams, { atStart: 'wait' }), {
      entries: () => IDS,
      load: (id) => `team ${id}`,
    });
    await module.init();
    const cache = module.get<CacheEngine>(CACHE_ENGINE).cache(teams);
    const found = await Promise.all(IDS.map((id) => cache.for(id).get()));
    expect(found.filter((team) => team !== undefined)).toHaveLength(IDS.length);
  });

  it('is not needed again so soon, in no process', async () => {
    const namespace = uniqueNamespace();
    const [a, b] = [await start({ every: '1h' }, { namespace }), await start({ every: '1h' }, { namespace })];
    expect((await a.warmUps.run('users').result).outcome).toBe('done');
    expect((await b.warmUps.run('users').result).outcome).toBe('elsewhere');
    expect((await a.warmUps.run('users').result).outcome).toBe('elsewhere');
    expect([a.state.loads, b.state.loads]).toEqual([40, 0]);
  });

  it('is done by one process of the fleet; another goes on where it was stopped', async () => {
    const namespace = uniqueNamespace();
    const [a, b] = [await start({ concurrency: 2 }, { namespace }), await start({}, { namespace })];
    a.state.isHeld = true;
    const first = a.warmUps.run('users');
    await eventually(() => a.state.running === 2);
    const second = b.warmUps.run('users');
    await sleep(100);
    expect(b.state.loads).toBe(0);
    first.cancel();
    a.state.isHeld = false;
    expect(await first.result).toMatchObject({ outcome: 'cancelled', loaded: 2 });
    expect(await second.result).toMatchObject({ outcome: 'done', loaded: 38, present: 2 });
    expect([a.state.loads, b.state.loads]).toEqual([2, 38]);
  });

  it('goes on when entries cannot be loaded, and fails when they cannot be found', async () => {
    const { warmUps, module, events } = await start();
    const bad = defineWarmer(users, { name: 'bad' });
    const lost = defineWarmer(users, { name: 'lost' });
    warmUps.use(bad, {
      entries: async function* () {
        await Promise.resolve();
        yield 100;
        yield 101;
      },
      load: (id) => (id === 100 ? Promise.reject(new Error('no')) : 'value'),
    });
    warmUps.use(lost, { entries: () => Promise.reject(new Error('no database')), load: () => 'value' });
    await module.init();
    expect(await warmUps.run(bad).result).toMatchObject({ outcome: 'done', loaded: 1, failed: 1 });
    expect(await warmUps.run(lost).result).toMatchObject({ outcome: 'failed', loaded: 0 });
    expect(events.at(-1)).toMatchObject({ warmer: 'lost', state: 'failed' });
  });

  it.each([
    [true, 'in the background'],
    ['wait', 'before it is ready'],
  ] as const)('at start with %s runs %s', async (atStart, _when) => {
    const { module, state, engine } = await start({ atStart });
    state.isHeld = true;
    let isReady = false;
    const ready = module.init().then(() => {
      isReady = true;
    });
    await eventually(() => state.running > 0);
    if (atStart === true) await ready;
    expect(isReady).toBe(atStart === true);
    state.isHeld = false;
    await ready;
    await eventually(async () => (await engine.cache(users).for(39).get()) === 'user 39');
  });

  it('does not trouble the source without Redis, and stops when that goes away', async () => {
    const redis = await startRedis();
    ends.push(() => redis.stop());
    const { module, warmUps, engine, state } = await start({ concurrency: 1 }, { connection: { url: redis.url } });
    await module.init();
    await connected(engine);
    state.isHeld = true;
    const run = warmUps.run('users');
    await eventually(() => state.running === 1);
    await redis.kill();
    await eventually(() => engine.connectionStates().every(({ isUp }) => !isUp));
    state.isHeld = false;
    expect(await run.result).toMatchObject({ outcome: 'unavailable', loaded: 1 });
    expect((await warmUps.run('users').result).outcome).toBe('unavailable');
    expect(state.loads).toBe(1);
  });

  it('ends with the application', async () => {
    const { module, warmUps, state } = await start({ concurrency: 1 });
    await module.init();
    state.isHeld = true;
    const { result } = warmUps.run('users');
    await eventually(() => state.running === 1);
    await module.close();
    state.isHeld = false;
    expect(['cancelled', 'unavailable']).toContain((await result).outcome);
    expect(state.loads).toBe(1);
  });

  it('takes the arguments of an entry as a list where there are several', async () => {
    const { warmUps, module, engine } = await start();
    const pages = defineCache({ name: 'pages', key: (team: string, page: number) => [team, page] });
    warmUps.use(defineWarmer(pages), {
      entries: (): [string, number][] => [
        ['a', 1],
        ['b', 2],
      ],
      load: (team, page) => `${team}${page}`,
    });
    await module.init();
    expect(await warmUps.run('pages').result).toMatchObject({ outcome: 'done', loaded: 2 });
    expect(await engine.cache(pages).for('b', 2).get()).toBe('b2');
  });

  it('needs a name of its own, and options that are right', async () => {
    const { warmUps } = await start();
    expect(() => warmUps.run('nobody')).toThrow(InvalidArgumentError);
    expect(() => warmUps.use(defineWarmer(users), { entries: () => [], load: () => 1 })).toThrow(/"users" already/);
    expect(() =>
      defineWarmer(users, { name: 'a b', concurrency: 0, atStart: 'soon' as never, evry: 1 } as never),
    ).toThrow(InvalidOptionsError);
    expect(() => defineWarmer({} as never)).toThrow(InvalidOptionsError);
    expect(() => defineWarmer(users, { every: 'soon' as never })).toThrow(InvalidArgumentError);
  });
});
