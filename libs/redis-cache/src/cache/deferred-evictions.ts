import { AsyncLocalStorage } from 'node:async_hooks';
import { kindOf } from '../arguments.js';
import { InvalidArgumentError } from '../errors.js';

/** Evictions that wait for the end of a unit of work, such as a database transaction. */
class Deferral {
  /** False once the work has ended: what it left running, such as a timer, still seems to run inside it. */
  isOpen = true;
  readonly #evictions = new Map<string, () => Promise<void>>();

  /** The same eviction twice is done once. */
  add(id: string, evict: () => Promise<void>): void {
    this.#evictions.set(id, evict);
  }

  async apply(): Promise<void> {
    await Promise.all([...this.#evictions.values()].map((evict) => evict()));
  }
}

const current = new AsyncLocalStorage<Deferral>();

/** Where an eviction made now has to wait, if it has to. */
export function deferred(): Deferral | undefined {
  const deferral = current.getStore();
  return deferral?.isOpen === true ? deferral : undefined;
}

/**
 * Collects the evictions made inside `work` and applies them when it has resolved, before the result is returned; when
 * it rejects they are dropped. Nested calls belong to the outermost one.
 *
 * @throws InvalidArgumentError for work that is not a function.
 */
export async function deferEvictions<T>(work: () => Promise<T>): Promise<T> {
  if (typeof work !== 'function') {
    throw new InvalidArgumentError(`The work of deferEvictions is ${kindOf(work)}. It must be a function.`);
  }
  if (deferred() !== undefined) return work();
  const deferral = new Deferral();
  let result: T;
  try {
    result = await current.run(deferral, work);
  } finally {
    deferral.isOpen = false;
  }
  await deferral.apply();
  return result;
}
