import { setTimeout as sleep } from 'node:timers/promises';
import { uniqueNamespace } from './support/servers.js';
import { startSessions } from './support/sessions.js';

interface Data {
  views?: number;
}

describe('the devices of a user', () => {
  it('are listed with what is known of them, the last used first, and nothing secret', async () => {
    const { sessions } = await startSessions<Data>({ touchInterval: 0 });
    const phone = await sessions.create({ views: 1 }, { userId: '42', ip: '198.51.100.7', userAgent: 'Phone' });
    await sleep(2);
    const laptop = await sessions.create({ views: 2 }, { userId: '42', ip: '198.51.100.8', userAgent: 'Laptop' });
    await sessions.create({ views: 3 }, { userId: '43' });
    await sleep(2);
    await sessions.get(phone.id);
    const devices = await sessions.listOf('42');
    expect(devices).toEqual([
      expect.objectContaining({
        handle: phone.handle,
        ip: '198.51.100.7',
        userAgent: 'Phone',
        createdAt: phone.createdAt,
      }),
      expect.objectContaining({ handle: laptop.handle, expiresAt: laptop.expiresAt }),
    ]);
    expect(devices[0]!.lastSeenAt.getTime()).toBeGreaterThan(phone.createdAt.getTime());
    expect(Object.keys(devices[0]!).sort()).toEqual([
      'createdAt',
      'expiresAt',
      'handle',
      'ip',
      'lastSeenAt',
      'userAgent',
    ]);
    for (const { id } of [phone, laptop]) expect(JSON.stringify(devices)).not.toContain(id.slice(2));
  });

  it('can be ended one by one by their user, and by nobody else', async () => {
    const { sessions } = await startSessions<Data>();
    const [mine, other] = [await sessions.create({}, { userId: '42' }), await sessions.create({}, { userId: '42' })];
    const foreign = await sessions.create({}, { userId: '43' });
    expect(await sessions.destroyOf('42', foreign.handle)).toBe(false);
    expect(await sessions.destroyOf('42', other.handle)).toBe(true);
    expect(await sessions.destroyOf('42', other.handle)).toBe(false);
    for (const wrong of ['', '*', mine.id, `${mine.handle}}`, '{}', undefined as never]) {
      expect(await sessions.destroyOf('42', wrong)).toBe(false);
    }
    expect(await sessions.get(other.id)).toBeUndefined();
    expect(await sessions.get(mine.id)).toBeDefined();
    expect(await sessions.get(foreign.id)).toBeDefined();
  });

  it('are counted together when nobody in particular is asked for', async () => {
    const { sessions } = await startSessions<Data>();
    await sessions.create({});
    await sessions.create({}, { userId: '42' });
    await sessions.create({}, { userId: '43' });
    expect(await sessions.count()).toBe(3);
    expect(await sessions.count('42')).toBe(1);
    expect(await sessions.count('44')).toBe(0);
  });
});

describe('a logout everywhere', () => {
  it('ends all sessions of the user for every process at its next request, but for the one to keep', async () => {
    const namespace = uniqueNamespace();
    const [one, other] = [await startSessions<Data>({ namespace }), await startSessions<Data>({ namespace })];
    const kept = await one.sessions.create({}, { userId: '42' });
    const ended = await Promise.all(Array.from({ length: 250 }, () => one.sessions.create({}, { userId: '42' })));
    const foreign = await one.sessions.create({}, { userId: '43' });
    expect(await one.sessions.destroyAllOf('42', { except: kept })).toBe(250);
    for (const { id } of ended) expect(await other.sessions.get(id)).toBeUndefined();
    expect(await other.sessions.get(kept.id)).toBeDefined();
    expect(await other.sessions.get(foreign.id)).toBeDefined();
    expect(await other.sessions.destroyAllOf('42')).toBe(1);
    expect(await other.sessions.destroyAllOf('42')).toBe(0);
    expect(await one.sessions.get(kept.id)).toBeUndefined();
  });

  it('lets no session escape by a rotation, 300 times', async () => {
    const namespace = uniqueNamespace();
    const [one, other] = [await startSessions<Data>({ namespace }), await startSessions<Data>({ namespace })];
    let rotations = 0;
    for (let round = 0; round < 300; round++) {
      const session = await one.sessions.create({}, { userId: '42' });
      const ids = [session.id];
      const rotate = async (): Promise<void> => {
        while (await one.sessions.rotate(session, { grace: round % 2 === 0 })) {
          ids.push(session.id);
          rotations += 1;
        }
      };
      const login = async (): Promise<void> => {
        const again = (await other.sessions.get(ids[0]!)) ?? session;
        if (round % 3 === 0 && (await other.sessions.rotate(again, { userId: '42' }))) ids.push(again.id);
      };
      const rotating = Promise.all([rotate(), round % 3 === 0 ? undefined : login()]);
      await other.sessions.destroyAllOf('42');
      await rotating;
      for (const id of ids) expect(await other.sessions.get(id)).toBeUndefined();
      expect(await one.sessions.listOf('42')).toEqual([]);
    }
    expect(rotations).toBeGreaterThan(100);
  }, 60_000);

  it('ends what existed when it began, and leaves no session out of the list, when logins go on', async () => {
    const { sessions } = await startSessions<Data>();
    const before = await Promise.all(Array.from({ length: 20 }, () => sessions.create({}, { userId: '42' })));
    const during = Promise.all(Array.from({ length: 40 }, () => sessions.create({}, { userId: '42' })));
    await sessions.destroyAllOf('42');
    for (const { id } of before) expect(await sessions.get(id)).toBeUndefined();
    const alive = [];
    for (const { id, handle } of await during) if ((await sessions.get(id)) !== undefined) alive.push(handle);
    expect((await sessions.listOf('42')).map(({ handle }) => handle).sort()).toEqual(alive.sort());
  });

  it('spares the session that is to be kept though it has another id by now', async () => {
    const { sessions } = await startSessions<Data>();
    const kept = await sessions.create({}, { userId: '42' });
    const { id: before } = kept;
    await sessions.create({}, { userId: '42' });
    await sessions.rotate(kept, { grace: true });
    expect(await sessions.destroyAllOf('42', { except: before })).toBe(1);
    expect(await sessions.get(kept.id)).toBeDefined();
  });

  it('spares nobody when the session to be kept has ended, or is not the user’s', async () => {
    const { sessions } = await startSessions<Data>();
    const foreign = await sessions.create({}, { userId: '43' });
    for (const except of [foreign, 'A'.repeat(45), '']) {
      const { id } = await sessions.create({}, { userId: '42' });
      expect(await sessions.destroyAllOf('42', { except })).toBe(1);
      expect(await sessions.get(id)).toBeUndefined();
    }
    expect(await sessions.get(foreign.id)).toBeDefined();
  });

  it('that was cut off in the middle leaves revoked sessions that cannot be rotated, and is made good by the next', async () => {
    const { sessions, connection } = await startSessions<Data>();
    const session = await sessions.create({}, { userId: '42' });
    const run = connection.runDurably.bind(connection);
    connection.runDurably = (script, keysAndArgs) =>
      script.name === 'session-sweep' ? Promise.reject(new Error('cut off')) : run(script, keysAndArgs);
    await expect(sessions.destroyAllOf('42')).rejects.toThrow('cut off');
    connection.runDurably = run;
    expect(await sessions.rotate(session)).toBe(false);
    expect(await sessions.listOf('42')).toEqual([]);
    await sessions.destroyAllOf('42');
    expect(await sessions.count()).toBe(0);
  });
});
