// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { OK, defect, nameOf } from '../verdict.mjs';
import { outcomeOf } from '../waiting.mjs';

/** @typedef {import('../adapter.mjs').Cache} Cache */
/** @typedef {import('../lab.mjs').Lab} Lab */
/** @typedef {import('./index.mjs').Scenario} Scenario */

const CALLERS = 50;
const LOAD_MS = 200;
const CALL_MS = 2_000;
const TTL_MS = 1_000;
const GRACE_MS = 60_000;

/** @param {Cache[]} caches among which the callers are shared out */
async function stampede(caches) {
  let loads = 0;
  const load = async () => {
    loads += 1;
    await sleep(LOAD_MS);
    return 'value';
  };
  const callers = Array.from({ length: CALLERS }, (_, call) => caches[call % caches.length]?.getOrSet('user42', load));
  const answers = await Promise.all(callers);
  if (answers.some((answer) => answer !== 'value')) return defect('wrong answers');
  return loads === 1 ? OK : defect(`${loads} loads`);
}

/** @param {Lab} lab @param {unknown[]} values */
async function areStored(lab, values) {
  const cache = await lab.start();
  for (const [index, value] of values.entries()) {
    let loads = 0;
    for (let call = 0; call < 3; call += 1) {
      const asked = cache.getOrSet(`user${index}`, () => ((loads += 1), value));
      const { state, error, value: answer } = await outcomeOf(asked, CALL_MS);
      if (state !== 'answered') return defect(`throws ${nameOf(error)}`);
      if (answer !== value) return defect(`answers ${String(answer)}`);
    }
    if (loads !== 1) return defect('loaded every time');
  }
  return OK;
}

/** @param {Lab} lab */
async function loaderFails(lab) {
  const cache = await lab.start();
  class OutOfStock extends Error {}
  const thrown = new OutOfStock('none left');
  const { state, error, value } = await outcomeOf(
    cache.getOrSet('user42', () => Promise.reject(thrown)),
    CALL_MS,
  );
  if (state !== 'failed') return defect(`answers ${String(value)}`);
  return error === thrown ? OK : defect(`throws ${nameOf(error)} instead`);
}

/** An entry past its ttl, within its grace. @param {Cache} cache */
async function expiredEntry(cache) {
  const options = { ttlMs: TTL_MS, graceMs: GRACE_MS };
  await cache.getOrSet('user42', () => 'old', options);
  await sleep(TTL_MS * 1.5);
  return () =>
    outcomeOf(
      cache.getOrSet('user42', () => Promise.reject(new Error('source is down')), options),
      CALL_MS,
    );
}

/** @param {Lab} lab */
async function graceCovers(lab) {
  const ask = await expiredEntry(await lab.start());
  const { value, error } = await ask();
  return value === 'old' ? OK : defect(`throws ${nameOf(error)}`);
}

/** @param {Lab} lab */
async function graceEndsWithDelete(lab) {
  const [a, b] = await lab.startTwo();
  const ask = await expiredEntry(a);
  await b.delete('user42');
  await sleep(LOAD_MS);
  const { value } = await ask();
  return value === 'old' ? defect('answers the deleted value') : OK;
}

/** @type {readonly Scenario[]} */
export const LOADS = [
  {
    name: `${CALLERS} callers in one process, one load`,
    means: `${CALLERS} callers ask A for the same missing key at the same time.`,
    run: async (lab) => stampede([await lab.start()]),
  },
  {
    name: `${CALLERS} callers in two processes, one load`,
    means: 'The same, with half of them asking B.',
    run: async (lab) => stampede(await lab.startTwo()),
  },
  {
    name: 'null is stored',
    means: 'A loader that finds nothing and says null runs once for three calls.',
    run: (lab) => areStored(lab, [null]),
  },
  {
    name: 'undefined is stored',
    means: 'The same for undefined.',
    run: (lab) => areStored(lab, [undefined]),
  },
  {
    name: 'false, 0 and empty text are stored',
    means: 'The same for other values that are easily taken for a miss.',
    run: (lab) => areStored(lab, [false, 0, '']),
  },
  {
    name: 'the error of a loader reaches the caller',
    means: 'The caller gets the error object the loader threw, not another one and not an answer.',
    run: loaderFails,
  },
  {
    name: 'an expired value is answered while its loader fails',
    means: 'With grace asked for, as each system calls it.',
    needs: ['grace'],
    run: graceCovers,
  },
  {
    name: '… but not after it was deleted',
    means: 'B deletes the expired entry before the loader of A fails.',
    needs: ['grace'],
    run: graceEndsWithDelete,
  },
];
