// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { OK, defect } from '../verdict.mjs';
import { comesTrue } from '../waiting.mjs';

/** @typedef {import('../adapter.mjs').Cache} Cache */
/** @typedef {import('../lab.mjs').Lab} Lab */
/** @typedef {import('./index.mjs').Scenario} Scenario */

/** Long enough for a message over loopback, on a busy machine too. */
const PROPAGATION_MS = 2_000;
/** The longest an invalidated value is answered after a message was lost. */
const REPAIR_MS = 3_000;
const CUT_MS = 300;
const TTL_MS = 2_000;

/**
 * Both processes have the old value in memory; after `change` the one that did not make it is asked.
 *
 * @param {Lab} lab
 * @param {(a: Cache) => Promise<unknown> | undefined} change
 * @param {{ wanted?: string, limitMs?: number, tags?: string[] }} [options]
 */
async function changeElsewhere(lab, change, { wanted = 'new', limitMs = PROPAGATION_MS, tags } = {}) {
  const [a, b] = await lab.startTwo();
  await store(lab, a, tags);
  for (let read = 0; read < 3; read += 1) await b.getOrSet('user42', () => 'old');
  await change(a);
  const isSeen = await comesTrue(() => b.getOrSet('user42', () => 'new'), wanted, limitMs);
  return isSeen ? OK : defect(`still old after ${limitMs / 1000} s`);
}

/** Stores an entry, with tags in the way the system offers. @param {Lab} lab @param {Cache} cache @param {string[]} [tags] */
async function store(lab, cache, tags) {
  if (tags && !lab.has('loadedTags')) await cache.set?.('user42', 'old', { tags });
  else await cache.getOrSet('user42', () => 'old', { tags });
}

/** Only B is cut off; A deletes meanwhile. @param {Lab} lab */
async function deletedUnheard(lab) {
  const a = await lab.start({ url: lab.redis.url });
  const b = await lab.start();
  for (const cache of [a, b, b]) await cache.getOrSet('user42', () => 'old');
  lab.proxy.apply({ type: 'refuse' });
  await a.delete('user42');
  await sleep(CUT_MS);
  lab.proxy.heal();
  const isSeen = await comesTrue(() => b.getOrSet('user42', () => 'new'), 'new', REPAIR_MS);
  return isSeen ? OK : defect(`still old after ${REPAIR_MS / 1000} s`);
}

/** @param {Lab} lab */
async function outlivesRedis(lab) {
  const [a, b] = await lab.startTwo();
  await a.getOrSet('user42', () => 'old', { ttlMs: TTL_MS });
  const storedAtMs = performance.now();
  await sleep(TTL_MS * 0.7);
  await b.getOrSet('user42', () => 'late', { ttlMs: TTL_MS });
  await sleep(TTL_MS * 1.2 - (performance.now() - storedAtMs));
  const answer = await b.getOrSet('user42', () => 'new', { ttlMs: TTL_MS });
  return answer === 'new' ? OK : defect('answers it past its ttl');
}

/** @type {readonly Scenario[]} */
export const COHERENCE = [
  {
    name: 'deleted',
    means: 'A and B have an entry in memory. A deletes it; within two seconds B does not answer it any more.',
    run: (lab) => changeElsewhere(lab, (a) => a.delete('user42')),
  },
  {
    name: 'set anew',
    means: 'The same, with A setting another value, which B answers then.',
    needs: ['set'],
    run: (lab) => changeElsewhere(lab, (a) => a.set?.('user42', 'set'), { wanted: 'set' }),
  },
  {
    name: 'its tag invalidated',
    means: 'The same, with A invalidating a tag of the entry.',
    needs: ['tags'],
    run: (lab) => changeElsewhere(lab, (a) => a.invalidateTag?.('users'), { tags: ['users'] }),
  },
  {
    name: 'removed with redis-cli DEL',
    means: 'The same, with an operator removing the keys of the entry from Redis.',
    run: (lab) => changeElsewhere(lab, async () => lab.admin.del(await lab.storedKeys('user42'))),
  },
  {
    name: 'removed with FLUSHALL',
    means: 'The same, with an operator emptying Redis.',
    run: (lab) => changeElsewhere(lab, () => lab.admin.flushall()),
  },
  {
    name: 'deleted while B was cut off',
    means:
      'B loses its connections for 0.3 s, in which A deletes the key. Within three seconds of being back B does not answer ' +
      'it any more.',
    lab: { throughProxy: true },
    run: deletedUnheard,
  },
  {
    name: 'expired',
    means: 'A stores an entry for two seconds, B reads it after 1.4 s. After 2.4 s B does not answer it any more.',
    run: outlivesRedis,
  },
];
