// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** @typedef {import('../../libs/redis-cache/src/cache/engine.js').CacheEngine} CacheEngine */

/**
 * What an experiment found: a figure, the figure wanted, and whether it is so.
 * @typedef {{ what: string, measured: string, wanted: string, isMet: boolean }} Finding
 *
 * @typedef {object} ExperimentOptions
 * @property {string} library folder of the built library
 * @property {number} seconds for experiments that last as long as they are let
 *
 * One process of an experiment. `ask` is answered by the function of that name that the experiment's `work` returns.
 * @typedef {{ ask: (name: string, argument?: unknown) => Promise<any>, kill: () => Promise<void>, end: () => Promise<void> }} Subject
 */

const WORKER = fileURLToPath(new URL('experiment-worker.mjs', import.meta.url));

/**
 * Starts a process with an engine whose memory may answer.
 * @param {string} experiment address of the module whose `work` it runs
 * @param {string} library
 * @param {import('../../libs/redis-cache/src/cache/engine.js').CacheEngineOptions} engine
 * @returns {Promise<Subject>}
 */
export async function startSubject(experiment, library, engine) {
  const child = fork(WORKER, [JSON.stringify({ experiment, library, engine })], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  /** @type {Map<number, { resolve: (answer: any) => void, reject: (error: Error) => void }>} */
  const asked = new Map();
  let last = 0;
  child.on('message', (/** @type {any} */ { question, answer, error }) => {
    const waiting = asked.get(question);
    asked.delete(question);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(error));
  });
  child.once('exit', () => {
    for (const { reject } of asked.values()) reject(new Error('The process is gone.'));
  });
  /** @type {Subject['ask']} */
  const ask = (name, argument) =>
    new Promise((resolve, reject) => {
      const question = ++last;
      asked.set(question, { resolve, reject });
      child.send({ question, name, argument });
    });
  await ask('start');
  return {
    ask,
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
    end: async () => {
      if (child.connected) child.disconnect();
      await exit;
    },
  };
}
