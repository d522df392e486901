import { eventually } from './support/eventually.js';
import { testConnection, uniqueNamespace } from './support/servers.js';
import { startSessions } from './support/sessions.js';

interface Data {
  cart?: string[];
  role?: string;
  views?: number;
}

describe('a login', () => {
  it('gives another id, ends the old one, and takes the data along', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({ cart: ['A-1'] }, { userAgent: 'Firefox' });
    const { id: before } = session;
    session.data.role = 'editor';
    expect(await sessions.rotate(session, { userId: '42' })).toBe(true);
    expect(session.id).not.toBe(before);
    expect(await sessions.get(before)).toBeUndefined();
    expect(await sessions.get(session.id)).toMatchObject({
      userId: '42',
      userAgent: 'Firefox',
      data: { cart: ['A-1'], role: 'editor' },
    });
    expect((await sessions.listOf('42')).map(({ handle }) => handle)).toEqual([session.handle]);
    expect(await sessions.count()).toBe(1);
  });

  it('begins both lifetimes anew', async () => {
    const { sessions } = await startSessions<Data>({ idleTimeout: '1m', absoluteTimeout: '10m' });
    const session = await sessions.create({});
    const { createdAt, expiresAt } = session;
    await eventually(async () => (await sessions.touch(session.id)) && Date.now() > createdAt.getTime() + 5);
    await sessions.rotate(session, { userId: '42' });
    expect(session.createdAt.getTime()).toBeGreaterThan(createdAt.getTime());
    expect(session.expiresAt.getTime()).toBeGreaterThan(expiresAt.getTime());
  });

  it('loses nothing that a parallel request wrote to the session before', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({ cart: [] });
    const parallel = (await sessions.get(session.id))!;
    session.data.role = 'editor';
    await sessions.update(parallel, { cart: ['A-1'] });
    await sessions.rotate(session, { userId: '42' });
    expect(session.data).toEqual({ cart: ['A-1'], role: 'editor' });
    expect((await sessions.get(session.id))!.data).toEqual({ cart: ['A-1'], role: 'editor' });
  });

  it('of one user as another leaves nobody with two sessions', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({}, { userId: '42' });
    await sessions.rotate(session, { userId: '43' });
    expect(await sessions.listOf('42')).toEqual([]);
    expect(await sessions.listOf('43')).toHaveLength(1);
    expect(await sessions.count()).toBe(1);
  });

  it('never adopts a planted id', async () => {
    const { sessions } = await startSessions<Data>();
    const planted = 'B'.repeat(45);
    expect(await sessions.get(planted)).toBeUndefined();
    const victim = await sessions.create({}, { userId: '42' });
    expect(victim.id).not.toBe(planted);
    expect(await sessions.get(planted)).toBeUndefined();

    // An id the attacker got from us and planted does not become the victim's either.
    const ofAttacker = await sessions.create({});
    const fixed = ofAttacker.id;
    await sessions.rotate(ofAttacker, { userId: '42' });
    expect(await sessions.get(fixed)).toBeUndefined();
  });
});

describe('a change of rights', () => {
  it('ends the old id at once, keeps user and deadline, and is saved with the new id', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({ role: 'reader' }, { userId: '42' });
    const { id: before, expiresAt, createdAt } = session;
    session.data.role = 'admin';
    expect(await sessions.rotate(session)).toBe(true);
    expect(await sessions.get(before)).toBeUndefined();
    expect(await sessions.get(session.id)).toMatchObject({
      userId: '42',
      data: { role: 'admin' },
      createdAt,
      expiresAt,
    });
    expect(await sessions.listOf('42')).toHaveLength(1);
  });

  it('never gives the new rights to the old id, however requests interleave, 300 times', async () => {
    const { sessions } = await startSessions<Data>();
    for (let round = 0; round < 300; round++) {
      const session = await sessions.create({ role: 'reader' }, { userId: '42' });
      const { id: before } = session;
      const parallel = (await sessions.get(before))!;
      parallel.data.views = 1;
      session.data.role = 'admin';
      const [seen, , saved] = await Promise.all([
        sessions.get(before),
        sessions.rotate(session),
        sessions.save(parallel),
      ]);
      if (seen !== undefined) expect(seen.data.role).toBe('reader');
      expect(await sessions.get(before)).toBeUndefined();
      const { data } = (await sessions.get(session.id))!;
      expect(data).toEqual(saved === 'saved' ? { role: 'admin', views: 1 } : { role: 'admin' });
    }
  }, 60_000);

  it('of a session that was rotated by the clock meanwhile ends the id of that too', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({ role: 'reader' }, { userId: '42' });
    const parallel = (await sessions.get(session.id))!;
    const { id: first } = session;
    await sessions.rotate(parallel, { grace: true });
    session.data.role = 'admin';
    expect(await sessions.rotate(session)).toBe(true);
    for (const id of [first, parallel.id]) expect(await sessions.get(id)).toBeUndefined();
    expect((await sessions.get(session.id))!.data.role).toBe('admin');
    expect(await sessions.count('42')).toBe(1);
  });
});

describe('a rotation by the clock', () => {
  const periodic = { rotateEvery: '1h', rotationGrace: '4s' } as const;

  it('keeps 50 parallel requests logged in, and serves nobody by the old id after the grace', async () => {
    const namespace = uniqueNamespace();
    // This is not about how long a busy machine takes.
    const redis = { ...testConnection(), commandTimeout: 2_000 };
    const processes = await Promise.all([1, 2].map(() => startSessions<Data>({ ...periodic, namespace, redis })));
    const { id: before } = await processes[0]!.sessions.create({ views: 0 }, { userId: '42' });
    // Who rotates has found the session due: it was read before anybody did.
    const due = await Promise.all(
      Array.from({ length: 10 }, (_, request) => processes[request % 2]!.sessions.get(before)),
    );
    const ids = await Promise.all(
      Array.from({ length: 50 }, async (_, request) => {
        const { sessions } = processes[request % 2]!;
        const session = due[request] ?? (await sessions.get(before))!;
        if (request < due.length) expect(await sessions.rotate(session, { grace: true })).toBe(true);
        expect(await sessions.update(session, (data) => (data.views! += 1))).toBe(true);
        return session.id;
      }),
    );
    const now = new Set(ids.filter((id) => id !== before));
    expect(now.size).toBe(1);
    const [after] = [...now] as [string];
    const { sessions } = processes[1]!;
    expect((await sessions.get(before))?.id).toBe(after);
    expect((await sessions.get(after))!.data.views).toBe(50);
    expect(await sessions.listOf('42')).toHaveLength(1);
    await eventually(async () => (await sessions.get(before)) === undefined, 10_000);
    expect(await sessions.get(after)).toBeDefined();
  });

  it('without a grace ends the old id at once', async () => {
    const { sessions } = await startSessions<Data>({ rotateEvery: '1h', rotationGrace: 0 });
    const session = await sessions.create({});
    const { id: before } = session;
    await sessions.rotate(session, { grace: true });
    expect(await sessions.get(before)).toBeUndefined();
  });

  it('does not lengthen the life of the session', async () => {
    const { sessions } = await startSessions<Data>(periodic);
    const session = await sessions.create({});
    const { expiresAt } = session;
    await sessions.rotate(session, { grace: true });
    expect((await sessions.get(session.id))!.expiresAt).toEqual(expiresAt);
  });

  it('leads a logout by the old id to the session', async () => {
    const { sessions } = await startSessions<Data>(periodic);
    const session = await sessions.create({}, { userId: '42' });
    const { id: before } = session;
    await sessions.rotate(session, { grace: true });
    expect(await sessions.destroy(before)).toBe(true);
    for (const id of [before, session.id]) expect(await sessions.get(id)).toBeUndefined();
    expect(await sessions.listOf('42')).toEqual([]);
  });

  it('does not make the old id outlive a logout by the new one', async () => {
    const { sessions } = await startSessions<Data>(periodic);
    const session = await sessions.create({}, { userId: '42' });
    const { id: before } = session;
    await sessions.rotate(session, { grace: true });
    await sessions.destroy(session);
    expect(await sessions.get(before)).toBeUndefined();
  });
});
