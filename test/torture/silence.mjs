// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { startStandalone } from '../lab/standalone.mjs';
import { startSubject } from './experiment.mjs';

const READS_PER_SECOND = 1900;
const INVALIDATIONS_PER_SECOND = 100;
const TURN_MS = 10;
/** More than the journal holds. */
const KEYS = 20_000;
const WANTED_MB = 50;
const SAMPLES = 40;

/** Redis says nothing for as long as one likes, and the application goes on. @param {import('./experiment.mjs').ExperimentOptions} options @returns {Promise<import('./experiment.mjs').Finding[]>} */
export async function silence({ library, seconds }) {
  const lab = await startStandalone();
  const subject = await startSubject(import.meta.url, library, { connection: lab.connection, startTimeout: '5s' });
  try {
    await subject.ask('begin');
    lab.nodes[0]?.proxy.apply({ type: 'black-hole' });
    /** @type {{ rssMb: number, heapMb: number, rejected: number, slowestMs: number }[]} */
    const samples = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      await sleep((seconds * 1000) / SAMPLES);
      samples.push(await subject.ask('sample'));
    }
    // The first part fills memory up to its bounds.
    const settled = samples.slice(SAMPLES / 4);
    const half = settled.length / 2;
    const least = (/** @type {typeof samples} */ part, /** @type {'rssMb' | 'heapMb'} */ what) =>
      Math.min(...part.map((one) => one[what]));
    const heapMb = least(settled.slice(half), 'heapMb') - least(settled.slice(0, half), 'heapMb');
    const rssMb = least(settled.slice(half), 'rssMb') - least(settled.slice(0, half), 'rssMb');
    const rejected = samples.reduce((sum, one) => sum + one.rejected, 0);
    const slowestMs = Math.max(...samples.map((one) => one.slowestMs));
    const wanted = `<= ${WANTED_MB} MB`;
    return [
      {
        what: `growth of the heap in ${seconds} s of silence`,
        measured: `${heapMb.toFixed(0)} MB`,
        wanted,
        isMet: heapMb <= WANTED_MB,
      },
      { what: 'growth of the resident set', measured: `${rssMb.toFixed(0)} MB`, wanted, isMet: rssMb <= WANTED_MB },
      { what: 'rejected calls', measured: String(rejected), wanted: '0', isMet: rejected === 0 },
      { what: 'slowest read', measured: `${slowestMs.toFixed(0)} ms`, wanted: '<= 2000 ms', isMet: slowestMs <= 2000 },
    ];
  } finally {
    await subject.end();
    await lab.stop();
  }
}

/** @param {import('./experiment.mjs').CacheEngine} engine */
export function work({ defaultCache }) {
  let rejected = 0;
  let slowestMs = 0;
  const anyKey = () => `key:${Math.floor(Math.random() * KEYS)}`;
  const load = () => ({ text: 'x'.repeat(1000) });
  const reject = () => {
    rejected += 1;
  };
  const read = async () => {
    const beganMs = performance.now();
    await defaultCache.getOrSet(anyKey(), load).catch(reject);
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
  };
  return {
    begin: () => {
      setInterval(() => {
        for (let reads = 0; reads < (READS_PER_SECOND * TURN_MS) / 1000; reads += 1) void read();
        for (let writes = 0; writes < (INVALIDATIONS_PER_SECOND * TURN_MS) / 1000; writes += 1)
          defaultCache.delete(anyKey()).catch(reject);
      }, TURN_MS);
    },
    sample: () => {
      const { rss, heapUsed } = process.memoryUsage();
      const sample = { rssMb: rss / 2 ** 20, heapMb: heapUsed / 2 ** 20, rejected, slowestMs };
      rejected = slowestMs = 0;
      return sample;
    },
  };
}
