// @ts-check
// One process of the torture: reads and writes at random until told to stop, and reports what it saw.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { breakages } from './breakages.mjs';
import { makeCaches } from './caches.mjs';
import { nowMs } from './clock.mjs';
import { Observations } from './observations.mjs';
import { seeded } from './random.mjs';
import { readAny } from './reads.mjs';
import { Source } from './source.mjs';
import { writeAny } from './writes.mjs';

/**
 * What a worker is told to be.
 * @typedef {object} WorkerOptions
 * @property {string} library folder of the built library
 * @property {import('../../libs/redis-cache/src/cache/engine.js').CacheEngineOptions} engine
 * @property {number} seed
 * @property {number} place among the processes, from 0
 * @property {number} processes
 * @property {number} readsPerSecond
 * @property {number} writeShare
 * @property {string | undefined} breakage a name of `breakages`
 * @property {string | undefined} breakableUrl of a Redis for breakages that use one
 */

const REPORT_EVERY_MS = 100;
const TURN_MS = 5;
/** More calls than this under way, and the worker waits: it is there to find faults, not to run out of memory. */
const MAX_UNDER_WAY = 3000;
const LONGEST_CALL_MS = 40_000;

/** @type {WorkerOptions} */
const options = JSON.parse(/** @type {string} */ (process.argv[2]));
const random = seeded(options.seed);
const seen = new Observations();
const source = new Source(seen, random);
let hasEnded = false;
process.on('disconnect', () => {
  // Once closed, nothing of the cache may keep a process alive.
  if (!hasEnded) process.exit(1);
});

/** @type {import('./caches.mjs').Library} */
const library = await import(pathToFileURL(join(options.library, 'index.js')).href);
process.on('unhandledRejection', (error) => seen.problem('unhandled rejection', error));
process.on('uncaughtException', (error) => seen.problem('uncaught exception', error));
process.on('warning', (warning) => seen.problem('warning', warning));
const engine = new library.CacheEngine(options.engine);
/** @type {Record<string, number>} */
const unstored = {};
engine.events.on('unstored', ({ reason }) => {
  unstored[reason] = (unstored[reason] ?? 0) + 1;
});
const made = makeCaches(library, engine);
const worker = {
  caches: breakages[options.breakage ?? '']?.(made, options.breakableUrl) ?? made,
  source,
  seen,
  random,
  place: options.place,
  processes: options.processes,
  defer: (/** @type {() => Promise<void>} */ work) => engine.defaultCache.deferEvictions(work),
  busy: /** @type {Set<number>} */ (new Set()),
};

let underWay = 0;
/** @param {Promise<void>} call */
async function underWatch(call) {
  underWay += 1;
  try {
    await call;
  } catch (error) {
    seen.problem('the torture itself failed', error);
  } finally {
    underWay -= 1;
  }
}

function report() {
  const states = engine.connectionStates();
  const isDrained = states.every(({ journaled }) => journaled === 0);
  const isWell = isDrained && states.every(({ isUp, link }) => isUp && link === 'trusted');
  process.send?.({ type: 'report', report: seen.report({ isDrained, isWell, state: JSON.stringify(states) }) });
}

let ticking = /** @type {NodeJS.Timeout | undefined} */ (undefined);
function begin() {
  let lastMs = nowMs();
  let due = 0;
  ticking = setInterval(() => {
    const atMs = nowMs();
    // What a frozen process missed it does not make up for.
    due = Math.min(due + ((atMs - lastMs) / 1000) * options.readsPerSecond, 200);
    lastMs = atMs;
    for (; due >= 1 && underWay < MAX_UNDER_WAY; due -= 1) {
      void underWatch(random.chance(options.writeShare) ? writeAny(worker) : readAny(worker));
    }
  }, TURN_MS);
}

async function end() {
  clearInterval(ticking);
  const giveUpAtMs = nowMs() + LONGEST_CALL_MS;
  while (underWay > 0 && nowMs() < giveUpAtMs) await sleep(10);
  if (underWay > 0) seen.problem(`${underWay} calls never ended`);
  clearInterval(reporting);
  report();
  await engine.close();
  hasEnded = true;
  process.send?.({ type: 'ended', unstored }, () => process.disconnect());
}

process.on('message', (/** @type {any} */ message) => {
  if (message.type === 'answer') source.answered(message);
  else if (message.type === 'begin') begin();
  else if (message.type === 'end') void end();
  else if (message.type === 'clock') {
    const { now } = Date;
    Date.now = () => now() + message.offsetMs;
  }
});

await engine.start();
const reporting = setInterval(report, REPORT_EVERY_MS);
