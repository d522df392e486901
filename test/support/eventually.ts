import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 5;

/**
 * Waits for a condition instead of sleeping: calls `check` until it neither throws nor answers `false`.
 *
 * @param check may hold `expect` calls; its last error is the one reported
 * @param timeoutMs gives up after this long, default 5,000
 * @returns what `check` answered
 * @throws the last error of `check`, or an Error when it kept answering `false`
 */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = 5_000): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const isLastTry = performance.now() >= deadlineMs;
    try {
      const answer = await check();
      if (answer !== false) return answer;
      if (isLastTry) throw new Error(`The condition stayed false for ${timeoutMs} ms: ${check.toString()}`);
    } catch (error) {
      if (isLastTry) throw error;
    }
    await sleep(POLL_MS);
  }
}
