// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheEngine } from '../../libs/redis-cache/dist/cache/engine.js';

const TRUST_TIMEOUT_MS = 5_000;
const POLL_MS = 10;

/**
 * Our engine, for what only it is asked; it is there when its memory is trusted.
 *
 * @param {string} url
 * @param {import('../../libs/redis-cache/dist/cache/engine.js').CacheEngineOptions} [options]
 */
export async function startEngine(url, options) {
  const engine = new CacheEngine({ namespace: 'bench', connection: { url }, ...options });
  await engine.start();
  const deadlineMs = performance.now() + TRUST_TIMEOUT_MS;
  while (!engine.connectionStates().every(({ link }) => link === 'trusted')) {
    if (performance.now() > deadlineMs) throw new Error('The link did not become trusted.');
    await sleep(POLL_MS);
  }
  return engine;
}
