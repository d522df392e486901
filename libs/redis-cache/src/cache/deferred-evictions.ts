import { AsyncLocalStorage } from 'node:async_hooks';

/** Evictions that wait for the end of a unit of work, such as a database transaction. */
class Deferral {
  readonly #evictions = new Map<string, () => Promise<void>>();

  /** The same eviction twice is done once. */
  add(id: string, evict: () => Promise<void>): void {
    this.#evictions.set(id, evict);
  }

  async apply(): Promise<void> {
    await Promise.all([...this.#evictions.values()].map((evict) => evict()));
  }
}

const current = new AsyncLocalStorage<Deferral | undefined>();

/** Where an eviction made now has to wait, if it has to. */
export function deferred(): Deferral | undefined {
  return current.getStore();
}

/**
 * Collects the evictions made inside `work` and applies them when it has resolved, before the result is returned; when
 * it rejects they are dropped. Nested calls belong to the outermost one.
 */
export async function deferEvictions<T>(work: () => Promise<T>): Promise<T> {
  if (current.getStore() !== undefined) return work();
  const deferral = new Deferral();
  const result = await current.run(deferral, work);
  await current.run(undefined, () => deferral.apply());
  return result;
}
