import { scryptSync } from 'node:crypto';
import { hashPassword, isOutdated, isPassword } from './password.js';

describe('a hash of a password', () => {
  it('knows its own password and no other', async () => {
    const hash = await hashPassword('correct horse');
    expect(await isPassword('correct horse', hash)).toBe(true);
    expect(await isPassword('correct horsf', hash)).toBe(false);
    expect(isOutdated(hash)).toBe(false);
  });

  it('is another one each time, and says how it was made', async () => {
    const hash = await hashPassword('correct horse');
    expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(await hashPassword('correct horse')).not.toBe(hash);
  });

  it('made at a lower cost still opens, and is told apart', async () => {
    const salt = Buffer.alloc(16, 0xfb);
    // As the migration writes those from before, in base64url.
    const key = scryptSync('correct horse', salt, 32);
    const hash = `$scrypt$ln=14,r=8,p=1$${salt.toString('base64url')}$${key.toString('base64url')}`;
    expect(await isPassword('correct horse', hash)).toBe(true);
    expect(await isPassword('correct horsf', hash)).toBe(false);
    expect(isOutdated(hash)).toBe(true);
  });

  it('of nobody takes about as long as any, and fits no password', async () => {
    const hash = await hashPassword('correct horse');
    const timed = async (candidate?: string): Promise<number> => {
      const startedMs = performance.now();
      expect(await isPassword('wrong horse', candidate)).toBe(false);
      return performance.now() - startedMs;
    };
    const [known, nobody] = [await timed(hash), await timed()];
    expect(nobody).toBeGreaterThan(known / 5);
  });

  it.each(['', 'x', '$scrypt$ln=15,r=8,p=3$$', 'salt.key'])('that is none (%j) fits no password', async (hash) => {
    await expect(isPassword('', hash).catch(() => false)).resolves.toBe(false);
  });
});
