import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { RedisRefusedError, RedisUnavailableError } from '../libs/redis-cache/src/errors.js';
import type { CacheEvents } from '../libs/redis-cache/src/events.js';
import type { Session } from '../libs/redis-cache/src/session/session.js';
import { type RedisServer, startRedis } from '../scripts/servers.mjs';
import { startSentinel } from './lab/sentinel.mjs';
import { eventually } from './support/eventually.js';
import { expectNoUnhandledRejection } from './support/real-process.js';
import { uniqueNamespace } from './support/servers.js';
import { closeSessions, type SessionProcess, startSessions } from './support/sessions.js';
import { startFaultProxy, type FaultProxy } from './lab/fault-proxy.mjs';

interface Data {
  views?: number;
}

const TIMEOUTS = { commandTimeout: 100, controlTimeout: 200 };
/** Five times the longest budget, and as much again for a busy machine. */
const SOON_MS = 2000;

let server: RedisServer;
let proxy: FaultProxy;
let admin: Redis;
let namespace: string;

beforeEach(async () => {
  server = await startRedis();
  proxy = await startFaultProxy({ targetPort: server.port });
  admin = new Redis(server.url);
  namespace = uniqueNamespace();
});
afterEach(async () => {
  admin.disconnect();
  await proxy.stop();
  await server.resume().catch(() => undefined);
  await server.stop();
});

expectNoUnhandledRejection();

const start = (url = proxy.url): Promise<SessionProcess<Data>> =>
  startSessions<Data>({ namespace, redis: { url, ...TIMEOUTS } });

async function elapsedMs(work: Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work;
  return performance.now() - startedAtMs;
}

describe('when Redis does not answer', () => {
  const FAULTS: Record<string, [begin: () => unknown, end: () => unknown]> = {
    frozen: [() => server.pause(), () => server.resume()],
    silent: [
      () => {
        proxy.apply({ type: 'black-hole' });
      },
      () => {
        proxy.heal();
      },
    ],
    cut: [
      () => {
        proxy.apply({ type: 'black-hole' });
        proxy.reset();
      },
      () => {
        proxy.heal();
        proxy.reset();
      },
    ],
  };
  it.each(Object.entries(FAULTS))(
    'and is %s, every method says so in time, and nobody is logged out',
    async (name, [begin, end]) => {
      const process = await start();
      const { sessions, connection } = process;
      const results: string[] = [];
      process.events.on('session', ({ result }: CacheEvents['session']) => results.push(result));
      const session = await sessions.create({ views: 1 }, { userId: '42' });
      results.length = 0;
      await begin();
      session.data.views = 2;
      const calls: (() => Promise<unknown>)[] = [
        () => sessions.get(session.id),
        () => sessions.touch(session.id),
        () => sessions.create({}, { userId: '42' }),
        () => sessions.save(session),
        () => sessions.update(session, { views: 3 }),
        () => sessions.rotate(session),
        () => sessions.rotate(session, { userId: '43' }),
        () => sessions.listOf('42'),
        () => sessions.count('42'),
        () => sessions.count(),
        () => sessions.destroyAllOf('42'),
      ];
      for (const call of calls) {
        expect(await elapsedMs(expect(call()).rejects.toThrow(RedisUnavailableError))).toBeLessThan(SOON_MS);
      }
      expect(results).toEqual(calls.map(() => 'unavailable'));
      await end();
      await eventually(() => connection.isUp, 10_000);
      // A write whose reply was lost may have been carried out: then the session has another id, or is gone, and never both.
      const [device, ...others] = await sessions.listOf('42');
      expect(others).toEqual([]);
      if (name === 'silent') expect(device?.handle).toBe(session.handle);
    },
  );

  it('a logout counts here at once, and everywhere as soon as Redis can be reached', async () => {
    const { sessions, connection, destroyed } = await start();
    const other = await start(server.url);
    const ended = [await sessions.create({}, { userId: '42' }), await sessions.create({})];
    proxy.apply({ type: 'black-hole' });
    await expect(sessions.destroy(ended[0]!)).rejects.toThrow(RedisUnavailableError);
    await expect(sessions.destroy(ended[1]!.id)).rejects.toThrow(RedisUnavailableError);
    expect(destroyed.queued).toBe(2);
    for (const { id } of ended) expect(await other.sessions.get(id)).toBeDefined();

    proxy.heal();
    proxy.reset();
    for (const { id } of ended) {
      const found = await eventually(async () => ({ session: await sessions.get(id) }), 10_000);
      expect(found).toEqual({ session: undefined });
    }
    await eventually(() => connection.isUp && destroyed.queued === 0);
    for (const { id } of ended) expect(await other.sessions.get(id)).toBeUndefined();
  });
});

describe('when Redis refuses writes', () => {
  it('sessions are read, a logout counts here at once and everywhere when Redis writes again', async () => {
    const { sessions, destroyed } = await start();
    const other = await start();
    const [session, ended] = [await sessions.create({}, { userId: '42' }), await sessions.create({}, { userId: '42' })];
    await admin.config('SET', 'min-replicas-to-write', '1');
    expect(await sessions.get(session.id)).toBeDefined();
    await expect(sessions.create({})).rejects.toThrow(RedisRefusedError);
    await expect(sessions.update(session, { views: 1 })).rejects.toThrow(RedisRefusedError);
    await expect(sessions.rotate(session)).rejects.toThrow(RedisRefusedError);
    await expect(sessions.destroyAllOf('42')).rejects.toThrow(RedisRefusedError);
    await expect(sessions.destroy(ended)).rejects.toThrow(RedisRefusedError);
    expect(await sessions.get(ended.id)).toBeUndefined();
    expect((await sessions.listOf('42')).map(({ handle }) => handle)).toEqual([session.handle]);

    await admin.config('SET', 'min-replicas-to-write', '0');
    await eventually(() => destroyed.queued === 0);
    expect(await other.sessions.get(ended.id)).toBeUndefined();
    expect(await other.sessions.get(session.id)).toBeDefined();
  });

  it('because it is out of memory, everybody can still be logged out', async () => {
    const { sessions } = await start();
    const [kept, one, ...more] = await Promise.all(
      Array.from({ length: 5 }, () => sessions.create({}, { userId: '42' })),
    );
    await admin.config('SET', 'maxmemory', '1');
    await expect(sessions.create({}, { userId: '42' })).rejects.toMatchObject({ reply: 'OOM' });
    await expect(sessions.update(kept!, { views: 1 })).rejects.toMatchObject({ reply: 'OOM' });
    await expect(sessions.rotate(kept!)).rejects.toMatchObject({ reply: 'OOM' });
    expect(await sessions.get(kept!.id)).toBeDefined();
    expect(await sessions.destroy(one!)).toBe(true);
    expect(await sessions.destroyAllOf('42', { except: kept! })).toBe(3);
    for (const { id } of more) expect(await sessions.get(id)).toBeUndefined();
    expect(await sessions.get(kept!.id)).toBeDefined();
  });
});

describe('when Redis forgets what it confirmed', () => {
  const folders: string[] = [];
  afterEach(() => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true }))));

  /** Ends sessions in every way there is. */
  async function endAll({ sessions }: SessionProcess<Data>): Promise<[ended: string[], alive: Session<Data>]> {
    const [out, rotated, replaced, byHandle, alive] = await Promise.all(
      Array.from({ length: 5 }, () => sessions.create({}, { userId: '42' })),
    );
    const everywhere = await sessions.create({}, { userId: '43' });
    const ended = [out, rotated, replaced, byHandle, everywhere].map((session) => session!.id);
    await admin.save();
    await sessions.destroy(out!);
    await sessions.rotate(rotated!);
    await sessions.rotate(replaced!, { userId: '42' });
    await sessions.destroyOf('42', byHandle!.handle);
    await sessions.destroyAllOf('43');
    return [ended, alive!];
  }

  it('and came back with an older snapshot, no session that was ended is back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rcache-sessions-'));
    folders.push(folder);
    await server.stop();
    const { port } = server;
    server = await startRedis({ port, args: ['--dir', folder] });
    const process = await start(server.url);
    const [ended, alive] = await endAll(process);
    await server.kill();
    server = await startRedis({ port, args: ['--dir', folder] });
    await eventually(() => process.connection.isUp, 10_000);
    for (const id of ended) expect(await process.sessions.get(id)).toBeUndefined();
    expect(await process.sessions.get(alive.id)).toBeDefined();
    const other = await start(server.url);
    for (const id of ended) expect(await other.sessions.get(id)).toBeUndefined();
  }, 30_000);

  it('because a replica took over that had not heard of it, no session that was ended is back', async () => {
    const lab = await startSentinel();
    try {
      const [primary] = await lab.primaries();
      const replica = lab.nodes.find((node) => node !== primary)!;
      const process = await startSessions<Data>({ namespace, redis: { ...lab.connection, ...TIMEOUTS } });
      const { sessions, connection } = process;
      const session = await sessions.create({}, { userId: '42' });
      const lasting = await sessions.create({}, { userId: '42' });
      await eventually(async () => (await replica.client.dbsize()) === 3);
      await replica.pause();
      expect(await sessions.destroy(session)).toBe(true);
      await primary!.kill();
      await replica.resume();
      await eventually(async () => {
        const found = await sessions.get(lasting.id);
        return found !== undefined && connection.isUp;
      }, 40_000);
      expect(await sessions.get(session.id)).toBeUndefined();
      const other = await startSessions<Data>({ namespace, redis: { ...lab.connection, ...TIMEOUTS } });
      expect(await other.sessions.get(session.id)).toBeUndefined();
    } finally {
      closeSessions();
      await lab.stop();
    }
  }, 90_000);
});
