import { LRUCache } from 'lru-cache';
import { randomId } from './envelope.js';
import type { TagIds } from './tag-table.js';

const MAX_IDS = 100_000;

/** Tag ids of a process without Redis. A forgotten id means a miss, as in Redis. */
export class LocalTagIds implements TagIds {
  readonly #ids = new LRUCache<string, string>({ max: MAX_IDS });

  read(tag: string): Promise<string | undefined> {
    return Promise.resolve(this.#ids.get(tag));
  }

  ensure(tag: string): Promise<string> {
    const id = this.#ids.get(tag) ?? randomId();
    this.#ids.set(tag, id);
    return Promise.resolve(id);
  }

  invalidateTag(tag: string): Promise<void> {
    this.#ids.delete(tag);
    return Promise.resolve();
  }
}
