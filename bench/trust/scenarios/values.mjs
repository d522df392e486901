// @ts-check
import { randomBytes } from 'node:crypto';
import { inspect, isDeepStrictEqual } from 'node:util';
import { OK, defect, nameOf } from '../verdict.mjs';
import { outcomeOf } from '../waiting.mjs';

/** @typedef {import('../adapter.mjs').Cache} Cache */
/** @typedef {import('../lab.mjs').Lab} Lab */
/** @typedef {import('./index.mjs').Scenario} Scenario */

const CALL_MS = 2_000;

const TYPES = {
  Date: new Date(5),
  Map: new Map([['a', 1]]),
  Set: new Set([1, 2]),
  BigInt: 12n,
  bytes: Buffer.from([0, 255, 128]),
  'undefined field': { a: undefined, b: 1 },
  NaN: NaN,
  '-0': -0,
};

/** Pairs of different arguments, and what they are called. @type {[name: string, one: unknown[], other: unknown[]][]} */
const ARGUMENTS = [
  ["1 and '1'", [1], ['1']],
  ["null and 'null'", [null], ['null']],
  ["true and 'true'", [true], ['true']],
  ["'a','b:c' and 'a:b','c'", ['a', 'b:c'], ['a:b', 'c']],
  ['a Date and its text', [new Date(0)], [new Date(0).toISOString()]],
  // Alike under djb2, a hash of 32 bits.
  ["'u1r' and 'u30'", ['u1r'], ['u30']],
];

/** @param {Lab} lab */
async function typesSurvive(lab) {
  const [a, b] = await lab.startTwo();
  const lost = [];
  for (const [index, [name, value]] of Object.entries(TYPES).entries()) {
    for (const cache of [a, a, b]) {
      const { state, value: answer } = await outcomeOf(
        cache.getOrSet(`value${index}`, () => value),
        CALL_MS,
      );
      if (state === 'answered' && isDeepStrictEqual(answer, value)) continue;
      lost.push(state === 'failed' ? `${name} (throws)` : name);
      break;
    }
  }
  return lost.length === 0 ? OK : defect(`lost: ${lost.join(', ')}`);
}

/** @param {Lab} lab */
async function mutationStaysOutside(lab) {
  const cache = await lab.start();
  const load = () => ({ roles: ['user'] });
  for (let call = 0; call < 3; call += 1) {
    const answer = await cache.getOrSet('user42', load);
    if (!isDeepStrictEqual(answer, load())) return defect('changes what others get');
    try {
      answer.roles.push('admin');
    } catch {
      // A frozen answer cannot be changed at all.
    }
  }
  return OK;
}

/** @param {Lab} lab */
async function prototypeIsSafe(lab) {
  const [a, b] = await lab.startTwo();
  const hostile = () =>
    JSON.parse('{"name":"x","__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}');
  for (const cache of [a, a, b]) {
    const answer = await cache.getOrSet('user42', hostile);
    if (/** @type {any} */ ({}).isAdmin !== undefined) return defect('pollutes every object');
    if (answer.isAdmin !== undefined) return defect('the value gets a foreign prototype');
  }
  return OK;
}

/** @param {Lab} lab */
async function argumentsDiffer(lab) {
  const cache = await lab.start();
  const met = [];
  for (const [name, one, other] of ARGUMENTS) {
    await cache.call?.(one, () => 'one');
    if ((await cache.call?.(other, () => 'other')) !== 'other') met.push(name);
  }
  return met.length === 0 ? OK : defect(`one key: ${met.join('; ')}`);
}

const DAMAGE = {
  truncated: (/** @type {Lab} */ lab, /** @type {string} */ key) => cutInHalf(lab, key),
  'random bytes': (/** @type {Lab} */ lab, /** @type {string} */ key) => lab.admin.set(key, randomBytes(64)),
  'foreign JSON': (/** @type {Lab} */ lab, /** @type {string} */ key) => lab.admin.set(key, '{"hello":"world"}'),
  'another type': async (/** @type {Lab} */ lab, /** @type {string} */ key) => {
    await lab.admin.del(key);
    await lab.admin.rpush(key, 'x');
  },
};

/** @param {Lab} lab @param {string} key */
async function cutInHalf(lab, key) {
  const stored = await lab.admin.getBuffer(key);
  if (!stored) throw new Error(`${key} is gone.`);
  await lab.admin.set(key, stored.subarray(0, stored.length >> 1));
}

/** @param {Lab} lab */
async function damageIsAMiss(lab) {
  const kinds = Object.entries(DAMAGE).map(([name, damage], index) => ({ name, damage, key: `value${index}` }));
  const before = await lab.start();
  for (const { damage, key } of kinds) {
    await before.getOrSet(key, () => ({ name: 'old', text: 'x'.repeat(50) }));
    for (const stored of await lab.storedKeys(key)) {
      if ((await lab.admin.type(stored)) === 'string') await damage(lab, stored);
    }
  }
  // Nothing is in its memory, so that it must look at what is stored.
  const fresh = await lab.start();
  const wrong = [];
  for (const { name, key } of kinds) {
    const { state, value, error } = await outcomeOf(
      fresh.getOrSet(key, () => 'new'),
      CALL_MS,
    );
    if (state !== 'answered') wrong.push(`${name}: throws ${nameOf(error)}`);
    else if (value !== 'new') wrong.push(`${name}: answers ${inspect(value)}`);
  }
  return wrong.length === 0 ? OK : defect(wrong.join('; '));
}

/** @type {readonly Scenario[]} */
export const VALUES = [
  {
    name: 'types survive',
    means: `${Object.keys(TYPES).join(', ')}: A answers what its loader gave, from memory too, and so does B.`,
    run: typesSurvive,
  },
  {
    name: 'changing an answer changes nothing else',
    means: 'A caller changes the object it got. The next caller gets it as it was loaded.',
    run: mutationStaysOutside,
  },
  {
    name: 'a hostile value pollutes no prototype',
    means: 'A value has fields named `__proto__` and `constructor`, as JSON from outside may.',
    run: prototypeIsSafe,
  },
  {
    name: 'different arguments, different keys',
    means: `Arguments that differ do not share an entry: ${ARGUMENTS.map(([name]) => name).join('; ')}.`,
    needs: ['arguments'],
    run: argumentsDiffer,
  },
  {
    name: 'damaged entries are a miss',
    means:
      'What is stored is cut in half, overwritten with bytes or foreign JSON, or of another Redis type. A process that reads it then loads anew.',
    run: damageIsAMiss,
  },
];
