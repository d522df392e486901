// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;
const TIMEOUT_MS = 30_000;

/**
 * Waits until a lab is in a state. An error of `check` counts as "not yet".
 *
 * @template T
 * @param {string} state for the error, such as "the replicas are in sync"
 * @param {() => T | Promise<T>} check answers something true when it is so
 * @returns {Promise<Exclude<T, false | null | undefined>>} that answer
 * @throws {Error} after 30 s
 */
export async function until(state, check) {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    let last;
    try {
      last = await check();
      if (last) return /** @type {Exclude<T, false | null | undefined>} */ (last);
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadlineMs) {
      throw new Error(`Within ${TIMEOUT_MS} ms it did not come true that ${state}.`, { cause: last });
    }
    await sleep(POLL_MS);
  }
}
