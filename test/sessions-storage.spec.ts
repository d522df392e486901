import { randomBytes } from 'node:crypto';
import { uniqueNamespace } from './support/servers.js';
import { dump, keysOf, startSessions } from './support/sessions.js';

interface Data {
  views?: number;
}

const HOUR_MS = 3_600_000;

describe('what Redis holds of a session', () => {
  it('is not believed past its limits, whatever became of the expiry of the key', async () => {
    const process = await startSessions<Data>();
    const { client } = process.connection;
    for (const field of ['t', 'x']) {
      const { id } = await process.sessions.create({});
      const [key] = (await keysOf(process)) as [string];
      await client.persist(key);
      await client.hincrby(key, field, -24 * HOUR_MS);
      expect(await process.sessions.get(id)).toBeUndefined();
      expect(await client.exists(key)).toBe(0);
    }
  });

  it('ends at its deadline although it was just written', async () => {
    const process = await startSessions<Data>({ idleTimeout: '10m', absoluteTimeout: '10m' });
    const { client } = process.connection;
    const session = await process.sessions.create({});
    const [key] = (await keysOf(process)) as [string];
    await client.pexpire(key, HOUR_MS);
    await process.sessions.update(session, { views: 1 });
    const [seconds, microseconds] = (await client.time()) as unknown as [string, string];
    const nowMs = Number(seconds) * 1000 + Number(microseconds) / 1000;
    const expiresAtMs = nowMs + (await client.pttl(key));
    expect(expiresAtMs - Number(await client.hget(key, 'x'))).toBeLessThan(1000);
  });

  it('notes activity once per touchInterval', async () => {
    const process = await startSessions<Data>({ idleTimeout: '3h', touchInterval: '1h' });
    const { client } = process.connection;
    const { id, createdAt } = await process.sessions.create({});
    const [key] = (await keysOf(process)) as [string];
    const before = await client.hget(key, 't');
    for (let read = 0; read < 10; read++) await process.sessions.get(id);
    expect(await client.hget(key, 't')).toBe(before);

    await client.hincrby(key, 't', -HOUR_MS);
    await client.pexpire(key, 2 * HOUR_MS);
    await process.sessions.get(id);
    const after = Number(await client.hget(key, 't'));
    expect(after).toBeGreaterThanOrEqual(createdAt.getTime());
    expect((await process.sessions.get(id))!.lastSeenAt.getTime()).toBe(after);
    expect(await client.pttl(key)).toBeGreaterThan(2.9 * HOUR_MS);

    await client.hincrby(key, 't', -100);
    await process.sessions.touch(id);
    expect(Number(await client.hget(key, 't'))).toBeGreaterThanOrEqual(after);
  });

  it('expires, every key of it', async () => {
    const process = await startSessions<Data>({ rotateEvery: '1h' });
    const session = await process.sessions.create({}, { userId: '42' });
    await process.sessions.rotate(session, { grace: true });
    const keys = await keysOf(process);
    expect(keys).toHaveLength(3);
    for (const key of keys) expect(await process.connection.client.pttl(key)).toBeGreaterThan(0);
  });

  it('takes few bytes', async () => {
    const process = await startSessions<{ note: string }>();
    const session = await process.sessions.create({ note: randomBytes(384).toString('base64') }, { userId: '42' });
    const sizes = await Promise.all(
      (await keysOf(process)).map((key) => process.connection.client.memory('USAGE', key)),
    );
    const total = sizes.reduce<number>((sum, size) => sum + Number(size), 0);
    // 512 bytes of data, with everything Redis needs for two keys.
    expect(total).toBeLessThan(1600);
    expect(session.data.note).toHaveLength(512);
  });
});

describe('the index of a user', () => {
  it('drops what expired for lack of activity as soon as somebody looks', async () => {
    const process = await startSessions<Data>();
    const { client } = process.connection;
    const [gone, alive] = [1, 2].map(() => process.sessions.create({}, { userId: '42' }));
    const { handle } = await gone!;
    const { handle: lasting } = await alive!;
    const keys = await keysOf(process);
    const index = keys.find((key) => key.includes(':su:'))!;
    for (const look of ['list', 'count']) {
      if (look === 'count') await client.zadd(index, Date.now() + HOUR_MS, handle);
      else await client.unlink(keys.find((key) => key.endsWith(handle))!);
      expect(await process.sessions.count('42')).toBe(1);
      expect((await process.sessions.listOf('42')).map((device) => device.handle)).toEqual([lasting]);
      expect(await client.zcard(index)).toBe(1);
    }
  });

  it('drops what is past its deadline with the next login, revoked or not', async () => {
    const process = await startSessions<Data>();
    const { client } = process.connection;
    await process.sessions.create({}, { userId: '42' });
    const index = (await keysOf(process)).find((key) => key.includes(':su:'))!;
    const past = Date.now() - HOUR_MS;
    for (let login = 0; login < 20; login++) await client.zadd(index, login % 2 === 0 ? past : -past, `old${login}`);
    await process.sessions.create({}, { userId: '42' });
    expect(await client.zcard(index)).toBe(2);
  });

  it('lives exactly as long as the last of its sessions may', async () => {
    const namespace = uniqueNamespace();
    const short = await startSessions<Data>({ namespace, idleTimeout: '1m', absoluteTimeout: '1m' });
    const long = await startSessions<Data>({ namespace });
    const ttl = async (): Promise<number> => {
      const index = [...(await dump(long)).keys()].find((key) => key.includes(':su:'))!;
      return long.connection.client.pttl(index);
    };
    await short.sessions.create({}, { userId: '42' });
    expect(await ttl()).toBeLessThanOrEqual(60_000);
    await long.sessions.create({}, { userId: '42' });
    expect(await ttl()).toBeGreaterThan(11 * HOUR_MS);
    await short.sessions.create({}, { userId: '42' });
    expect(await ttl()).toBeGreaterThan(11 * HOUR_MS);
  });
});
