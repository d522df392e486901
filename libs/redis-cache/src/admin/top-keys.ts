import type { EventChannel } from '../events.js';

export interface TopKey {
  key: string;
  /** Not less than the true number of requests. */
  count: number;
  /** By how much it may be too high. */
  error: number;
}

/**
 * The keys asked for most, in so many counters however many keys there are: Space-Saving (Metwally, Agrawal, El Abbadi
 * 2005). A key asked for more often than all requests divided by the counters is always among them.
 */
export class SpaceSaving {
  readonly #counted = new Map<string, TopKey>();

  constructor(private readonly size: number) {}

  add(key: string): void {
    const known = this.#counted.get(key);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    let error = 0;
    if (this.#counted.size >= this.size) {
      const least = this.#least();
      this.#counted.delete(least.key);
      error = least.count;
    }
    this.#counted.set(key, { key, count: error + 1, error });
  }

  top(count: number): TopKey[] {
    return [...this.#counted.values()].sort((a, b) => b.count - a.count).slice(0, count);
  }

  #least(): TopKey {
    let least: TopKey | undefined;
    for (const each of this.#counted.values()) if (least === undefined || each.count < least.count) least = each;
    return least as TopKey;
  }
}

/** Of each cache. Listens from its construction on. */
export class TopKeys {
  readonly #caches = new Map<string, SpaceSaving>();

  constructor(
    events: EventChannel,
    private readonly size: number,
  ) {
    const count = ({ cache, key }: { cache: string; key: string }): void => {
      let counters = this.#caches.get(cache);
      if (counters === undefined) this.#caches.set(cache, (counters = new SpaceSaving(this.size)));
      counters.add(key);
    };
    events.on('hit', count);
    events.on('miss', count);
  }

  of(cache: string, count = 10): TopKey[] {
    return this.#caches.get(cache)?.top(count) ?? [];
  }
}
