// @ts-check
import { OK, defect } from '../verdict.mjs';
import { comesTrue, gatedLoader, outcomeOf } from '../waiting.mjs';

/** @typedef {import('../adapter.mjs').Cache} Cache */
/** @typedef {import('../lab.mjs').Lab} Lab */
/** @typedef {import('./index.mjs').Scenario} Scenario */

const CALL_MS = 2_000;
/** Who has no answer by then waits for the old load. */
const JOIN_MS = 1_000;

/** Waits until a loader runs. @param {ReturnType<typeof gatedLoader>} gated */
async function running(gated) {
  if (!(await comesTrue(async () => gated.runs() > 0, true, CALL_MS))) throw new Error('The loader never ran.');
}

/**
 * Process A loads the old value; while it does, `change` happens; then the load ends.
 *
 * @param {Lab} lab
 * @param {(a: Cache, b: Cache) => Promise<unknown> | undefined} change
 * @param {string} wanted what everybody must get afterwards
 */
async function changeDuringLoad(lab, change, wanted = 'new') {
  const [a, b] = await lab.startTwo();
  const old = gatedLoader('old');
  const loading = a.getOrSet('user42', old.load, lab.has('loadedTags') ? { tags: ['users'] } : {});
  await running(old);
  await change(a, b);
  old.open();
  await loading;
  const answers = [];
  for (const cache of [a, b, a, b]) answers.push(await cache.getOrSet('user42', () => 'new'));
  const isStale = [answers[0] !== wanted || answers[2] !== wanted, answers[1] !== wanted || answers[3] !== wanted];
  if (!isStale.includes(true)) return OK;
  return defect(isStale.every(Boolean) ? 'old value in both' : `old value in ${isStale[0] ? 'A' : 'B'}`);
}

/**
 * A reader that comes after the deletion, while the load that began before it still runs.
 * @param {Lab} lab
 * @param {'A' | 'B'} where
 */
async function readAfterDelete(lab, where) {
  const [a, b] = await lab.startTwo();
  const old = gatedLoader('old');
  const loading = a.getOrSet('user42', old.load);
  await running(old);
  await a.delete('user42');
  const reading = (where === 'A' ? a : b).getOrSet('user42', () => 'new');
  await outcomeOf(reading, JOIN_MS);
  old.open();
  await loading;
  const { value } = await outcomeOf(reading, CALL_MS);
  return value === 'new' ? OK : defect(`gets ${String(value)}`);
}

/** @type {readonly Scenario[]} */
export const LATE_LOADER = [
  {
    name: 'deleted by the process that loads',
    means: 'A loads a value and deletes the key before the load ends. Afterwards nobody gets the old value.',
    run: (lab) => changeDuringLoad(lab, (a) => a.delete('user42')),
  },
  {
    name: 'deleted by another process',
    means: 'The same, with B deleting the key.',
    run: (lab) => changeDuringLoad(lab, (_a, b) => b.delete('user42')),
  },
  {
    name: 'its tag invalidated by another process',
    means: 'The same, with B invalidating a tag that the entry will have.',
    needs: ['loadedTags'],
    run: (lab) => changeDuringLoad(lab, (_a, b) => b.invalidateTag?.('users')),
  },
  {
    name: 'set by another process',
    means: 'B sets the key to a newer value while A loads the older one. The newer one stays.',
    needs: ['set'],
    run: (lab) => changeDuringLoad(lab, (_a, b) => b.set?.('user42', 'set'), 'set'),
  },
  {
    name: 'a reader in the same process does not join the old load',
    means:
      'A deletes the key while it loads it; a reader who asks A after that, before the load ends, gets the new value.',
    run: (lab) => readAfterDelete(lab, 'A'),
  },
  {
    name: 'a reader in another process does not wait for the old load',
    means: 'The same, with the reader asking B.',
    run: (lab) => readAfterDelete(lab, 'B'),
  },
];
