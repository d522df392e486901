import { execFileSync } from 'node:child_process';
import { Redis } from 'ioredis';
import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { CacheEngine, CacheEngineOptions } from '../libs/redis-cache/src/cache/engine.js';
import { freePort, startRedis, type RedisServer } from '../scripts/servers.mjs';
import { gatedLoader, inMemory, startEngine, startFleet, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { holdReply } from './support/held-reply.js';
import { uniqueNamespace } from './support/servers.js';
import { startFaultProxy, type FaultProxy } from './lab/fault-proxy.mjs';

const MAX_STALENESS_MS = 1000;

/** Promise 2: an invalidated value is not answered after `maxStaleness`, whoever invalidated it and whatever the network does. */
describe('staleness is bounded', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  let raw: Redis;

  beforeAll(async () => {
    server = await startRedis();
    raw = new Redis(server.url);
  });
  afterAll(async () => {
    raw.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    proxy = await startFaultProxy({ targetPort: server.port });
  });
  afterEach(async () => {
    await proxy.stop();
  });

  /** A process behind the proxy, which knows the ids of its cache: unknown ones would keep a copy from answering as well. */
  async function slowReader(options: CacheEngineOptions = {}): Promise<{ slow: CacheEngine; writer: CacheEngine }> {
    const namespace = uniqueNamespace();
    const slow = await startEngine({ ...options, namespace, connection: { url: proxy.url } });
    const writer = await startEngine({ namespace, connection: { url: server.url } });
    await trusted(slow);
    await inMemory(slow.defaultCache, 'probe', 1);
    return { slow, writer };
  }

  const WRITERS: Record<string, (key: string) => Promise<unknown>> = {
    DEL: (key) => raw.del(key),
    UNLINK: (key) => raw.unlink(key),
    SET: (key) => raw.set(key, 'foreign'),
    RENAME: (key) => raw.rename(key, `${key}-moved`),
    'PEXPIRE 1': (key) => raw.pexpire(key, 1),
    FLUSHDB: () => raw.flushdb(),
    'FLUSHALL ASYNC': () => raw.flushall('ASYNC'),
  };
  for (const [command, write] of Object.entries(WRITERS)) {
    it(`${command} by any client empties the memory of every process`, async () => {
      const namespace = uniqueNamespace();
      const fleet = await startFleet(2, { namespace, connection: { url: server.url } });
      for (const engine of fleet) await inMemory(engine.defaultCache, 'k', 'old');
      await write(`${namespace}:e:{default:k}`);
      for (const engine of fleet) {
        await eventually(async () => (await engine.defaultCache.getOrSet('k', () => 'new')) === 'new');
      }
    });
  }

  const INVALIDATIONS: Record<string, (cache: CacheService) => Promise<unknown>> = {
    'the key': (cache) => cache.delete('k'),
    'a tag': (cache) => cache.invalidateTags(['t']),
  };
  for (const [what, invalidate] of Object.entries(INVALIDATIONS)) {
    it(`a process whose link is silent when ${what} is invalidated stops answering from memory within maxStaleness`, async () => {
      const namespace = uniqueNamespace();
      const deaf = await startEngine({ namespace, connection: { url: proxy.url }, maxStaleness: MAX_STALENESS_MS });
      const writer = await startEngine({ namespace, connection: { url: server.url } });
      await trusted(deaf);
      await inMemory(deaf.defaultCache, 'k', 'old', ['t']);
      proxy.apply({ type: 'black-hole' }, ['link']);
      await invalidate(writer.defaultCache);
      const invalidatedAtMs = performance.now();
      const lastOldAtMs = await lastSeen(deaf, 'old', invalidatedAtMs + 2 * MAX_STALENESS_MS);
      // It did go on answering from memory: the bound is what ended it.
      expect(lastOldAtMs).toBeGreaterThan(invalidatedAtMs);
      expect(lastOldAtMs - invalidatedAtMs).toBeLessThanOrEqual(MAX_STALENESS_MS);
    });
  }

  it('a healed link drops what it may have missed before it is trusted again', async () => {
    const namespace = uniqueNamespace();
    const deaf = await startEngine({ namespace, connection: { url: proxy.url }, maxStaleness: MAX_STALENESS_MS });
    await trusted(deaf);
    await inMemory(deaf.defaultCache, 'k', 'old');
    let gaps = 0;
    deaf.events.on('link', ({ state }) => {
      if (state === 'gap') gaps += 1;
    });
    proxy.apply({ type: 'black-hole' }, ['link']);
    await raw.del(`${namespace}:e:{default:k}`);
    await eventually(() => gaps > 0);
    proxy.heal();
    await trusted(deaf);
    expect(await deaf.defaultCache.getOrSet('k', () => 'new')).toBe('new');
  });

  it('an invalidation that overtakes a read keeps that read out of memory', async () => {
    const { slow, writer } = await slowReader();
    await writer.defaultCache.getOrSet('k', () => 'old');
    proxy.apply({ type: 'latency', ms: 60 }, ['data']);
    const reading = slow.defaultCache.get('k');
    await new Promise((resolve) => setTimeout(resolve, 30));
    // Redis has answered the read; the answer is still on its way when the announcement arrives.
    await writer.defaultCache.delete('k');
    expect(await reading).toBe('old');
    proxy.heal();
    expect(await slow.defaultCache.getOrSet('k', () => 'new')).toBe('new');
  });

  it('an invalidation that overtakes the read of a batch keeps it out of memory', async () => {
    const { slow, writer } = await slowReader();
    await writer.defaultCache.getOrSet('k', () => 'old');
    proxy.apply({ type: 'latency', ms: 60 }, ['data']);
    const reading = slow.defaultCache.getMany(['k', 'other']);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await writer.defaultCache.delete('k');
    expect(await reading).toEqual(['old', undefined]);
    expect(slow.defaultCache.peek('k')).toBeUndefined();
  });

  for (const consistency of ['bounded', 'strong'] as const) {
    it(`a stale value is not answered for a failed load when its invalidation overtook the read (${consistency})`, async () => {
      const { slow, writer } = await slowReader({ maxStaleness: '10s' });
      await writer.defaultCache.set('k', 'old', { grace: '1h' });
      await writer.defaultCache.expire('k');
      proxy.apply({ type: 'latency', ms: 60 }, ['data']);
      const load = (): never => {
        // From now on nobody can say any more that the old value is gone.
        proxy.apply({ type: 'black-hole' }, ['data']);
        throw new Error('the source is down');
      };
      const reading = slow.defaultCache.getOrSet('k', load, { grace: '1h', refresh: 'wait', consistency });
      await new Promise((resolve) => setTimeout(resolve, 30));
      await writer.defaultCache.delete('k');
      await writer.defaultCache.delete('probe');
      await eventually(() => slow.defaultCache.memory.entries === 0);
      await expect(reading).rejects.toThrow('the source is down');
    });
  }

  it('an invalidation that overtakes the read of a tag id keeps the entry from answering later', async () => {
    const namespace = uniqueNamespace();
    const slow = await startEngine({ namespace, connection: { url: proxy.url } });
    const writer = await startEngine({ namespace, connection: { url: server.url } });
    await trusted(slow);
    await trusted(writer);
    await inMemory(writer.defaultCache, 'k', 'old', ['t']);
    await inMemory(slow.defaultCache, 'probe', 1);
    // The reply with the entry came, and the one with the id of its tag is on its way.
    const held = holdReply(slow, 'get', 't:{u:t}');
    const reading = slow.defaultCache.get('k');
    await eventually(() => held.isHeld());
    await writer.defaultCache.invalidateTags(['t']);
    // Announcements come in order: when that of the probe is here, so is that of the tag.
    await writer.defaultCache.delete('probe');
    await eventually(() => slow.defaultCache.memory.entries === 0);
    held.release();
    expect(await reading).toBe('old');
    expect(await slow.defaultCache.getOrSet('k', () => 'new', { tags: ['t'] })).toBe('new');
  });

  it('nobody joins a load that is older than maxStaleness where nobody tells of changes', async () => {
    const maxStaleness = 750;
    const options = { connection: { port: await freePort() }, startTimeout: 50, maxStaleness } as const;
    const { defaultCache: cache } = await startEngine(options);
    const old = gatedLoader('old');
    const startedAtMs = performance.now();
    const first = cache.getOrSet('k', old.load);
    // Another process, which reaches Redis, may invalidate the key any time from now on.
    await eventually(() => performance.now() > startedAtMs + maxStaleness + 50);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
    old.open();
    expect(await first).toBe('old');
  });

  it('nobody joins a read that is older than maxStaleness where nobody tells of changes', async () => {
    const maxStaleness = 750;
    const namespace = uniqueNamespace();
    const connection = { url: proxy.url, commandTimeout: '5s' } as const;
    const deaf = await startEngine({ namespace, connection, maxStaleness });
    await trusted(deaf);
    await deaf.defaultCache.set('k', 'old');
    proxy.apply({ type: 'black-hole' }, ['link']);
    await eventually(() => deaf.connectionStates().every(({ link }) => link !== 'trusted'));
    proxy.apply({ type: 'latency', ms: 2 * maxStaleness }, ['data']);
    const startedAtMs = performance.now();
    const first = deaf.defaultCache.getOrSet('k', () => 'new');
    await eventually(() => performance.now() > startedAtMs + maxStaleness + 50);
    await raw.del(`${namespace}:e:{default:k}`);
    expect(await deaf.defaultCache.getOrSet('k', () => 'new')).toBe('new');
    expect(await first).toBe('old');
  });

  it('a process that was stopped for longer than maxStaleness believes nothing it remembers', async () => {
    const namespace = uniqueNamespace();
    const engine = await startEngine({ namespace, connection: { url: server.url }, maxStaleness: 750 });
    await trusted(engine);
    await inMemory(engine.defaultCache, 'k', 'old');
    // Nothing of this process runs meanwhile: neither timers nor announcements.
    const deletion = `require('net').connect(${server.port}).end('DEL ${namespace}:e:{default:k}\\r\\n').resume()`;
    execFileSync(process.execPath, ['-e', deletion]);
    const deletedAtMs = performance.now();
    while (performance.now() < deletedAtMs + 750) {
      // Busy.
    }
    expect(await engine.defaultCache.getOrSet('k', () => 'new')).toBe('new');
  });

  it('a process that hears nothing reads ids and entries from Redis every time', async () => {
    const namespace = uniqueNamespace();
    proxy.apply({ type: 'black-hole' }, ['link']);
    const deaf = await startEngine({ namespace, connection: { url: proxy.url } });
    const writer = await startEngine({ namespace, connection: { url: server.url } });
    for (let round = 0; round < 20; round++) {
      const value = `value ${round}`;
      expect(await deaf.defaultCache.getOrSet('k', () => value, { tags: ['t'] })).toBe(value);
      await (round % 2 === 0 ? writer.defaultCache.invalidateTags(['t']) : writer.defaultCache.clear());
    }
    expect(deaf.connectionStates()[0]?.link).not.toBe('trusted');
  });

  /** When `value` was last answered, asking without a pause until `untilMs`; another value ends it. */
  async function lastSeen(engine: CacheEngine, value: string, untilMs: number): Promise<number> {
    let lastAtMs = 0;
    while (performance.now() < untilMs) {
      const answeredAtMs = performance.now();
      if ((await engine.defaultCache.getOrSet('k', () => 'new')) !== value) return lastAtMs;
      lastAtMs = answeredAtMs;
      await new Promise(setImmediate);
    }
    return lastAtMs;
  }
});
