import type { AsyncResource } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { types } from 'node:util';
import { kindOf } from '../arguments.js';
import { InvalidArgumentError } from '../errors.js';
import type { CallBatch } from './batched-call.js';
import { callContext } from './call.js';
import type { LoadContext } from './entry-options.js';
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
 * because the other load failed, joins the next call. Keys go by their place in the list.
 */
export class BulkLoad<K extends Key, T> implements CallBatch {
  /** Of each key, once `done` resolves; it rejects as soon as one of them does. */
  readonly values: (T | undefined)[];
  readonly done: Promise<void>;
  readonly #isDecided: Uint8Array;
  #undecided: number;
  #unanswered: number;
  #wanted = new Map<number, Pending<T>>();
  #isScheduled = false;
  /** Of the first load that is wanted, which is that of the caller. */
  #context: AsyncResource | undefined;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(
    /** Each once; the loader is asked for them in this order. */
    private readonly keys: readonly K[],
    private readonly loader: BulkLoader<K, T>,
  ) {
    this.values = new Array<T | undefined>(keys.length);
    this.#isDecided = new Uint8Array(keys.length);
    this.#undecided = this.#unanswered = keys.length;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (keys.length === 0) this.#resolve();
  }

  load(index: number, { signal }: LoadContext): Promise<T | undefined> {
    this.#context ??= callContext();
    return new Promise((resolve, reject) => {
      this.#wanted.set(index, { signal, resolve, reject });
      this.waits(index);
    });
  }

  /** Two batches that waited for each other would wait for ever. */
  waits(index: number): void {
    if (this.#isDecided[index] === 0) {
      this.#isDecided[index] = 1;
      this.#undecided -= 1;
    }
    if (this.#undecided > 0 || this.#isScheduled || this.#wanted.size === 0) return;
    this.#isScheduled = true;
    // The replies of one turn decide many keys, one after the other.
    setImmediate(() => {
      this.#isScheduled = false;
      const wanted = this.#wanted;
      this.#wanted = new Map();
      void this.#context?.runInAsyncScope(this.#run, this, wanted);
    });
  }

  arrived(index: number, value: unknown): void {
    this.values[index] = value as T | undefined;
    this.waits(index);
    this.#unanswered -= 1;
    if (this.#unanswered === 0) this.#resolve();
  }

  failed(index: number, error: unknown): void {
    this.waits(index);
    this.#reject(error);
  }

  async #run(wanted: ReadonlyMap<number, Pending<T>>): Promise<void> {
    try {
      const signal = whenAllAborted([...wanted.values()].map((pending) => pending.signal));
      const missing = this.keys.filter((_, index) => wanted.has(index));
      const values = await this.loader(missing, { signal });
      if (!types.isMap(values)) {
        throw new InvalidArgumentError(
          `The loader of getOrSetMany returned ${kindOf(values)}. It must return a Map of keys and values.`,
        );
      }
      const given = [...wanted].map(([index, { resolve }]) => ({ resolve, value: values.get(this.keys[index] as K) }));
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
