// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { startStandalone } from '../lab/standalone.mjs';
import { startSubject } from './experiment.mjs';

const PROCESSES = 4;
const KEYS = 200;
const READS_PER_SECOND = 500;
const LOAD_MS = 20;
const FLUSHES = 5;
const SETTLED_MS = 3000;
const WANTED = 1.1;

/** Everything is lost at once, under 2,000 reads per second. @param {import('./experiment.mjs').ExperimentOptions} options @returns {Promise<import('./experiment.mjs').Finding[]>} */
export async function herd({ library }) {
  const lab = await startStandalone();
  /** @type {import('./experiment.mjs').Subject[]} */
  let subjects = [];
  try {
    const start = () => startSubject(import.meta.url, library, { connection: lab.connection, startTimeout: '5s' });
    subjects = await Promise.all(Array.from({ length: PROCESSES }, start));
    await Promise.all(subjects.map(({ ask }) => ask('read')));
    const loads = async () =>
      (await Promise.all(subjects.map(({ ask }) => ask('loads')))).reduce((sum, count) => sum + count, 0);
    await sleep(SETTLED_MS);
    let worst = 0;
    for (let flush = 0; flush < FLUSHES; flush += 1) {
      const before = await loads();
      await lab.nodes[0]?.client.flushall();
      await sleep(SETTLED_MS);
      worst = Math.max(worst, ((await loads()) - before) / KEYS);
    }
    const measured = worst.toFixed(2);
    return [
      { what: 'loads per key after FLUSHALL, worst of five', measured, wanted: `<= ${WANTED}`, isMet: worst <= WANTED },
    ];
  } finally {
    await Promise.all(subjects.map(({ end }) => end()));
    await lab.stop();
  }
}

/** @param {import('./experiment.mjs').CacheEngine} engine */
export function work({ defaultCache }) {
  let loads = 0;
  const load = async () => {
    loads += 1;
    await sleep(LOAD_MS);
    return { text: 'value' };
  };
  return {
    read: () => {
      setInterval(
        () => void defaultCache.getOrSet(`key:${Math.floor(Math.random() * KEYS)}`, load),
        1000 / READS_PER_SECOND,
      );
    },
    loads: () => loads,
  };
}
