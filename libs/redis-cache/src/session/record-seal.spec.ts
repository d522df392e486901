import fc from 'fast-check';
import { createSecretKey, randomBytes } from 'node:crypto';
import { KeyRing, type MasterKey } from './key-ring.js';
import { open, seal } from './record-seal.js';

const key = (id: string): MasterKey => ({ id, secret: createSecretKey(randomBytes(32)) });
const [old, current] = [key('2026-05'), key('2026-11')];
const ring = new KeyRing(current, [old]);
const bound = Buffer.from('session 1');

describe('a sealed record', () => {
  it('opens to what was sealed, under what it was bound to', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ maxLength: 4096 }), (boundTo, plaintext) => {
        const sealed = seal(ring, Buffer.from(boundTo), Buffer.from(plaintext));
        expect(open(ring, Buffer.from(boundTo), sealed)).toEqual(Buffer.from(plaintext));
      }),
    );
  });

  it('never looks the same twice', () => {
    const records = Array.from({ length: 1000 }, () => seal(ring, bound, Buffer.from('same')).toString('hex'));
    expect(new Set(records).size).toBe(1000);
  });

  it('does not open when any bit of it is flipped', () => {
    const sealed = seal(ring, bound, randomBytes(1024));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Buffer.from(sealed);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      // A flipped bit in the name of the key may make it the name of an unknown one.
      expect(['tampered', 'unknown-key']).toContain(open(ring, bound, flipped));
    }
  });

  it('does not open when it is cut short or made longer', () => {
    const sealed = seal(ring, bound, Buffer.from('text'));
    for (let length = 0; length < sealed.length; length++) {
      expect(open(ring, bound, sealed.subarray(0, length))).toEqual(expect.any(String));
    }
    expect(open(ring, bound, Buffer.concat([sealed, Buffer.alloc(1)]))).toBe('tampered');
  });

  it('does not open elsewhere than where it belongs', () => {
    const sealed = seal(ring, bound, Buffer.from('text'));
    expect(open(ring, Buffer.from('session 2'), sealed)).toBe('tampered');
    expect(open(ring, Buffer.alloc(0), sealed)).toBe('tampered');
  });

  it('opens with an older key of the ring, and not with one that left it', () => {
    const sealed = seal(new KeyRing(old), bound, Buffer.from('text'));
    expect(open(ring, bound, sealed)).toEqual(Buffer.from('text'));
    expect(open(new KeyRing(current), bound, sealed)).toBe('unknown-key');
  });

  it('does not open under the name of another key', () => {
    const impostor: MasterKey = { id: old.id, secret: current.secret };
    const sealed = seal(new KeyRing(old), bound, Buffer.from('text'));
    expect(open(new KeyRing(impostor), bound, sealed)).toBe('tampered');
  });

  it('holds nothing of what it seals in clear, but the name of the key', () => {
    const sealed = seal(ring, bound, Buffer.from('{"email":"ada@example.com"}'));
    expect(sealed.includes('ada@example.com')).toBe(false);
    expect(sealed.includes(current.secret.export())).toBe(false);
    expect(sealed.includes('2026-11')).toBe(true);
  });
});
