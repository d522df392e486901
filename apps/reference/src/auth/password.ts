import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

// Of the equally strong settings of OWASP's Password Storage Cheat Sheet the one with 32 MiB: four threads derive at once.
const COST = { ln: 15, r: 8, p: 3 };
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const FORMAT = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w+/-]+)\$([\w+/-]+)$/;

/** How a hash of today begins. */
const TODAY = `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$`;

/** Cost, salt and key as text, in the PHC string format. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return textOf(salt, await derive(password, salt, KEY_BYTES, optionsOf(COST.ln, COST.r, COST.p)));
}

/** Takes as long for a hash of nobody (`undefined`) as for one of today. */
export async function isPassword(password: string, hash = NOBODY): Promise<boolean> {
  const [, ln, r, p, salt = '', key = ''] = FORMAT.exec(hash) ?? [];
  const expected = Buffer.from(key, 'base64');
  const options = optionsOf(Number(ln), Number(r), Number(p));
  const actual = await derive(password, Buffer.from(salt, 'base64'), KEY_BYTES, options);
  return expected.length === actual.length && timingSafeEqual(expected, actual) && hash !== NOBODY;
}

/** Whether a hash was made at another cost than today's. */
export function isOutdated(hash: string): boolean {
  return !hash.startsWith(TODAY);
}

function optionsOf(ln: number, r: number, p: number): ScryptOptions {
  const N = 2 ** ln;
  // Node allows half of it by default, which these 32 MiB just exceed.
  return { N, r, p, maxmem: 256 * N * r };
}

function textOf(salt: Buffer, key: Buffer): string {
  const encoded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  return `${TODAY}${encoded(salt)}$${encoded(key)}`;
}

const NOBODY = textOf(Buffer.alloc(SALT_BYTES), Buffer.alloc(KEY_BYTES));
