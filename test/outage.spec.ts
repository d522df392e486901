import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { CacheEngine, CacheEngineOptions } from '../libs/redis-cache/src/cache/engine.js';
import { NotInvalidatedError, RedisUnavailableError } from '../libs/redis-cache/src/errors.js';
import { freePort, startRedis, type RedisServer } from '../scripts/servers.mjs';
import { connected, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { expectNoUnhandledRejection } from './support/real-process.js';
import { uniqueNamespace } from './support/servers.js';
import { type FaultProxy, startFaultProxy } from './lab/fault-proxy.mjs';

const COMMAND_TIMEOUT_MS = 100;
/** Slack for a busy machine: what is asserted is that a call ends by its budget and not by that of ioredis, over a minute. */
const SLACK_MS = 2000;

let server: RedisServer;
let namespace: string;
let proxies: FaultProxy[];
let admins: Redis[];
const folders: string[] = [];

beforeEach(async () => {
  server = await startRedis();
  namespace = uniqueNamespace();
  [proxies, admins] = [[], []];
});
afterEach(async () => {
  for (const admin of admins) admin.disconnect();
  for (const proxy of proxies) await proxy.stop();
  await server.resume().catch(() => undefined);
  await server.stop();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

expectNoUnhandledRejection();

function start(options: CacheEngineOptions = {}): Promise<CacheEngine> {
  const connection = { url: server.url, commandTimeout: COMMAND_TIMEOUT_MS, controlTimeout: 200 };
  return startEngine({ namespace, connection, startTimeout: 2000, ...options });
}

async function startProxy(): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ targetPort: server.port });
  proxies.push(proxy);
  return proxy;
}

/** Somebody who may do anything to the server. */
function connectAdmin(): Redis {
  const admin = new Redis(server.url);
  admins.push(admin.on('error', () => undefined));
  return admin;
}

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}

/** Promise 4: every call returns within its budget, whatever Redis does. */
describe('Redis may die or hang and the application keeps answering', () => {
  const FAULTS: Record<string, () => Promise<void>> = {
    frozen: () => server.pause(),
    killed: () => server.kill(),
  };
  for (const [fault, apply] of Object.entries(FAULTS)) {
    it(`answers from the loader, in time, while Redis is ${fault}`, async () => {
      const { defaultCache: cache, ...engine } = withParts(await start());
      await connected(engine.engine);
      await cache.getOrSet('k', () => 'before');
      await apply();
      for (let call = 0; call < 30; call++) {
        const ms = await elapsedMs(async () => {
          expect(await cache.getOrSet(`k${call}`, () => call)).toBe(call);
        });
        expect(ms).toBeLessThan(2 * COMMAND_TIMEOUT_MS + SLACK_MS);
      }
      expect(await elapsedMs(() => cache.get('k'))).toBeLessThan(COMMAND_TIMEOUT_MS + SLACK_MS);
      expect(await elapsedMs(() => cache.set('k', 1))).toBeLessThan(SLACK_MS);
      expect(await elapsedMs(() => cache.delete('k'))).toBeLessThan(SLACK_MS);
      expect(await elapsedMs(() => cache.invalidateTags(['t']))).toBeLessThan(SLACK_MS);
      expect(engine.engine.connectionStates()[0]).toMatchObject({
        isUp: false,
        breaker: expect.stringMatching(/open/),
      });
    });
  }

  it('opens the breaker so that later calls do not wait', async () => {
    const engine = await start();
    await connected(engine);
    await server.pause();
    let waited = 0;
    for (; engine.connectionStates()[0]?.isUp; waited++) await engine.defaultCache.get('k');
    // Well before the silent socket is given up, which takes ten times as long as one call may wait.
    expect(waited).toBeLessThanOrEqual(6);
    const calls = 200;
    const ms = await elapsedMs(async () => {
      for (let call = 0; call < calls; call++) await engine.defaultCache.getOrSet(`k${call}`, () => call);
    });
    expect(ms).toBeLessThan(20 * COMMAND_TIMEOUT_MS);
  });

  it('starts without Redis and uses it as soon as it is there', async () => {
    const port = await freePort();
    const engine = await start({ connection: { port }, startTimeout: 100 });
    expect(await engine.defaultCache.getOrSet('k', () => 'loaded')).toBe('loaded');
    const late = await startRedis({ port });
    await connected(engine);
    await eventually(async () => (await engine.defaultCache.resolve('k2', () => 'v')).isStored);
    await late.stop();
  });

  it('refuses to start without Redis when strictStart is set', async () => {
    const port = await freePort();
    await expect(start({ connection: { port }, startTimeout: 100, strictStart: true })).rejects.toThrow(
      RedisUnavailableError,
    );
  });

  it('uses Redis again after a restart', async () => {
    const engine = await start();
    await trusted(engine);
    const { port } = server;
    await server.kill();
    await eventually(() => !engine.connectionStates()[0]?.isUp);
    server = await startRedis({ port });
    await trusted(engine);
    expect((await engine.defaultCache.resolve('k', () => 'v')).isStored).toBe(true);
  });

  it('recovers from a connection that went silent while new ones work', async () => {
    const proxy = await startProxy();
    const engine = await start({ connection: { url: proxy.url, commandTimeout: COMMAND_TIMEOUT_MS } });
    await trusted(engine);
    proxy.apply({ type: 'black-hole' });
    await eventually(async () => {
      await engine.defaultCache.get('k');
      return !engine.connectionStates()[0]?.isUp;
    });
    proxy.heal();
    await trusted(engine);
  });

  it('does not let callers stampede the source during an outage', async () => {
    const engine = await start();
    await server.kill();
    await eventually(() => !engine.connectionStates()[0]?.isUp);
    let loads = 0;
    const load = async (): Promise<number> => {
      await new Promise(setImmediate);
      return ++loads;
    };
    await Promise.all(Array.from({ length: 100 }, () => engine.defaultCache.getOrSet('hot', load)));
    for (let call = 0; call < 100; call++) await engine.defaultCache.getOrSet('hot', load);
    // One flight, then memory for as long as an answer may be old anyway.
    expect(loads).toBeLessThanOrEqual(2);
  });
});

/** Promise 5: invalidations made during an outage count. */
describe('an outage never brings old data back', () => {
  for (const [name, invalidate] of Object.entries({
    'a deleted key': (engine: CacheEngine) => engine.defaultCache.delete('k'),
    'an invalidated tag': (engine: CacheEngine) => engine.defaultCache.invalidateTags(['t']),
    'a cleared cache': (engine: CacheEngine) => engine.defaultCache.clear(),
    'a cleared namespace': (engine: CacheEngine) => engine.defaultCache.clearNamespace(),
    'a value that could not be set': (engine: CacheEngine) => engine.defaultCache.set('k', 'unheard'),
    'an invalidated pattern': async (engine: CacheEngine) => (await engine.defaultCache.invalidatePattern('k*')).status,
  })) {
    it(`${name} is queued, then gone before Redis is believed again`, async () => {
      const proxy = await startProxy();
      const engine = await start({
        connection: { url: proxy.url, commandTimeout: COMMAND_TIMEOUT_MS, controlTimeout: 200 },
      });
      const other = await start();
      await trusted(engine);
      await other.defaultCache.getOrSet('k', () => 'old', { tags: ['t'] });
      expect(await engine.defaultCache.get('k')).toBe('old');

      proxy.apply({ type: 'black-hole' });
      expect(await invalidate(engine)).toBe('queued');
      const seen = new Set<unknown>();
      const reading = (async () => {
        while (engine.connectionStates()[0]?.link !== 'trusted' || engine.connectionStates()[0]!.journaled > 0) {
          seen.add(await engine.defaultCache.getOrSet('k', () => 'new', { tags: ['t'] }));
          await new Promise(setImmediate);
        }
      })();
      await eventually(() => !engine.connectionStates()[0]?.isUp);
      proxy.heal();
      await connected(engine);
      await reading;
      expect([...seen]).toEqual(['new']);
      await eventually(async () => (await other.defaultCache.getOrSet('k', () => 'new', { tags: ['t'] })) === 'new');
    });
  }

  it('a strict invalidation that Redis did not carry out throws, and is carried out later', async () => {
    const engine = await start();
    await engine.defaultCache.getOrSet('k', () => 'old');
    await server.pause();
    await expect(engine.defaultCache.delete('k', { strict: true })).rejects.toThrow(NotInvalidatedError);
    await server.resume();
    await eventually(
      () => engine.connectionStates()[0]?.isUp === true && engine.connectionStates()[0]!.journaled === 0,
    );
    expect(await engine.defaultCache.get('k')).toBeUndefined();
  });

  it('a value that was not confirmed in time never appears later', async () => {
    const engine = await start();
    const other = await start();
    await engine.defaultCache.getOrSet('k', () => 'old');
    await server.pause();
    expect(await engine.defaultCache.set('k', 'late')).toBe('queued');
    await server.resume();
    await connected(other);
    await eventually(
      () => engine.connectionStates()[0]?.isUp === true && engine.connectionStates()[0]!.journaled === 0,
    );
    expect(await other.defaultCache.get('k')).toBeUndefined();
  });

  it('says queued, and does not use the entry, where Redis answers reads but refuses writes', async () => {
    const engine = await start();
    await trusted(engine);
    const other = await start();
    await engine.defaultCache.getOrSet('k', () => 'old');
    const admin = connectAdmin();
    await admin.config('SET', 'min-replicas-to-write', '1');
    expect(await engine.defaultCache.delete('k')).toBe('queued');
    expect(await engine.defaultCache.getOrSet('k', () => 'new')).toBe('new');
    expect(await engine.defaultCache.get('k')).not.toBe('old');
    await admin.config('SET', 'min-replicas-to-write', '0');
    await eventually(() => engine.connectionStates()[0]?.journaled === 0);
    expect(await other.defaultCache.get('k')).toBeUndefined();
  });

  it('invalidates although Redis is out of memory', async () => {
    const engine = await start();
    await engine.defaultCache.getOrSet('k', () => 'old', { tags: ['t'] });
    await engine.defaultCache.getOrSet('k2', () => 'old');
    const admin = connectAdmin();
    await admin.config('SET', 'maxmemory', '1');
    expect((await engine.defaultCache.resolve('k3', () => 'loaded')).isStored).toBe(false);
    expect(await engine.defaultCache.invalidateTags(['t'])).toBe('applied');
    expect(await engine.defaultCache.delete('k2')).toBe('applied');
    expect(await engine.defaultCache.delete('not there')).toBe('applied');
    expect(await engine.defaultCache.invalidateTags(['not there'])).toBe('applied');
    expect(await engine.defaultCache.getOrSet('k', () => 'new', { tags: ['t'] })).toBe('new');
    expect(await engine.defaultCache.getOrSet('k2', () => 'new')).toBe('new');
  });

  it('repeats the invalidations of the last minute when Redis came back as another server', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rcache-snapshot-'));
    folders.push(folder);
    const { port } = server;
    await server.stop();
    server = await startRedis({ port, args: ['--dir', folder] });
    const engine = await start();
    await connected(engine);
    await engine.defaultCache.getOrSet('key', () => 'old');
    await engine.defaultCache.getOrSet('tagged', () => 'old', { tags: ['t'] });
    const admin = connectAdmin();
    await admin.save();
    expect(await engine.defaultCache.delete('key')).toBe('applied');
    expect(await engine.defaultCache.invalidateTags(['t'])).toBe('applied');
    await server.kill();
    await eventually(() => !engine.connectionStates()[0]?.isUp);
    // The snapshot holds what was invalidated after it.
    server = await startRedis({ port, args: ['--dir', folder] });
    await connected(engine);
    expect(await engine.defaultCache.get('key')).toBeUndefined();
    expect(await engine.defaultCache.get('tagged')).toBeUndefined();
  });

  it('collapses a queue beyond its bound into one invalidation of the namespace', async () => {
    const engine = await start();
    await engine.defaultCache.getOrSet('never touched', () => 'old');
    const other = await start();
    await server.pause();
    let hasOverflowed = false;
    engine.events.on('journal', ({ overflowed }) => {
      hasOverflowed ||= overflowed;
    });
    await engine.defaultCache.deleteMany(Array.from({ length: 10_001 }, (_, index) => `k${index}`));
    expect(hasOverflowed).toBe(true);
    await server.resume();
    await eventually(
      () => engine.connectionStates()[0]?.isUp === true && engine.connectionStates()[0]!.journaled === 0,
    );
    await connected(other);
    expect(await other.defaultCache.get('never touched')).toBeUndefined();
  }, 20_000);
});

it('closes quickly while Redis hangs, and leaves no timer behind', async () => {
  const engine = await start();
  await server.pause();
  const pending = engine.defaultCache.getOrSet('k', () => 'v');
  expect(await elapsedMs(() => engine.close())).toBeLessThan(SLACK_MS);
  expect(await pending).toBe('v');
});

function withParts(engine: CacheEngine): { defaultCache: CacheEngine['defaultCache']; engine: CacheEngine } {
  return { defaultCache: engine.defaultCache, engine };
}
