import type { CacheEventName, CacheEvents, EventChannel } from '../events.js';

/** Something somebody may want to know of later. */
export interface ActivityItem {
  /** Rises by one with each. */
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly event: CacheEventName;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface TagActivity {
  tag: string;
  invalidations: number;
  lastAtMs: number;
}

/** Rare events, and invalidations, of which a flood is cut off. */
const NAMES = ['admin', 'alert', 'breaker', 'invalidation', 'journal', 'link', 'reconnect', 'warm-up'] as const;
const KEPT = 500;
const KEPT_TAGS = 100;
const MOST_PER_SECOND = 20;

/** The last events of this process, and the tags it invalidated. Bounded, whatever happens. */
export class Activity {
  readonly #items: ActivityItem[] = [];
  readonly #tags = new Map<string, TagActivity>();
  readonly #listeners = new Set<(item: ActivityItem) => void>();
  #nextId = 1;
  #second = 0;
  #inSecond = 0;
  #leftOut = 0;

  constructor(events: EventChannel) {
    for (const name of NAMES) {
      events.on(name, (event: CacheEvents[typeof name]) => {
        this.#note(name, event);
      });
    }
  }

  /** Events that came too fast to be kept. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** The latest first. */
  latest(count: number): ActivityItem[] {
    return this.#items.slice(-count).reverse();
  }

  /** Those after the one of this id, the oldest first. */
  since(id: number): ActivityItem[] {
    return this.#items.filter((item) => item.id > id);
  }

  /** The tags invalidated most often. */
  tags(count: number): TagActivity[] {
    return [...this.#tags.values()].sort((a, b) => b.invalidations - a.invalidations).slice(0, count);
  }

  /** Calls `listener` with each item from now on; the returned function ends it. */
  on(listener: (item: ActivityItem) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #note(event: CacheEventName, fields: CacheEvents[(typeof NAMES)[number]]): void {
    const atMs = Date.now();
    if ('kind' in fields && fields.kind === 'tag') this.#noteTag(fields.target, atMs);
    const isOften = event === 'invalidation' || event === 'journal';
    if (isOften && !this.#admits(atMs)) {
      this.#leftOut += 1;
      return;
    }
    const item: ActivityItem = { id: this.#nextId++, atMs, event, fields: { ...fields } };
    this.#items.push(item);
    if (this.#items.length > KEPT) this.#items.shift();
    for (const listener of this.#listeners) listener(item);
  }

  #noteTag(tag: string, atMs: number): void {
    const known = this.#tags.get(tag) ?? { tag, invalidations: 0, lastAtMs: 0 };
    // Moved to the end: the one not invalidated for longest makes room.
    this.#tags.delete(tag);
    this.#tags.set(tag, { tag, invalidations: known.invalidations + 1, lastAtMs: atMs });
    const [oldest] = this.#tags.keys();
    if (this.#tags.size > KEPT_TAGS && oldest !== undefined) this.#tags.delete(oldest);
  }

  #admits(atMs: number): boolean {
    const second = Math.floor(atMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    return this.#inSecond <= MOST_PER_SECOND;
  }
}
