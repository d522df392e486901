import type { EventChannel } from '../events.js';
import type { Clock } from '../time.js';

/** One invalidation: of the entry with that slot key, or of a tag. */
export interface JournalItem {
  kind: 'entry' | 'tag';
  name: string;
}

/** Carries out one invalidation in Redis. */
export type Replay = (item: JournalItem) => Promise<void>;

const MAX_QUEUED = 10_000;
/** Longer than a failover takes: acknowledged invalidations this young may be unknown to a new primary. */
const RECENT_MS = 60_000;
const MAX_RECENT = 10_000;

/**
 * Invalidations that Redis has not carried out, and those of the last minute that it has. The first are replayed when
 * Redis can be used again, before anything stored there is believed; the second too when Redis turned out to be
 * another server, which may have lost them. Bounded: past its limits it collapses into one invalidation of the whole
 * namespace, so nothing is ever lost but the cache's content.
 */
export class Journal {
  readonly #queued = new Map<string, { item: JournalItem; atMark: number }>();
  #mark = 0;
  readonly #recent = new Map<string, { item: JournalItem; atMs: number }>();
  #overflowed = false;
  #recentOverflowedAtMs = -Infinity;

  constructor(
    private readonly connectionName: string,
    private readonly everything: JournalItem,
    private readonly clock: Clock,
    private readonly events: EventChannel,
  ) {}

  get queued(): number {
    return this.#queued.size;
  }

  /** To be taken before an invalidation is sent, and given to `applied`. */
  mark(): number {
    return this.#mark;
  }

  /** Whether what is stored under that name must not be believed yet. */
  covers(kind: JournalItem['kind'], name: string): boolean {
    return this.#queued.size > 0 && (this.#overflowed || this.#queued.has(idOf(kind, name)));
  }

  queue(item: JournalItem): void {
    if (this.#queued.size >= MAX_QUEUED) {
      this.#queued.clear();
      this.#overflowed = true;
    }
    const queued = this.#overflowed ? this.everything : item;
    this.#queued.set(idOf(queued.kind, queued.name), { item: queued, atMark: ++this.#mark });
    this.#report();
  }

  /** Redis carried it out; what was queued for the same name before it was sent is done with that. */
  applied(item: JournalItem, sentAtMark: number): void {
    const id = idOf(item.kind, item.name);
    const queued = this.#queued.get(id);
    if (queued !== undefined && queued.atMark <= sentAtMark) {
      this.#queued.delete(id);
      this.#report();
    }
    this.#remember(id, item);
  }

  /** Carries out what is queued; with `recentToo` also what another server may have lost. Stops at the first failure. */
  async replay(replay: Replay, recentToo: boolean): Promise<void> {
    if (recentToo) this.#queueRecent();
    for (const { item } of [...this.#queued.values()]) {
      const sentAtMark = this.#mark;
      await replay(item);
      this.applied(item, sentAtMark);
    }
    if (this.#queued.size === 0 && this.#overflowed) this.#overflowed = false;
    this.#report();
  }

  #remember(id: string, item: JournalItem): void {
    if (this.#recent.size >= MAX_RECENT) this.#forgetOld();
    if (this.#recent.size >= MAX_RECENT) {
      this.#recent.clear();
      this.#recentOverflowedAtMs = this.clock.nowMs();
    }
    this.#recent.delete(id);
    this.#recent.set(id, { item, atMs: this.clock.nowMs() });
  }

  #queueRecent(): void {
    this.#forgetOld();
    if (this.clock.nowMs() - this.#recentOverflowedAtMs < RECENT_MS) this.queue(this.everything);
    for (const { item } of this.#recent.values()) this.queue(item);
  }

  #forgetOld(): void {
    const oldestAtMs = this.clock.nowMs() - RECENT_MS;
    for (const [id, { atMs }] of this.#recent) {
      if (atMs >= oldestAtMs) return;
      this.#recent.delete(id);
    }
  }

  #report(): void {
    this.events.emit('journal', {
      connection: this.connectionName,
      queued: this.#queued.size,
      overflowed: this.#overflowed,
    });
  }
}

function idOf(kind: JournalItem['kind'], name: string): string {
  return `${kind}:${name}`;
}
