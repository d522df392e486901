// @ts-check
import { OK, defect } from '../verdict.mjs';
import { comesTrue } from '../waiting.mjs';

/** @typedef {import('../adapter.mjs').Cache} Cache */
/** @typedef {import('../lab.mjs').Lab} Lab */
/** @typedef {import('./index.mjs').Scenario} Scenario */

const ENTRIES = 300;
const PROPAGATION_MS = 2_000;

/** @param {Lab} lab */
async function clearsEverything(lab) {
  const [a, b] = await lab.startTwo();
  const keys = Array.from({ length: ENTRIES }, (_, index) => `user${index}`);
  await Promise.all(keys.map((key) => a.getOrSet(key, () => 'old')));
  await Promise.all(keys.map((key) => b.getOrSet(key, () => 'old')));
  await a.clear?.();
  // B first: what A loads anew may reach B.
  for (const [name, cache] of /** @type {const} */ ([
    ['B', b],
    ['A', a],
  ])) {
    const isGone = async () => (await Promise.all(keys.map((key) => cache.getOrSet(key, () => 'new')))).includes('old');
    if (!(await comesTrue(isGone, false, PROPAGATION_MS))) return defect(`${name} still answers old values`);
  }
  return OK;
}

/** @param {Lab} lab */
async function leavesOthers(lab) {
  const mine = await lab.start();
  const neighbour = await lab.start({ namespace: 'shop2' });
  await mine.getOrSet('user42', () => 'mine');
  await neighbour.getOrSet('user42', () => 'theirs');
  for (const key of ['shopping:list', 'session:1']) await lab.admin.set(key, 'foreign');
  await mine.clear?.();
  if ((await lab.admin.exists('shopping:list', 'session:1')) !== 2) return defect('removes foreign keys');
  // A process that has read nothing yet looks into Redis.
  const fresh = await lab.start({ namespace: 'shop2' });
  const answer = await fresh.getOrSet('user42', () => 'reloaded');
  return answer === 'theirs' ? OK : defect('removes the entries of another namespace');
}

/** @type {readonly Scenario[]} */
export const CLEARING = [
  {
    name: 'clear empties every process',
    means: `A and B have ${ENTRIES} entries in memory. A clears; within two seconds neither answers one of them.`,
    needs: ['clear'],
    run: clearsEverything,
  },
  {
    name: 'clear leaves other keys alone',
    means: 'A neighbour in the namespace shop2, and foreign keys, survive that shop is cleared.',
    needs: ['clear'],
    run: leavesOthers,
  },
];
