import { performance } from 'node:perf_hooks';
import { RedisUnavailableError } from '../errors.js';

/** However busy this process is, nobody waits longer than this many times the budget. */
const MAX_PERIODS = 5;

/**
 * Rejects when `promise` has not settled after `ms`; what it does later is ignored. Time in which this process was too
 * busy to read replies is not held against Redis: a budget of which the event loop was idle for less than a half begins
 * anew, a few times. A burst of thousands of calls would otherwise look like an outage.
 */
export function withDeadline<T>(promise: Promise<T>, ms: number, command: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const idleAtStartMs = idleMs();
    let periods = 1;
    let timer = setTimeout(expire, ms);
    function expire(): void {
      if (periods < MAX_PERIODS && idleMs() - idleAtStartMs < ms / 2) {
        periods += 1;
        timer = setTimeout(expire, ms);
        return;
      }
      reject(new RedisUnavailableError(`Redis did not answer ${command}: no answer in time (${ms} ms).`));
    }
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** How long the event loop has waited for something to do, since the process began. */
function idleMs(): number {
  return performance.eventLoopUtilization().idle;
}
