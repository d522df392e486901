import { LRUCache } from 'lru-cache';
import type { Entry } from './entry.js';
import { isPlain } from './key.js';

export interface MemoryLimits {
  maxEntries: number;
  maxBytes: number;
}

/** What one entry costs beside its payload, and how much larger a decoded object is than its JSON, both estimated. */
const ENTRY_OVERHEAD_BYTES = 512;
const DECODED_FACTOR = 2;

/** The entries of one cache in this process (L1): bounded by number and by estimated bytes, least recently used first out. */
export class MemoryTier {
  readonly #entries: LRUCache<string, Entry>;
  #outageEntries = 0;

  constructor(limits: MemoryLimits, onEviction: (key: string) => void) {
    this.#entries = new LRUCache<string, Entry>({
      max: limits.maxEntries,
      maxSize: limits.maxBytes,
      sizeCalculation: (entry) => ENTRY_OVERHEAD_BYTES + entry.bytes * DECODED_FACTOR,
      dispose: (entry, key, reason) => {
        if (entry.grounds.isOutage) this.#outageEntries -= 1;
        if (reason === 'evict') onEviction(key);
      },
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** The same without counting as a use. */
  peek(key: string): Entry | undefined {
    return this.#entries.peek(key);
  }

  set(key: string, entry: Entry): void {
    if (entry.grounds.isOutage) this.#outageEntries += 1;
    entry.hasPlainKey = isPlain(key);
    this.#entries.set(key, entry);
  }

  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** What was loaded during an outage goes in any case: it was only to last until Redis is back. */
  deleteWhere(isForgotten: (key: string, entry: Entry) => boolean): void {
    for (const [key, entry] of [...this.#entries.entries()]) {
      if (entry.grounds.isOutage || isForgotten(key, entry)) this.#entries.delete(key);
    }
  }

  /** Entries loaded during an outage carry tag names but no ids to compare: an invalidated tag removes them. */
  deleteOutageEntries(tag: string): void {
    if (this.#outageEntries === 0) return;
    for (const [key, entry] of this.#entries.entries()) {
      if (entry.grounds.isOutage && entry.grounds.ids.some((known) => known.tag === tag)) this.#entries.delete(key);
    }
  }
}
