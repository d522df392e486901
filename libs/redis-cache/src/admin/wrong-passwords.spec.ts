import { MAX_WRONG, WrongPasswords } from './wrong-passwords.js';

describe('wrong passwords', () => {
  const after = (addresses: readonly string[], asked: string): number => {
    const wrong = new WrongPasswords();
    for (const address of addresses) wrong.note(address, 0);
    return wrong.waitMs(asked, 1_000);
  };
  const many = (address: string): string[] => Array<string>(MAX_WRONG).fill(address);

  it('make their address wait, and no other', () => {
    expect(after(many('203.0.113.7'), '203.0.113.7')).toBe(59_000);
    expect(after(many('203.0.113.7'), '203.0.113.8')).toBe(0);
    expect(after(many('203.0.113.7').slice(1), '203.0.113.7')).toBe(0);
  });

  it('count together for a network of IPv6, however it is written', () => {
    const network = Array.from({ length: MAX_WRONG }, (_, index) => `2001:db8:0:7::${index}`);
    expect(after(network, '2001:db8:0:7:1:2:3:4')).toBe(59_000);
    expect(after(network, '2001:db8:0:8::1')).toBe(0);
    expect(after(many('::1'), '2001:db8::1')).toBe(0);
    expect(after(many('::ffff:203.0.113.7'), '203.0.113.7')).toBe(59_000);
  });

  it('are forgotten after a minute', () => {
    const wrong = new WrongPasswords();
    for (const address of many('a')) wrong.note(address, 0);
    expect(wrong.waitMs('a', 60_000)).toBe(0);
    expect(wrong.note('a', 60_000)).toBe(1);
  });
});
