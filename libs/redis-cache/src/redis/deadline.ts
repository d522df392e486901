import { RedisUnavailableError } from '../errors.js';

/** A timer this late means that this process stood still: replies may have come that nobody could read yet. */
const STALL_MS = 20;

/**
 * Rejects when `promise` has not settled after `ms`; what it does later is ignored. Time in which the process itself
 * stood still does not count against Redis: the promise gets its full time once more, at most once.
 */
export function withDeadline<T>(promise: Promise<T>, ms: number, command: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let dueAtMs = performance.now() + ms;
    let isExtended = false;
    let timer = setTimeout(expire, ms);
    function expire(): void {
      if (!isExtended && performance.now() - dueAtMs > STALL_MS) {
        isExtended = true;
        dueAtMs = performance.now() + ms;
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
