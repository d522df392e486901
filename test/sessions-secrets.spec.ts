import { createHash, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { CacheEvents } from '../libs/redis-cache/src/events.js';
import { uniqueNamespace } from './support/servers.js';
import { type Backend, dump, newKey, sessionKeys, startSessions } from './support/sessions.js';

interface Data {
  note?: string;
  views?: number;
}

const marker = 'MARKER-a7f3';

function readsOf({ events }: Backend): string[] {
  const results: string[] = [];
  events.on('session', ({ operation, result }: CacheEvents['session']) => {
    if (operation === 'read') results.push(result);
  });
  return results;
}

/** Replaces one field of one session, as somebody with access to Redis could. */
async function overwrite(process: Backend, handle: string, field: string, value: string | Buffer): Promise<void> {
  const key = [...(await dump(process)).keys()].find((each) => each.endsWith(handle))!;
  await process.connection.client.hset(key, field, value);
}

async function fieldOf(process: Backend, handle: string, field: string): Promise<Buffer> {
  const key = [...(await dump(process)).keys()].find((each) => each.endsWith(handle))!;
  return (await process.connection.client.hgetBuffer(key, field))!;
}

describe('a dump of Redis', () => {
  it('holds no id, no data, no user, no device and no key, nor a hash of them that anybody could compute', async () => {
    const process = await startSessions<Data>({ rotateEvery: '1h' });
    const { sessions } = process;
    const options = { userId: `user-${marker}`, ip: '203.0.113.77', userAgent: `Browser ${marker}` };
    const session = await sessions.create({ note: marker }, options);
    const ids = [session.id];
    await sessions.rotate(session, { grace: true });
    await sessions.update(session, { note: `${marker} again` });
    ids.push(session.id, (await sessions.create({ note: marker })).id);

    const held = await dump(process);
    expect(held.size).toBe(4);
    const bytes = Buffer.concat([...held].flatMap(([key, values]) => [Buffer.from(key), ...values]));
    const [key] = sessionKeys.keys as [string];
    const secrets = [...ids, ...ids.map((id) => id.slice(2)), options.userId, options.ip, options.userAgent, marker];
    const hashes = secrets.map((secret) => createHash('sha256').update(secret).digest());
    const keys = [key.slice('test:'.length), sessionKeys.indexKey].map((text) => Buffer.from(text, 'base64'));
    for (const needle of [...secrets.map((text) => Buffer.from(text)), ...hashes, ...keys]) {
      for (const spelling of [
        needle,
        needle.toString('hex'),
        needle.toString('base64url'),
        needle.toString('base64'),
      ]) {
        expect(bytes.includes(spelling)).toBe(false);
      }
    }
  });
});

describe('somebody who can write to Redis', () => {
  it('cannot give one session what belongs to another, in any combination', async () => {
    const namespaces = [uniqueNamespace(), uniqueNamespace()] as const;
    const [process, foreign] = await Promise.all(
      namespaces.map((namespace) => startSessions<Data>({ namespace, rotateEvery: '1h' })),
    );
    const { sessions } = process!;
    const results = readsOf(process!);
    const victim = await sessions.create({ note: 'victim' }, { userId: '42' });
    const [ofVictim, ofOther, ofNobody, rotated] = await Promise.all([
      sessions.create({ note: 'same user' }, { userId: '42' }),
      sessions.create({ note: 'other user' }, { userId: '43' }),
      sessions.create({ note: 'nobody' }),
      sessions.create({ note: 'rotated' }, { userId: '42' }),
    ]);
    const { handle: ofRotated } = rotated;
    await sessions.rotate(rotated, { grace: true });
    const elsewhere = await foreign!.sessions.create({ note: 'other namespace' }, { userId: '42' });

    const records = [
      ...(await Promise.all([ofVictim, ofOther, ofNobody].map(({ handle }) => fieldOf(process!, handle, 'd')))),
      await fieldOf(process!, ofRotated, 'd'),
      await fieldOf(foreign!, elsewhere.handle, 'd'),
    ];
    for (const record of records) {
      await overwrite(process!, victim.handle, 'd', record);
      expect(await sessions.get(victim.id)).toBeUndefined();
    }
    expect(results).toEqual(records.map(() => 'tampered'));
  });

  it('cannot bring back an older state, lengthen a session, or turn an old id into a session', async () => {
    const process = await startSessions<Data>({ rotateEvery: '1h' });
    const { sessions, connection } = process;
    const session = await sessions.create({ note: 'one' }, { userId: '42' });
    const older = await fieldOf(process, session.handle, 'd');
    await sessions.update(session, { note: 'two' });
    const newer = await fieldOf(process, session.handle, 'd');

    await overwrite(process, session.handle, 'd', older);
    expect(await sessions.get(session.id)).toBeUndefined();
    await overwrite(process, session.handle, 'd', newer);
    expect((await sessions.get(session.id))!.data.note).toBe('two');

    const deadline = Number(await fieldOf(process, session.handle, 'x'));
    await overwrite(process, session.handle, 'x', String(deadline + 3_600_000));
    expect(await sessions.get(session.id)).toBeUndefined();
    await overwrite(process, session.handle, 'x', String(deadline));

    const { id: before, handle } = session;
    await sessions.rotate(session, { grace: true });
    const key = [...(await dump(process)).keys()].find((each) => each.endsWith(handle))!;
    await connection.client.hdel(key, 'g');
    expect(await sessions.get(before)).toBeUndefined();
  });

  it('gets nothing accepted by flipping any bit of a record', async () => {
    const process = await startSessions<Data>();
    const { sessions, connection } = process;
    const session = await sessions.create({ note: randomBytes(64).toString('hex') });
    const results = readsOf(process);
    const record = await fieldOf(process, session.handle, 'd');
    const key = [...(await dump(process)).keys()].find((each) => each.endsWith(session.handle))!;
    for (let bit = 0; bit < record.length * 8; bit++) {
      const flipped = Buffer.from(record);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await connection.client.hset(key, 'd', flipped);
      expect(await sessions.get(session.id)).toBeUndefined();
    }
    expect(results).toHaveLength(record.length * 8);
    expect(new Set(results)).toEqual(new Set(['tampered', 'unknown-key']));
    await connection.client.hset(key, 'd', record);
    expect(await sessions.get(session.id)).toBeDefined();
  }, 30_000);

  it('makes no request fail with damaged fields', async () => {
    const process = await startSessions<Data>();
    const { sessions } = process;
    for (const [field, value] of [
      ['v', 'x'],
      ['v', ''],
      ['x', 'x'],
      ['t', 'x'],
      ['d', ''],
      ['d', '\x01\xff'],
      ['g', 'x'],
    ] as const) {
      const session = await sessions.create({}, { userId: '42' });
      await overwrite(process, session.handle, field, value);
      expect(await sessions.get(session.id)).toBeUndefined();
    }
    await sessions.listOf('42');
    await sessions.destroyAllOf('42');
    expect(await sessions.count()).toBe(0);
  });
});

describe('a service', () => {
  it('shows no key to whoever logs it', async () => {
    const { sessions } = await startSessions<Data>();
    const shown = inspect(sessions, { depth: 9, showHidden: true, maxArrayLength: null }) + JSON.stringify(sessions);
    for (const text of [sessionKeys.indexKey, sessionKeys.keys[0]!.slice('test:'.length)]) {
      const bytes = Buffer.from(text, 'base64');
      for (const spelling of [text, bytes.toString('hex'), [...bytes].join(', '), inspect(bytes).slice(8, 40)]) {
        expect(shown).not.toContain(spelling);
      }
    }
  });
});

describe('a change of the master key', () => {
  it('logs nobody out while requests go on, and seals with the new key at the next write', async () => {
    const namespace = uniqueNamespace();
    const keys = [newKey('k0'), newKey('k1'), newKey('k2'), newKey('k3')] as const;
    const rings = [
      [keys[0]],
      [keys[0], keys[1]],
      [keys[1], keys[0]],
      [keys[1], keys[2]],
      [keys[2], keys[1]],
      [keys[2], keys[3]],
      [keys[3], keys[2]],
    ];
    const first = await startSessions<Data>({ namespace, keys: rings[0]! });
    const made = await Promise.all(
      Array.from({ length: 30 }, (_, user) => first.sessions.create({ views: 0 }, { userId: `u${user}` })),
    );
    let previous = first;
    for (const ring of rings.slice(1)) {
      // Both generations of processes serve requests during a rollout.
      const next = await startSessions<Data>({ namespace, keys: ring });
      for (const { sessions } of [previous, next, previous]) {
        await Promise.all(
          made.map(async ({ id }) => {
            const session = await sessions.get(id);
            expect(session).toBeDefined();
            expect(await sessions.update(session!, (data) => (data.views! += 1))).toBe(true);
          }),
        );
      }
      previous = next;
    }
    expect((await previous.sessions.get(made[0]!.id))!.data.views).toBe(18);
    for (const { handle } of made) expect((await fieldOf(previous, handle, 'd')).includes('k2')).toBe(true);
    await Promise.all(
      made.map(async ({ id }) => previous.sessions.update((await previous.sessions.get(id))!, { views: 0 })),
    );
    for (const { handle } of made) expect((await fieldOf(previous, handle, 'd')).includes('k3')).toBe(true);
  }, 30_000);

  it('leaves alone what is sealed with a key this process does not know yet', async () => {
    const namespace = uniqueNamespace();
    const [old, fresh] = [newKey('old'), newKey('new')];
    const ahead = await startSessions<Data>({ namespace, keys: [fresh, old] });
    const behind = await startSessions<Data>({ namespace, keys: [old] });
    const results = readsOf(behind);
    const session = await behind.sessions.create({ views: 1 }, { userId: '42' });
    await ahead.sessions.update((await ahead.sessions.get(session.id))!, { views: 2 });

    expect(await behind.sessions.get(session.id)).toBeUndefined();
    expect(results).toEqual(['unknown-key']);
    session.data.views = 3;
    expect(await behind.sessions.save(session)).toBe('gone');
    expect(await behind.sessions.rotate(session)).toBe(false);
    expect(await behind.sessions.listOf('42')).toEqual([]);
    expect((await ahead.sessions.get(session.id))!.data.views).toBe(2);
    expect(await behind.sessions.count('42')).toBe(1);
    expect(await behind.sessions.destroyAllOf('42')).toBe(1);
    expect(await ahead.sessions.get(session.id)).toBeUndefined();
  });

  it('ends what is sealed with a key that left the ring', async () => {
    const namespace = uniqueNamespace();
    const before = await startSessions<Data>({ namespace, keys: [newKey('compromised')] });
    const after = await startSessions<Data>({ namespace, keys: [newKey('clean')] });
    const { id } = await before.sessions.create({});
    expect(await after.sessions.get(id)).toBeUndefined();
  });
});

describe('a schema', () => {
  /** Accepts data with a positive number of views, and adds what is missing. */
  const schema: StandardSchemaV1<unknown, { views: number; note: string }> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: async (value) => {
        const { views, note } = value as Data;
        if (typeof views !== 'number' || views < 0) return { issues: [{ message: 'no views' }] };
        return { value: { views, note: note ?? 'none' } };
      },
    },
  };

  it('decides about every session that is read', async () => {
    const namespace = uniqueNamespace();
    const lax = await startSessions<Data>({ namespace });
    const strict = await startSessions({ namespace, schema });
    const results = readsOf(strict);
    const [good, bad] = [await lax.sessions.create({ views: 1 }), await lax.sessions.create({ views: -1 })];
    expect((await strict.sessions.get(good.id))!.data).toEqual({ views: 1, note: 'none' });
    expect(await strict.sessions.get(bad.id)).toBeUndefined();
    expect(results).toEqual(['ok', 'invalid']);
    expect(await lax.sessions.get(bad.id)).toBeDefined();
  });

  it('causes no write by what it adds', async () => {
    const namespace = uniqueNamespace();
    const lax = await startSessions<Data>({ namespace });
    const strict = await startSessions({ namespace, schema });
    const { id } = await lax.sessions.create({ views: 1 });
    const session = (await strict.sessions.get(id))!;
    expect(await strict.sessions.save(session)).toBe('unchanged');
    session.data.views = 2;
    expect(await strict.sessions.save(session)).toBe('saved');
    expect(await strict.sessions.save(session)).toBe('unchanged');
    expect((await lax.sessions.get(id))!.data).toEqual({ views: 2 });
  });
});
