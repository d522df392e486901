// @ts-check
// A process of an experiment: makes an engine, and answers what it is asked.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const { experiment, library, engine: options } = JSON.parse(/** @type {string} */ (process.argv[2]));
process.on('disconnect', () => process.exit());

/** @type {import('./caches.mjs').Library} */
const { CacheEngine } = await import(pathToFileURL(join(library, 'index.js')).href);
const engine = new CacheEngine(options);
const { work } = await import(experiment);
/** @type {Record<string, (argument: any) => unknown>} */
const answers = {
  start: async () => {
    await engine.start();
    while (engine.connectionStates().some(({ link }) => link !== 'trusted')) await sleep(10);
  },
  ...work(engine),
};

process.on('message', async (/** @type {any} */ { question, name, argument }) => {
  try {
    process.send?.({ question, answer: await answers[name]?.(argument) });
  } catch (error) {
    process.send?.({ question, error: String(error) });
  }
});
