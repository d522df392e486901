/** Who waits for news of a key: a load that ended, an entry that changed. */
export class Waiters {
  readonly #watches = new Map<string, Set<Watch>>();

  /** Begins to listen; to be begun before asking who holds the lease, or the news may come before the answer. */
  watch(key: string): Watch {
    let watches = this.#watches.get(key);
    if (watches === undefined) this.#watches.set(key, (watches = new Set()));
    const watch = new Watch(() => {
      watches.delete(watch);
      if (watches.size === 0 && this.#watches.get(key) === watches) this.#watches.delete(key);
    });
    watches.add(watch);
    return watch;
  }

  wake(key: string): void {
    const watches = this.#watches.get(key);
    if (watches !== undefined) for (const watch of watches) watch.wake();
  }

  wakeAll(): void {
    for (const key of [...this.#watches.keys()]) this.wake(key);
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
