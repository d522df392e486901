// @ts-check
// Another process with a system, that answers what a measure asks it.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { conversation } from './conversation.mjs';
import { systemOf } from './systems.mjs';

/** @typedef {((question: any) => Promise<any>) & { end: () => void }} Ask one question at a time */
/** @typedef {(cache: import('./systems.mjs').Subject, question: any) => Promise<any>} Answer */

const self = fileURLToPath(import.meta.url);
if (process.argv[1] === self) await serve();

/**
 * @param {string} system
 * @param {import('./systems.mjs').StartOptions} options
 * @param {string} module URL of a module with a function `answer`
 * @returns {Promise<Ask>}
 */
export async function forkPeer(system, options, module) {
  const child = fork(self, [system, JSON.stringify(options), module], { serialization: 'advanced' });
  const { first, ask } = conversation(child);
  await first;
  return Object.assign(ask, { end: () => void child.kill() });
}

async function serve() {
  process.on('disconnect', () => process.exit());
  const [system = '', options = '', module = ''] = process.argv.slice(2);
  const cache = await systemOf(system).start(JSON.parse(options));
  /** @type {{ answer: Answer }} */
  const { answer } = await import(module);
  process.on('message', async (question) => process.send?.(await answer(cache, question)));
  process.send?.('ready');
}
