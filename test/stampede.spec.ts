import { Redis } from 'ioredis';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { LoaderTimeoutError } from '../libs/redis-cache/src/errors.js';
import { startRedis, type RedisServer } from '../scripts/servers.mjs';
import { gatedLoader, startEngine, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

/** Promise 3: one load per key in the fleet, for as long as the loader takes. */
describe('one load per key in the fleet', () => {
  let server: RedisServer;
  let admin: Redis;

  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  /** Reads and scripts: what a cache asks for. The commands inside a script are part of it. */
  /** Those of scripts that ask for the entry, too: the calls of one turn are one script. */
  async function commands(): Promise<number> {
    return count(/^cmdstat_(?:mget|evalsha|eval|getrange):calls=(\d+)/gm);
  }

  async function scripts(): Promise<number> {
    return count(/^cmdstat_evalsha:calls=(\d+)/gm);
  }

  async function count(calls: RegExp): Promise<number> {
    const stats = await admin.info('commandstats');
    return [...stats.matchAll(calls)].reduce((sum, match) => sum + Number(match[1]), 0);
  }

  it('serves 400 callers in four processes with one run of the loader', async () => {
    const fleet = await startFleet(4);
    const loader = gatedLoader({ rules: [1, 2, 3] });
    const answers = fleet.flatMap((engine) =>
      Array.from({ length: 100 }, () => engine.defaultCache.getOrSet('hot', loader.load)),
    );
    await eventually(() => loader.runs() > 0);
    loader.open();
    for (const answer of await Promise.all(answers)) expect(answer).toEqual({ rules: [1, 2, 3] });
    expect(loader.runs()).toBe(1);
  });

  it('asks Redis a bounded number of times, however many callers wait', async () => {
    const fleet = await startFleet(4, { connection: { url: server.url } });
    // Scripts sent and ids known, as in a fleet that has been running for a second.
    for (const { defaultCache } of fleet) {
      await eventually(async () => (await defaultCache.resolve('warm', () => 1)).source === 'l1');
    }
    const loader = gatedLoader('value');
    const before = await commands();
    const answers = fleet.flatMap((engine) =>
      Array.from({ length: 100 }, () => engine.defaultCache.getOrSet('hot', loader.load)),
    );
    await eventually(() => loader.runs() > 0);
    loader.open();
    await Promise.all(answers);
    // Per process: one read, the ids, one lease (two commands), one read after the wake-up; and the fill (two).
    expect((await commands()) - before).toBeLessThanOrEqual(26);
  });

  it('runs a loader once that takes longer than its lease', async () => {
    const [one, two] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const loader = gatedLoader('slow');
    const answers = [one, two].map((engine) => engine.defaultCache.getOrSet('k', loader.load));
    await eventually(() => loader.runs() > 0);
    // A lease is 2 s: without renewal the other process would have taken it over by now.
    await new Promise((resolve) => setTimeout(resolve, 3500));
    loader.open();
    expect(await Promise.all(answers)).toEqual(['slow', 'slow']);
    expect(loader.runs()).toBe(1);
  }, 10_000);

  it('replaces a holder that died', async () => {
    const namespace = uniqueNamespace();
    const [survivor] = (await startFleet(1, { namespace })) as [CacheEngine];
    const dying = await startEngine({ namespace });
    const lost = gatedLoader('lost');
    void dying.defaultCache.getOrSet('k', lost.load).catch(() => undefined);
    await eventually(() => lost.runs() === 1);
    await dying.close();
    expect(await survivor.defaultCache.getOrSet('k', () => 'found')).toBe('found');
  });

  it('wakes the waiters of a load that failed, and one of them loads', async () => {
    const [one, two] = (await startFleet(2, { connection: { url: server.url } })) as [CacheEngine, CacheEngine];
    let fail = (): void => undefined;
    let runs = 0;
    const failing = one.defaultCache.getOrSet('k', () => {
      runs += 1;
      return new Promise<string>((_resolve, reject) => {
        fail = () => {
          reject(new Error('source is down'));
        };
      });
    });
    await eventually(() => runs === 1);
    // It knows the ids by now, so the next script is its request for the lease.
    await eventually(async () => (await two.defaultCache.resolve('warm', () => 1)).source === 'l1');
    const before = await scripts();
    const waiting = two.defaultCache.getOrSet('k', () => 'second');
    // It has asked for the lease, so it knows that another holds it.
    await eventually(async () => (await scripts()) > before);
    const waited = performance.now();
    fail();
    await expect(failing).rejects.toThrow('source is down');
    expect(await waiting).toBe('second');
    // Far below the lease: the wake marker, not its end, told the waiter.
    expect(performance.now() - waited).toBeLessThan(1500);
  });

  it('does not queue callers up behind a load whose result is not to be stored', async () => {
    const [one, two] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const skipped = gatedLoader('skipped');
    const first = one.defaultCache.getOrSet('k', async (context) => {
      context.skip();
      return skipped.load();
    });
    await eventually(() => skipped.runs() === 1);
    const second = two.defaultCache.getOrSet('k', () => 'own');
    skipped.open();
    expect(await first).toBe('skipped');
    expect(await second).toBe('own');
    expect(await one.defaultCache.lookup('k')).toEqual({ isHit: false, reason: 'absent' });
  });

  it('gives a caller its error after its hardTimeout and stores what the loader brings later', async () => {
    const [engine] = (await startFleet(1)) as [CacheEngine];
    const loader = gatedLoader('late');
    await expect(engine.defaultCache.getOrSet('k', loader.load, { hardTimeout: 50 })).rejects.toThrow(
      LoaderTimeoutError,
    );
    loader.open();
    await eventually(async () => (await engine.defaultCache.get('k')) === 'late');
  });

  it('aborts the signal when nobody waits any more', async () => {
    const [engine] = (await startFleet(1)) as [CacheEngine];
    let signal: AbortSignal | undefined;
    const waiting = engine.defaultCache.getOrSet(
      'k',
      (context) => {
        signal = context.signal;
        return new Promise<string>(() => undefined);
      },
      { hardTimeout: 50 },
    );
    await expect(waiting).rejects.toThrow(LoaderTimeoutError);
    expect(signal?.aborted).toBe(true);
  });
});

describe('a process that ends or gives up', () => {
  it('releases its leases when it closes, so that others need not wait for them', async () => {
    const [one, two] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const lost = gatedLoader('lost');
    void one.defaultCache.getOrSet('k', lost.load).catch(() => undefined);
    await eventually(() => lost.runs() === 1);
    await one.close();
    const startedAtMs = performance.now();
    expect(await two.defaultCache.getOrSet('k', () => 'found')).toBe('found');
    // A lease is 2 s.
    expect(performance.now() - startedAtMs).toBeLessThan(1500);
  });

  it('does not block a key with a loader that hangs when all its callers have given up', async () => {
    const [one, two] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const never = (): Promise<string> => new Promise(() => undefined);
    await expect(one.defaultCache.getOrSet('k', never, { hardTimeout: 20 })).rejects.toThrow();
    expect(await two.defaultCache.getOrSet('k', () => 'found', { hardTimeout: '4s' })).toBe('found');
  });
});
