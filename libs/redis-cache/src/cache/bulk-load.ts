import { setImmediate as nextTurn } from 'node:timers/promises';
import { types } from 'node:util';
import { kindOf } from '../arguments.js';
import { InvalidArgumentError } from '../errors.js';
import type { Key } from './key.js';

/** Loads many keys at once; the answer may leave keys out. */
export type BulkLoader<K, T> = (
  missing: readonly K[],
  context: { signal: AbortSignal },
) => ReadonlyMap<K, T> | Promise<ReadonlyMap<K, T>>;

/** Values go on to the store in turns: thousands at once would keep this process from its sockets until they time out. */
const MAX_PER_TURN = 64;

interface Pending<T> {
  signal: AbortSignal;
  resolve: (value: T | undefined) => void;
  reject: (error: unknown) => void;
}

/**
 * Turns the loads of the keys of one call into one call of a bulk loader: it goes ahead once every key has been answered
 * without a load, waits for somebody else's load, or has asked to be loaded. A key that has to be loaded after all, say
 * because the other load failed, joins the next call.
 */
export class BulkLoad<K extends Key, T> {
  readonly #undecided: Set<K>;
  #wanted = new Map<K, Pending<T>>();
  #isScheduled = false;

  constructor(
    /** Each once; the loader is asked for them in this order. */
    private readonly keys: readonly K[],
    private readonly loader: BulkLoader<K, T>,
  ) {
    this.#undecided = new Set(keys);
  }

  /** The loader of one key. */
  load(key: K, signal: AbortSignal): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#wanted.set(key, { signal, resolve, reject });
      this.decided(key);
    });
  }

  /** The key is answered, or waits for somebody else: two batches that waited for each other would wait for ever. */
  decided(key: K): void {
    this.#undecided.delete(key);
    if (this.#undecided.size > 0 || this.#isScheduled || this.#wanted.size === 0) return;
    this.#isScheduled = true;
    // The replies of one turn decide many keys, one after the other.
    setImmediate(() => {
      this.#isScheduled = false;
      const wanted = this.#wanted;
      this.#wanted = new Map();
      void this.#run(wanted);
    });
  }

  async #run(wanted: ReadonlyMap<K, Pending<T>>): Promise<void> {
    try {
      const signal = whenAllAborted([...wanted.values()].map((pending) => pending.signal));
      const missing = this.keys.filter((key) => wanted.has(key));
      const values = await this.loader(missing, { signal });
      if (!types.isMap(values)) {
        throw new InvalidArgumentError(
          `The loader of getOrSetMany returned ${kindOf(values)}. It must return a Map of keys and values.`,
        );
      }
      const given = [...wanted].map(([key, { resolve }]) => ({ resolve, value: values.get(key) }));
      for (const [index, { resolve, value }] of given.entries()) {
        if (index > 0 && index % MAX_PER_TURN === 0) await nextTurn();
        resolve(value);
      }
    } catch (error) {
      for (const { reject } of wanted.values()) reject(error);
    }
  }
}

function whenAllAborted(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  let left = signals.length;
  const aborted = (): void => {
    left -= 1;
    if (left === 0) controller.abort();
  };
  for (const signal of signals) {
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted);
  }
  return controller.signal;
}
