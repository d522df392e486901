import { createHash, createSecretKey, randomBytes } from 'node:crypto';
import { Keyspace } from '../redis/keyspace.js';
import { slotOf } from '../redis/slots.js';
import { isHandle, isSessionId, SessionNames } from './session-names.js';

const names = new SessionNames(new Keyspace('app'), createSecretKey(randomBytes(32)));

describe('the id of a session', () => {
  it('holds 256 random bits behind its group', () => {
    const ids = Array.from({ length: 2000 }, () => names.newId('42'));
    expect(ids.every(isSessionId)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Buffer.from(ids[0]!.slice(2), 'base64url')).toHaveLength(32);
    // Each bit is set in about a half of them.
    const counts = Array.from({ length: 256 }, () => 0);
    for (const id of ids) {
      const bytes = Buffer.from(id.slice(2), 'base64url');
      for (const bit of counts.keys()) counts[bit]! += (bytes[bit >> 3]! >> (bit & 7)) & 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });

  it.each([
    undefined,
    null,
    7,
    '',
    'a'.repeat(44),
    'a'.repeat(46),
    `${'a'.repeat(44)}=`,
    `${'a'.repeat(44)}é`,
    `${'a'.repeat(44)}\n`,
  ])('is not %p', (text) => {
    expect(isSessionId(text)).toBe(false);
  });
});

describe('what Redis holds of ids', () => {
  it('is an HMAC: neither the id, nor a hash of it or of the user that anybody could compute', () => {
    const id = names.newId('42');
    const { key, handle } = names.placeOf(id);
    expect(isHandle(handle)).toBe(true);
    const hashes = [id, id.slice(2), '42'].flatMap((text) =>
      (['hex', 'base64url'] as const).map((encoding) => createHash('sha256').update(text).digest(encoding)),
    );
    for (const secret of [id, id.slice(2), ...hashes]) expect(`${key}${names.userKey('42')}`).not.toContain(secret);
  });

  it('depends on the index key', () => {
    const other = new SessionNames(new Keyspace('app'), createSecretKey(randomBytes(32)));
    const id = names.newId('42');
    expect(other.placeOf(id).handle).not.toBe(names.placeOf(id).handle);
    expect(other.userKey('42')).not.toBe(names.userKey('42'));
  });

  it('lies in one slot for all sessions of a user and their index, also after a rotation', () => {
    const ids = [names.newId('42'), names.newId('42')];
    ids.push(names.newIdBeside(ids[0]!));
    const keys = [names.userKey('42'), ...ids.map((id) => names.placeOf(id).key)];
    expect(new Set(keys.map(slotOf)).size).toBe(1);
    expect(names.placeFor('42', names.placeOf(ids[0]!).handle)).toEqual(names.placeOf(ids[0]!));
  });

  it('is spread over the slots by user, and for nobody in particular too', () => {
    const users = Array.from({ length: 300 }, (_, user) => slotOf(names.userKey(String(user))));
    const nobody = Array.from({ length: 300 }, () => slotOf(names.placeOf(names.newId(undefined)).key));
    for (const slots of [users, nobody]) expect(new Set(slots).size).toBeGreaterThan(250);
  });

  it('tells of the user in the cookie no more than one group of 4,096', () => {
    const groups = new Set(Array.from({ length: 300 }, () => names.newId('42').slice(0, 2)));
    expect(groups.size).toBe(1);
    const shared = Array.from({ length: 20_000 }, (_, user) => names.newId(`u${user}`).slice(0, 2)).filter((group) =>
      groups.has(group),
    );
    expect(shared.length).toBeGreaterThan(0);
  });

  it('differs when the id is presented with another group', () => {
    const id = names.newId('42');
    const moved = `${id.startsWith('AA') ? 'BB' : 'AA'}${id.slice(2)}`;
    expect(names.placeOf(moved).handle).not.toBe(names.placeOf(id).handle);
  });
});
