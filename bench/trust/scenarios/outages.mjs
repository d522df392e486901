// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { OK, defect, nameOf, ok, seconds } from '../verdict.mjs';
import { outcomeOf } from '../waiting.mjs';

/** @typedef {import('../adapter.mjs').Cache} Cache */
/** @typedef {import('../lab.mjs').Lab} Lab */
/** @typedef {import('./index.mjs').Scenario} Scenario */

/** What a user waits for without leaving. */
const BUDGET_MS = 2_000;
const PATIENCE_MS = 5_000;
const RETURN_MS = 4_000;
const POLL_MS = 50;

/**
 * A read of a key that is nowhere, so that the loader must answer.
 * @param {Cache} cache
 * @param {string} [key]
 */
async function readAnswers(cache, key = 'user43') {
  const { state, value, error, ms } = await outcomeOf(
    cache.getOrSet(key, () => 'loaded'),
    PATIENCE_MS,
  );
  if (state === 'pending') return defect(`no answer in ${PATIENCE_MS / 1000} s`);
  if (state === 'failed') return defect(`throws ${nameOf(error)} after ${seconds(ms)}`);
  if (value !== 'loaded') return defect(`answers ${String(value)}`);
  return ms <= BUDGET_MS ? ok(seconds(ms)) : defect(`answers after ${seconds(ms)}`);
}

/** @param {Lab} lab @param {() => unknown} fail */
async function readDuring(lab, fail) {
  const cache = await lab.start();
  await cache.getOrSet('user42', () => 'value');
  await fail();
  return readAnswers(cache);
}

/** @param {Lab} lab */
async function startWithoutRedis(lab) {
  lab.proxy.apply({ type: 'refuse' });
  const starting = await outcomeOf(lab.start(), PATIENCE_MS);
  if (starting.state === 'pending') return defect(`no start in ${PATIENCE_MS / 1000} s`);
  if (starting.state === 'failed') return defect(`start throws ${nameOf(starting.error)}`);
  return readAnswers(starting.value);
}

/** @param {Lab} lab */
async function recovers(lab) {
  const [a, b] = await lab.startTwo();
  lab.proxy.apply({ type: 'black-hole' });
  await outcomeOf(
    a.getOrSet('user42', () => 'loaded'),
    BUDGET_MS,
  );
  lab.proxy.heal();
  lab.proxy.reset();
  const deadlineMs = performance.now() + RETURN_MS;
  for (let attempt = 0; performance.now() < deadlineMs; attempt += 1) {
    const key = `user5${attempt}`;
    await outcomeOf(
      a.getOrSet(key, () => 'shared'),
      BUDGET_MS,
    );
    const { value } = await outcomeOf(
      b.getOrSet(key, () => 'own'),
      BUDGET_MS,
    );
    if (value === 'shared') return OK;
    await sleep(POLL_MS);
  }
  return defect(`not within ${RETURN_MS / 1000} s`);
}

/** @param {Lab} lab */
async function deleteDuring(lab) {
  const [a, b] = await lab.startTwo();
  for (const cache of [a, b]) await cache.getOrSet('user42', () => 'old');
  lab.proxy.apply({ type: 'black-hole' });
  const deleted = await outcomeOf(a.delete('user42'), PATIENCE_MS);
  const meanwhile = await outcomeOf(
    a.getOrSet('user42', () => 'new'),
    BUDGET_MS,
  );
  lab.proxy.heal();
  lab.proxy.reset();
  const after = await answersAfterReturn(a, b);
  const faults = [
    deleted.state === 'pending' && 'delete hangs',
    deleted.state === 'failed' && `delete throws ${nameOf(deleted.error)}`,
    (after.a.includes('old') || meanwhile.value === 'old') && 'A answers it again',
    after.b.at(-1) === 'old' && 'B keeps it',
  ].filter(Boolean);
  // Saying so is no defect: the caller knows that the old value may come back. Serving it then is one.
  const isHonest = deleted.state === 'failed' && faults.length === 1;
  return faults.length === 0 || isHonest ? OK : defect(faults.join(', '));
}

/**
 * What both processes answer until everything had time to settle.
 * @param {Cache} a
 * @param {Cache} b
 */
async function answersAfterReturn(a, b) {
  /** @type {{ a: unknown[], b: unknown[] }} */
  const answers = { a: [], b: [] };
  const deadlineMs = performance.now() + RETURN_MS;
  while (performance.now() < deadlineMs) {
    for (const [name, cache] of /** @type {const} */ ([
      ['a', a],
      ['b', b],
    ])) {
      const { state, value } = await outcomeOf(
        cache.getOrSet('user42', () => 'new'),
        BUDGET_MS,
      );
      if (state === 'answered') answers[name].push(value);
    }
    await sleep(POLL_MS);
  }
  return answers;
}

/** A tuned client may be between two connections when the machine is busy. @param {Cache} cache */
async function deleteForSure(cache) {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if ((await outcomeOf(cache.delete('user42'), PATIENCE_MS)).state === 'answered') return;
    await sleep(POLL_MS);
  }
  throw new Error('Redis is up, and delete fails.');
}

/** @param {Lab} lab */
async function oldSnapshot(lab) {
  const [a, b] = await lab.startTwo();
  for (const cache of [a, b]) await cache.getOrSet('user42', () => 'old');
  await lab.admin.save();
  await deleteForSure(a);
  await lab.restartRedis();
  const after = await answersAfterReturn(a, b);
  const who = [after.a.includes('old') && 'A', after.b.includes('old') && 'B'].filter(Boolean);
  return who.length === 0 ? OK : defect(`${who.join(' and ')} answer${who.length === 1 ? 's' : ''} it again`);
}

/** @param {Lab} lab */
async function memoryWithoutSource(lab) {
  const cache = await lab.start();
  for (let read = 0; read < 3; read += 1) await cache.getOrSet('user42', () => 'value');
  await lab.redis.kill();
  const down = new Error('The source is down.');
  const asked = cache.getOrSet('user42', () => Promise.reject(down));
  const { state, value, error } = await outcomeOf(asked, PATIENCE_MS);
  if (value === 'value') return OK;
  if (error === down) return defect('throws the error of the loader');
  return defect(state === 'pending' ? `no answer in ${PATIENCE_MS / 1000} s` : `throws ${nameOf(error)}`);
}

/** @type {readonly Scenario[]} */
export const OUTAGES = [
  {
    name: 'read, Redis silent',
    means:
      'A black hole between the process and Redis: nothing passes, no connection ends. A read is answered by its loader within two seconds.',
    lab: { throughProxy: true },
    trials: 2,
    run: (lab) => readDuring(lab, () => lab.proxy.apply({ type: 'black-hole' })),
  },
  {
    name: 'read, Redis frozen',
    means: 'The same, with the server stopped by SIGSTOP.',
    trials: 2,
    run: (lab) => readDuring(lab, () => lab.redis.pause()),
  },
  {
    name: 'read, Redis killed',
    means: 'The same, with the server gone.',
    trials: 2,
    run: (lab) => readDuring(lab, () => lab.redis.kill()),
  },
  {
    name: 'started without Redis',
    means: 'Nobody listens when the process starts. It starts, and its first read is answered within two seconds.',
    lab: { throughProxy: true },
    trials: 2,
    run: startWithoutRedis,
  },
  {
    name: 'back on Redis',
    means: 'After a black hole healed, A and B share entries again within four seconds.',
    lab: { throughProxy: true },
    trials: 2,
    run: recovers,
  },
  {
    name: 'deleted during the outage',
    means:
      'A deletes a key in a black hole. The call ends within five seconds; A never answers the old value again, and B not ' +
      'later than four seconds after Redis is back. A call that throws instead is good, too, if nobody answers the old value.',
    lab: { throughProxy: true },
    trials: 2,
    run: deleteDuring,
  },
  {
    name: 'restarted from an older snapshot',
    means:
      'Redis saves a snapshot, A deletes a key, Redis crashes and comes back with the snapshot. Nobody answers the old value.',
    lab: { keepsSnapshot: true },
    trials: 2,
    run: oldSnapshot,
  },
  {
    name: 'in memory, with Redis and the source both away',
    means:
      'A has a value in memory; Redis is killed and the loader fails. Answering it anyway is a choice: a system that promises ' +
      'how old an answer may be cannot.',
    needs: ['memory'],
    trials: 2,
    run: memoryWithoutSource,
  },
];
