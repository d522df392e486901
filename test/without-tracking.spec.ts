import { Redis } from 'ioredis';
import { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { CacheDoctor } from '../libs/redis-cache/src/ops/doctor.js';
import { startRedis, type RedisServer } from '../scripts/servers.mjs';
import { gatedLoader, startEngine } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

/** What a hosted Redis still gives that does not offer CLIENT TRACKING as it is used here. */
describe('without CLIENT TRACKING', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
    const admin = new Redis(server.url);
    await admin.call('ACL', 'SETUSER', 'hosted', 'on', '>p', '~*', '&*', '+@all', '-client|tracking');
    admin.disconnect();
  });
  afterAll(() => server.stop());

  async function startTwo(): Promise<[CacheEngine, CacheEngine]> {
    const options = {
      connection: { url: server.url, username: 'hosted', password: 'p' },
      namespace: uniqueNamespace(),
      startTimeout: '5s',
    } as const;
    return [await startEngine(options), await startEngine(options)];
  }

  it('answers from Redis each time, whoever stored it', async () => {
    const [one, two] = (await startTwo()).map(({ defaultCache }) => defaultCache);
    await one!.getOrSet('k', () => Promise.resolve(1), { tags: ['t'] });
    for (const cache of [one!, two!, one!]) {
      const found = await cache.resolve('k', () => Promise.resolve(2), { tags: ['t'] });
      expect(found).toMatchObject({ value: 1, source: 'l2' });
    }
  });

  it('loads once in the fleet, and forgets what was invalidated', async () => {
    const [one, two] = (await startTwo()).map(({ defaultCache }) => defaultCache);
    const loader = gatedLoader('value');
    const answers = [one!, two!].flatMap((cache) =>
      Array.from({ length: 20 }, () => cache.getOrSet('hot', loader.load, { tags: ['t'] })),
    );
    await eventually(() => loader.runs() > 0);
    loader.open();
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['value']));
    expect(loader.runs()).toBe(1);
    expect(await two!.invalidateTags(['t'])).toBe('applied');
    expect(await one!.get('hot')).toBeUndefined();
  });

  it('does not store what has tags that only the value tells', async () => {
    const [{ defaultCache }] = await startTwo();
    const found = await defaultCache.resolve('k', () => Promise.resolve(1), { tags: () => ['t'] });
    expect(found).toMatchObject({ value: 1, isStored: false });
  });

  it('is what the doctor says', async () => {
    const [engine] = await startTwo();
    const { findings } = await new CacheDoctor(engine).examine();
    expect(findings.map(({ code }) => code)).toContain('link-not-trusted');
  });
});
