import { RedisUnavailableError } from '../errors.js';

/** Rejects when `promise` has not settled after `ms`; what it does later is ignored. */
export function withDeadline<T>(promise: Promise<T>, ms: number, command: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new RedisUnavailableError(`Redis did not answer ${command}: no answer in time (${ms} ms).`));
    }, ms);
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
