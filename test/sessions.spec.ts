import { setTimeout as sleep } from 'node:timers/promises';
import { SessionConflictError } from '../libs/redis-cache/src/errors.js';
import type { SessionService } from '../libs/redis-cache/src/session/session.service.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';
import { keysOf, startSessions } from './support/sessions.js';

interface Data {
  cart?: string[];
  theme?: string;
  views?: number;
}

const unknownId = 'A'.repeat(45);

/** So many rounds, a few at a time. */
async function inParallel(rounds: number, work: (round: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < rounds) await work(next++);
  };
  await Promise.all(Array.from({ length: 20 }, lane));
}

describe('a session', () => {
  it('is found by its id in every process, with what it was made of', async () => {
    const namespace = uniqueNamespace();
    const [one, other] = [await startSessions<Data>({ namespace }), await startSessions<Data>({ namespace })];
    const device = { userId: '42', ip: '2001:db8::1', userAgent: 'Firefox' };
    const made = await one.sessions.create({ cart: ['A-1'] }, device);
    const found = await other.sessions.get(made.id);
    expect(found).toMatchObject({ id: made.id, handle: made.handle, data: { cart: ['A-1'] }, ...device });
    expect(found!.expiresAt.getTime() - found!.createdAt.getTime()).toBe(43_200_000);
  });

  it('is not found by anything else', async () => {
    const { sessions } = await startSessions<Data>();
    const { id, handle } = await sessions.create({}, { userId: '42' });
    for (const wrong of [unknownId, handle, id.slice(1), `${id}x`, `BB${id.slice(2)}`, '', '*', undefined]) {
      expect(await sessions.get(wrong as string)).toBeUndefined();
    }
  });

  it('shows its id neither in JSON nor in the log', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({ theme: 'dark' });
    const { inspect } = await import('node:util');
    for (const shown of [JSON.stringify(session), inspect(session, { depth: 9, showHidden: true })]) {
      expect(shown).toContain('dark');
      expect(shown).not.toContain(session.id.slice(2));
    }
  });

  it('is saved with its changes, and not written without any', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({ cart: [], theme: 'light' });
    expect(await sessions.save(session)).toBe('unchanged');
    const { data } = session;
    data.cart!.push('A-1');
    delete data.theme;
    expect(await sessions.save(session)).toBe('saved');
    expect(session.data).toBe(data);
    data.views = 1;
    expect(await sessions.save(session)).toBe('saved');
    expect((await sessions.get(session.id))!.data).toEqual({ cart: ['A-1'], views: 1 });
  });

  it('refuses user ids that could be confused', async () => {
    const { sessions } = await startSessions<Data>();
    for (const userId of ['', '\ud800', 7 as unknown as string, null as unknown as string]) {
      await expect(sessions.create({}, { userId })).rejects.toThrow('userId must be text');
      await expect(sessions.destroyAllOf(userId)).rejects.toThrow('userId must be text');
    }
    await expect(sessions.listOf(undefined as never)).rejects.toThrow('userId must be text');
  });

  it('refuses more than maxBytes, and stays as it was', async () => {
    const { sessions } = await startSessions<Data>({ maxBytes: 1000 });
    await expect(sessions.create({ theme: 'x'.repeat(1000) })).rejects.toThrow('maxBytes is 1000');
    const session = await sessions.create({ theme: 'dark' });
    session.data.theme = 'x'.repeat(1000);
    await expect(sessions.save(session)).rejects.toThrow('maxBytes is 1000');
    expect((await sessions.get(session.id))!.data).toEqual({ theme: 'dark' });
  });
});

describe('parallel requests', () => {
  it('lose nothing when they write different fields, 1,500 times', async () => {
    const { sessions } = await startSessions<Data>();
    await inParallel(1500, async (round) => {
      const { id } = await sessions.create({});
      const [one, other] = [(await sessions.get(id))!, (await sessions.get(id))!];
      one.data.theme = 'dark';
      other.data.views = round;
      expect(await Promise.all([sessions.save(one), sessions.save(other)])).toEqual(['saved', 'saved']);
      expect((await sessions.get(id))!.data).toEqual({ theme: 'dark', views: round });
    });
  }, 60_000);

  it('see what the others wrote once they have written themselves', async () => {
    const { sessions } = await startSessions<Data>();
    const one = await sessions.create({ theme: 'light' });
    const other = (await sessions.get(one.id))!;
    await sessions.update(other, { theme: 'dark' });
    one.data.views = 1;
    await sessions.save(one);
    expect(one.data).toEqual({ theme: 'dark', views: 1 });
  });

  it('count right when they update with a function', async () => {
    const { sessions } = await startSessions<Data>();
    const { id } = await sessions.create({ views: 0 });
    const count = async (): Promise<void> => {
      const session = (await sessions.get(id))!;
      await sessions.update(session, async (data) => {
        data.views! += 1;
      });
    };
    await Promise.all(Array.from({ length: 40 }, count));
    expect((await sessions.get(id))!.data.views).toBe(40);
  });

  it('keep unsaved changes of their own when they update', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({ theme: 'light', views: 1 });
    session.data.theme = 'dark';
    expect(await sessions.update(session, { views: 2 })).toBe(true);
    expect(session.data).toEqual({ theme: 'dark', views: 2 });
    expect((await sessions.get(session.id))!.data).toEqual({ theme: 'light', views: 2 });
    await sessions.save(session);
    expect((await sessions.get(session.id))!.data).toEqual({ theme: 'dark', views: 2 });
  });

  it('give up instead of trying for ever', async () => {
    const { sessions } = await startSessions<Data>();
    const session = await sessions.create({ views: 0 });
    const rival = (await sessions.get(session.id))!;
    const losing = sessions.update(session, async () => {
      await sessions.update(rival, { views: rival.data.views! + 1 });
    });
    await expect(losing).rejects.toThrow(SessionConflictError);
    expect(rival.data.views).toBe(100);
  });
});

describe('a late request', () => {
  it('never brings back a session that was ended meanwhile, 1,500 times', async () => {
    const { sessions } = await startSessions<Data>();
    let late = 0;
    await inParallel(1500, async (round) => {
      const session = await sessions.create({}, { userId: '42' });
      const slow = (await sessions.get(session.id))!;
      slow.data.views = round;
      const logout = async (): Promise<unknown> => {
        if (round % 2 === 0) await new Promise(setImmediate);
        return sessions.destroy(session);
      };
      const [saved] = await Promise.all([sessions.save(slow), logout()]);
      if (saved === 'gone') late += 1;
      expect(await sessions.get(session.id)).toBeUndefined();
    });
    expect(await sessions.listOf('42')).toEqual([]);
    // Both orders were seen.
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThan(1500);
  }, 60_000);

  it.each<[string, (sessions: SessionService<Data>, id: string) => Promise<unknown>]>([
    [
      'saves',
      async (sessions, id) => {
        const session = (await sessions.get(id))!;
        return async () => {
          session.data.views = 1;
          return (await sessions.save(session)) === 'gone';
        };
      },
    ],
    [
      'updates',
      async (sessions, id) => {
        const session = (await sessions.get(id))!;
        return async () => !(await sessions.update(session, { views: 1 }));
      },
    ],
    [
      'counts',
      async (sessions, id) => {
        const session = (await sessions.get(id))!;
        return async () => !(await sessions.update(session, (data) => (data.views = 1)));
      },
    ],
    [
      'rotates',
      async (sessions, id) => {
        const session = (await sessions.get(id))!;
        return async () => !(await sessions.rotate(session));
      },
    ],
    [
      'rotates by the clock',
      async (sessions, id) => {
        const session = (await sessions.get(id))!;
        return async () => !(await sessions.rotate(session, { grace: true }));
      },
    ],
    [
      'logs in',
      async (sessions, id) => {
        const session = (await sessions.get(id))!;
        return async () => !(await sessions.rotate(session, { userId: '7' }));
      },
    ],
    ['touches', async (sessions, id) => async () => !(await sessions.touch(id))],
    ['ends', async (sessions, id) => async () => !(await sessions.destroy(id))],
  ])('is told that the session has ended when it %s', async (_what, prepare) => {
    const process = await startSessions<Data>();
    const { sessions } = process;
    const session = await sessions.create({}, { userId: '42' });
    const isRefused = (await prepare(sessions, session.id)) as () => Promise<boolean>;
    expect(await sessions.destroy(session)).toBe(true);
    expect(await isRefused()).toBe(true);
    expect(await sessions.count()).toBe(0);
    expect(await sessions.listOf('7')).toEqual([]);
  });
});

describe('the limits of a session', () => {
  it('end it in Redis, activity or not, and leave nothing behind', async () => {
    const process = await startSessions<Data>({ idleTimeout: 300, absoluteTimeout: 900, touchInterval: 0 });
    const { sessions } = process;
    const [used, idle] = [await sessions.create({}, { userId: '42' }), await sessions.create({}, { userId: '42' })];
    const beganAtMs = performance.now();
    while ((await sessions.get(used.id)) !== undefined) await sleep(20);
    const livedMs = performance.now() - beganAtMs;
    expect(livedMs).toBeGreaterThan(850);
    expect(livedMs).toBeLessThan(9000);
    expect(await sessions.get(idle.id)).toBeUndefined();
    await eventually(async () => expect(await keysOf(process)).toEqual([]));
  });

  it('hold for sessions that exist when the options are lowered', async () => {
    const namespace = uniqueNamespace();
    const before = await startSessions<Data>({ namespace });
    const { id } = await before.sessions.create({});
    const after = await startSessions<Data>({ namespace, idleTimeout: 1, touchInterval: 0 });
    await sleep(5);
    expect(await after.sessions.get(id)).toBeUndefined();
    expect(await before.sessions.get(id)).toBeUndefined();
  });

  it('follow the clock of Redis, not that of the application', async () => {
    const namespace = uniqueNamespace();
    const realNow = Date.now;
    try {
      for (const skewMs of [-3_600_000, 3_600_000]) {
        Date.now = () => realNow() + skewMs;
        const { sessions } = await startSessions<Data>({ namespace, idleTimeout: '10m', absoluteTimeout: '20m' });
        const { id } = await sessions.create({}, { userId: '42' });
        Date.now = realNow;
        const other = await startSessions<Data>({ namespace, idleTimeout: '10m', absoluteTimeout: '20m' });
        const found = (await other.sessions.get(id))!;
        expect(Math.abs(found.createdAt.getTime() - realNow())).toBeLessThan(60_000);
        expect(await sessions.get(id)).toBeDefined();
      }
    } finally {
      Date.now = realNow;
    }
  });
});
