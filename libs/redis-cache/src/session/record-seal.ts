import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { KeyRing, MasterKey } from './key-ring.js';

/**
 * A sealed record, byte by byte:
 *
 *     1        format, 1
 *     1        length of the key's id
 *     n        id of the master key, ASCII
 *     16       salt
 *     m        ciphertext, AES-256-GCM
 *     16       tag
 *
 * Key and nonce are derived from the master key and the salt with HKDF-SHA256, as RFC 8188 does (2.2 and 2.3). So no key
 * is used twice, and the 2^32 messages that one key may seal under random nonces (NIST SP 800-38D, 8.3) are no limit.
 * The tag covers the header and what the record is bound to: moved elsewhere, it does not open.
 */
const FORMAT = 1;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
/** Said to Node on both sides: Node 20 accepts tags of 4 bytes otherwise. */
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';
const INFO = 'nestjs-rcache session v1';

/** Why a record did not open: its key is not in the ring, or it is not what was sealed for this place. */
export type SealFailure = 'unknown-key' | 'tampered';

/** @param bound where this record belongs; it opens under the same bytes only */
export function seal(ring: KeyRing, bound: Buffer, plaintext: Buffer): Buffer {
  const header = Buffer.concat([Buffer.from([FORMAT, ring.current.id.length]), Buffer.from(ring.current.id, 'ascii')]);
  const salt = randomBytes(SALT_BYTES);
  const { key, nonce } = derive(ring.current, salt);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([header, bound]));
  const ciphertext = [cipher.update(plaintext), cipher.final()];
  return Buffer.concat([header, salt, ...ciphertext, cipher.getAuthTag()]);
}

export function open(ring: KeyRing, bound: Buffer, sealed: Buffer): Buffer | SealFailure {
  const headerBytes = 2 + (sealed[1] ?? 0);
  if (sealed[0] !== FORMAT || sealed.length < headerBytes + SALT_BYTES + TAG_BYTES) return 'tampered';
  const header = sealed.subarray(0, headerBytes);
  const master = ring.find(header.toString('latin1', 2));
  if (master === undefined) return 'unknown-key';
  const { key, nonce } = derive(master, sealed.subarray(headerBytes, headerBytes + SALT_BYTES));
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([header, bound]));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const opened = decipher.update(sealed.subarray(headerBytes + SALT_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    // What it deciphered so far is not authentic and must not be seen by anybody.
    return 'tampered';
  }
  return opened;
}

function derive({ secret }: MasterKey, salt: Buffer): { key: Buffer; nonce: Buffer } {
  const bytes = Buffer.from(hkdfSync('sha256', secret, salt, INFO, KEY_BYTES + NONCE_BYTES));
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) };
}
