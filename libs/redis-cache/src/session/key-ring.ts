import { createSecretKey, type KeyObject } from 'node:crypto';

/** A master key; the keys that records are sealed with are derived from it. */
export interface MasterKey {
  /** Stored with every record, in clear: 1 to 32 of `A-Z a-z 0-9 _ . -`. */
  readonly id: string;
  readonly secret: KeyObject;
}

/** Bytes a secret must have at least: what AES-256 can use. */
export const MIN_SECRET_BYTES = 32;

const KEY_ID = /^[A-Za-z0-9_.-]{1,32}$/;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** The master keys that may open a record; the first one seals. */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, MasterKey>;

  constructor(
    readonly current: MasterKey,
    older: readonly MasterKey[] = [],
  ) {
    this.#keys = new Map([current, ...older].map((key) => [key.id, key]));
  }

  /** `undefined` for a key this process does not know, or not any more. */
  find(id: string): MasterKey | undefined {
    return this.#keys.get(id);
  }
}

/** The bytes of a secret in base64 or base64url, or a sentence part that says what is wrong with it. */
export function readSecret(text: unknown): Buffer | string {
  if (typeof text !== 'string' || !BASE64.test(text)) return 'is not base64';
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length < MIN_SECRET_BYTES) return `has ${bytes.length} bytes`;
  return bytes;
}

/**
 * Reads `<id>:<base64>` texts, the current key first; says what is wrong with them in `problems`, never what they are.
 *
 * @param taken a secret with another purpose, which no key may have
 */
export function readKeyRing(
  texts: readonly unknown[],
  taken: Buffer | undefined,
  problems: string[],
): KeyRing | undefined {
  const before = problems.length;
  const seen: { id: string; bytes: Buffer }[] = [];
  for (const [index, text] of texts.entries()) {
    const [, id, base64] = /^([^:]*):(.*)$/s.exec(typeof text === 'string' ? text.trim() : '') ?? [];
    if (id === undefined || !KEY_ID.test(id)) {
      problems.push(
        `keys[${index}] has no usable name. It must be <name>:<base64>, the name 1 to 32 of A-Z a-z 0-9 _ . -`,
      );
      continue;
    }
    const bytes = readSecret(base64);
    const twin = typeof bytes === 'string' ? undefined : seen.find((other) => other.bytes.equals(bytes));
    if (typeof bytes === 'string')
      problems.push(`Key "${id}" ${bytes}. It must be base64 of at least ${MIN_SECRET_BYTES} random bytes.`);
    else if (seen.some((other) => other.id === id))
      problems.push(`Key "${id}" is there twice. Give each key a name of its own.`);
    else if (twin !== undefined)
      problems.push(`Keys "${twin.id}" and "${id}" are the same. A new key must be a new secret.`);
    else if (taken?.equals(bytes)) problems.push(`Key "${id}" is also the indexKey. It must be a secret of its own.`);
    else seen.push({ id, bytes });
  }
  const [current, ...older] = seen.map(({ id, bytes }): MasterKey => ({ id, secret: createSecretKey(bytes) }));
  if (current === undefined && problems.length === before)
    problems.push('keys is empty. It must be a list of <name>:<base64>, the current key first.');
  return current === undefined || problems.length > before ? undefined : new KeyRing(current, older);
}
