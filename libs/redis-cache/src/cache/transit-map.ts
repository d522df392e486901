const RENEW_AFTER = 1000;

/**
 * A map of what comes and soon leaves. A `Map` with such a turnover is slow: the tables V8 replaces under it lead to their
 * successors, for iterators (`OrderedHashTable::Rehash`), so once one of them has grown old, it keeps the next from being
 * collected young, and that the one after it, with every key and value they ever had. A new map now and then cuts that chain.
 */
export class TransitMap<K, V> {
  #map = new Map<K, V>();
  #deleted = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#map.set(key, value);
  }

  delete(key: K): void {
    if (!this.#map.delete(key)) return;
    this.#deleted += 1;
    if (this.#deleted < RENEW_AFTER || this.#deleted < this.#map.size) return;
    this.#map = new Map(this.#map);
    this.#deleted = 0;
  }

  /** Those of now: what leaves meanwhile is among them, what comes is not. */
  keys(): K[] {
    return [...this.#map.keys()];
  }

  values(): V[] {
    return [...this.#map.values()];
  }
}
