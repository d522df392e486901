// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { startStandalone } from '../lab/standalone.mjs';
import { startSubject } from './experiment.mjs';

const PROCESSES = 4;
const CALLERS = 500;
/** Of the library: a holder that died is replaced after this. */
const LEASE_MS = 2000;

/** @typedef {{ key: string, callers: number, loadMs: number }} Rush */

/** Everybody wants one key that is not there. @param {import('./experiment.mjs').ExperimentOptions} options @returns {Promise<import('./experiment.mjs').Finding[]>} */
export async function stampede({ library }) {
  const lab = await startStandalone();
  /** @type {import('./experiment.mjs').Subject[]} */
  let subjects = [];
  try {
    const start = () => startSubject(import.meta.url, library, { connection: lab.connection, startTimeout: '5s' });
    subjects = await Promise.all(Array.from({ length: PROCESSES }, start));
    /** @param {Rush} rush @returns {Promise<number>} loads */
    const rush = async (rush) => {
      const loads = await Promise.all(subjects.map(({ ask }) => ask('rush', rush)));
      return loads.reduce((sum, count) => sum + count, 0);
    };
    const cold = await rush({ key: 'cold', callers: CALLERS, loadMs: 300 });
    const slow = await rush({ key: 'slow', callers: 50, loadMs: LEASE_MS * 10 });
    const [holder, ...others] =
      /** @type {[import('./experiment.mjs').Subject, ...import('./experiment.mjs').Subject[]]} */ (subjects);
    void holder.ask('rush', { key: 'lost', callers: 1, loadMs: 60_000 }).catch(() => undefined);
    await sleep(500);
    const waiting = others.map(({ ask }) => ask('rush', { key: 'lost', callers: 100, loadMs: 0 }));
    await sleep(200);
    const killedAtMs = performance.now();
    await holder.kill();
    const again = (await Promise.all(waiting)).reduce((sum, count) => sum + count, 0);
    const replacedMs = performance.now() - killedAtMs;
    return [
      { what: `loads for ${PROCESSES} x ${CALLERS} callers`, measured: String(cold), wanted: '1', isMet: cold === 1 },
      { what: 'loads when a load takes ten leases', measured: String(slow), wanted: '1', isMet: slow === 1 },
      { what: 'loads after the holder was killed', measured: String(again), wanted: '1', isMet: again === 1 },
      {
        what: 'until the killed holder was replaced',
        measured: `${replacedMs.toFixed(0)} ms`,
        wanted: `<= ${LEASE_MS + 500} ms`,
        isMet: replacedMs <= LEASE_MS + 500,
      },
    ];
  } finally {
    await Promise.all(subjects.map(({ end }) => end()));
    await lab.stop();
  }
}

/** @param {import('./experiment.mjs').CacheEngine} engine */
export function work({ defaultCache }) {
  return {
    rush: async (/** @type {Rush} */ { key, callers, loadMs }) => {
      let loads = 0;
      const load = async () => {
        loads += 1;
        await sleep(loadMs);
        return 'value';
      };
      const options = /** @type {const} */ ({ hardTimeout: '90s' });
      await Promise.all(Array.from({ length: callers }, () => defaultCache.getOrSet(key, load, options)));
      return loads;
    },
  };
}
