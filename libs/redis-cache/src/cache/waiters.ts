import { TransitMap } from './transit-map.js';

/** Who waits for news of a key: a load that ended, an entry that changed. */
export class Waiters {
  readonly #watches = new TransitMap<string, readonly Watch[]>();

  /** Begins to listen; to be begun before asking who holds the lease, or the news may come before the answer. */
  watch(key: string): Watch {
    const watch = new Watch(() => {
      this.#remove(key, watch);
    });
    this.#watches.set(key, [...(this.#watches.get(key) ?? []), watch]);
    return watch;
  }

  wake(key: string): void {
    const watches = this.#watches.get(key);
    if (watches !== undefined) for (const watch of watches) watch.wake();
  }

  wakeAll(): void {
    for (const key of this.#watches.keys()) this.wake(key);
  }

  #remove(key: string, watch: Watch): void {
    const others = this.#watches.get(key)?.filter((other) => other !== watch);
    if (others === undefined || others.length === 0) this.#watches.delete(key);
    else this.#watches.set(key, others);
  }
}

export class Watch {
  #isAwake = false;
  #onWake: (() => void) | undefined;

  constructor(private readonly onEnd: () => void) {}

  wake(): void {
    this.#isAwake = true;
    this.#onWake?.();
  }

  /** Resolves at news that came since the watch began, after `ms`, or when `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#isAwake || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.#onWake = done;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }

  end(): void {
    this.onEnd();
  }
}
