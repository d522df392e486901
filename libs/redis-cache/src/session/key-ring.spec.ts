import { randomBytes } from 'node:crypto';
import { readKeyRing } from './key-ring.js';

const secret = (bytes = 32): string => randomBytes(bytes).toString('base64');

function refusals(texts: readonly unknown[], taken?: Buffer): string[] {
  const problems: string[] = [];
  expect(readKeyRing(texts, taken, problems)).toBeUndefined();
  return problems;
}

describe('a key ring', () => {
  it('seals with the first key and opens with all', () => {
    const ring = readKeyRing([`2026-11:${secret()}`, ` 2026-05:${secret(48)} `], undefined, []);
    expect(ring?.current.id).toBe('2026-11');
    expect(ring?.find('2026-11')).toBe(ring?.current);
    expect(ring?.find('2026-05')?.secret.symmetricKeySize).toBe(48);
    expect(ring?.find('2025-11')).toBeUndefined();
  });

  it('takes base64url too', () => {
    const url = Buffer.alloc(32, 0xfb).toString('base64url');
    expect(readKeyRing([`k:${url}`], undefined, [])?.current.secret.export()).toEqual(Buffer.alloc(32, 0xfb));
  });

  it('refuses keys that are short, or not base64', () => {
    expect(refusals([`a:${secret(31)}`])).toEqual([expect.stringContaining('Key "a" has 31 bytes')]);
    expect(refusals(['a:change-me!'])).toEqual([expect.stringContaining('Key "a" is not base64')]);
    expect(refusals(['a:'])).toEqual([expect.stringContaining('is not base64')]);
  });

  it('refuses keys that are used twice, under another name or for another purpose', () => {
    const one = secret();
    expect(refusals([`a:${one}`, `b:${one}`])).toEqual([expect.stringContaining('Keys "a" and "b" are the same')]);
    expect(refusals([`a:${one}`, `a:${secret()}`])).toEqual([expect.stringContaining('"a" is there twice')]);
    expect(refusals([`a:${one}`], Buffer.from(one, 'base64'))).toEqual([expect.stringContaining('also the indexKey')]);
  });

  it('refuses keys without a usable name, and none at all', () => {
    expect(refusals([secret()])).toEqual([expect.stringContaining('keys[0] has no usable name')]);
    expect(refusals([`two words:${secret()}`, 7])).toHaveLength(2);
    expect(refusals([])).toEqual([expect.stringContaining('keys is empty')]);
  });

  it('never repeats a secret', () => {
    const secrets = [secret(31), secret(), 'not base64 but secret'];
    const texts = [`a:${secrets[0]!}`, `b:${secrets[1]!}`, `c:${secrets[1]!}`, `d:${secrets[2]!}`, secrets[1]];
    const said = refusals(texts).join('\n');
    for (const each of secrets) expect(said).not.toContain(each);
  });
});
