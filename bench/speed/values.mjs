// @ts-check

/** @typedef {import('./systems.mjs').Subject} Subject */

export const KEYS = 1_000;
export const BYTES = { small: 100, usual: 1_000, large: 10_000, huge: 100_000 };

const PASSES = 3;
const WORDS = 'amber birch cedar delta ember flint grove hazel ivory juniper kelp larch maple north olive pine'.split(
  ' ',
);
const BYTES_PER_ROW = 100;

/** An object that is about so many bytes of JSON; a large one is a list of rows. @param {number} bytes */
export function valueOf(bytes) {
  if (bytes > BYTES.usual) return { rows: Array.from({ length: bytes / BYTES_PER_ROW }, (_, id) => rowOf(id)) };
  return { id: 42, name: 'Ada', tags: ['a', 'b'], isActive: true, text: 'x'.repeat(bytes - 60) };
}

/** About 100 bytes that no two rows share, as compression would make too little of repetitions. @param {number} id */
function rowOf(id) {
  // The generator of Park and Miller: the same text in every run.
  let seed = id + 1;
  const next = () => (seed = (seed * 48_271) % 2_147_483_647);
  const word = () => WORDS[next() % WORDS.length] ?? '';
  return {
    id,
    name: `${word()} ${word()}`,
    email: `${word()}${next() % 1e6}@example.org`,
    score: next() % 1e4,
    note: word(),
  };
}

/** @param {number} operation */
export const keyOf = (operation) => `user:${operation % KEYS}`;

/**
 * Stores keys and reads them again: the first read after a load may be the one that fills the memory.
 *
 * @param {Subject} cache
 * @param {unknown} value
 * @param {import('../trust/adapter.mjs').EntryOptions} [options]
 * @param {(key: number) => string} [spell]
 */
export async function fill(cache, value, options, spell = keyOf) {
  for (let pass = 0; pass < PASSES; pass += 1) {
    await each(KEYS, (key) => cache.getOrSet(spell(key), () => value, options));
  }
}

/**
 * Works through numbers from 0, some at a time.
 * @param {number} count
 * @param {(index: number) => Promise<unknown>} work
 * @param {number} [atOnce]
 */
export async function each(count, work, atOnce = 64) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** @returns {never} */
export function missing() {
  throw new Error('An entry that was stored is gone.');
}
