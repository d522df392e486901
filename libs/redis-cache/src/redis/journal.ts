import type { EventChannel } from '../events.js';
import type { Clock } from '../time.js';

/** One invalidation: of the entry with that slot key, or of a tag. */
export interface JournalItem {
  kind: 'entry' | 'tag';
  name: string;
}

/** Carries out one invalidation in Redis; `false` when that is not known to outlive a failover yet. */
export type Replay = (item: JournalItem) => Promise<boolean>;

const MAX_QUEUED = 10_000;
/** Longer than a failover takes: acknowledged invalidations this young may be unknown to a new primary. */
const RECENT_MS = 60_000;
const MAX_RECENT = 10_000;
/** Replayed at once, so that a long journal does not cost a round trip each. */
const REPLAY_BATCH = 100;

/**
 * Invalidations that Redis has not carried out, and those of the last minute that it has. The first are replayed when
 * Redis can be used again, before anything stored there is believed; the second too when Redis turned out to be
 * another server, which may have lost them. Bounded: past its limits it collapses into one invalidation of the whole
 * namespace, so nothing is ever lost but the cache's content.
 */
export class Journal {
  /** How many queued invalidations were carried out: a read during which that changed may have read what they removed. */
  carriedOut = 0;
  readonly #queued = new Map<string, { item: JournalItem; atMark: number }>();
  #mark = 0;
  readonly #recent = new Map<string, { item: JournalItem; atMs: number }>();
  readonly #recentMany: { names: readonly string[]; atMs: number }[] = [];
  #recentManyNames = 0;
  #overflowed = false;
  #recentOverflowedAtMs = -Infinity;

  constructor(
    private readonly connectionName: string,
    /** What stands for any invalidation at all. */
    private readonly everything: readonly JournalItem[],
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
    for (const queued of this.#overflowed ? this.everything : [item]) {
      this.#queued.set(idOf(queued.kind, queued.name), { item: queued, atMark: ++this.#mark });
    }
    this.#report();
  }

  /** Redis carried it out; what was queued for the same name before it was sent is done with that. */
  applied(item: JournalItem, sentAtMark: number): void {
    const id = idOf(item.kind, item.name);
    this.#settle(id, sentAtMark);
    this.#makeRoom(1);
    this.#recent.delete(id);
    this.#recent.set(id, { item, atMs: this.clock.nowMs() });
  }

  /** The same for many entries at once. */
  appliedMany(names: readonly string[], sentAtMark: number): void {
    if (this.#queued.size > 0) for (const name of names) this.#settle(idOf('entry', name), sentAtMark);
    this.#makeRoom(names.length);
    this.#recentMany.push({ names, atMs: this.clock.nowMs() });
    this.#recentManyNames += names.length;
  }

  /** Queues again what was carried out shortly before the server fell silent `silenceMs` ago: it may have lost that. */
  queueRecent(isConcerned: (item: JournalItem) => boolean, silenceMs = 0): void {
    const oldestAtMs = this.clock.nowMs() - silenceMs - RECENT_MS;
    const isRecent = ({ atMs }: { atMs: number }): boolean => atMs >= oldestAtMs;
    const recent = [
      ...[...this.#recent.values()].filter(isRecent).map(({ item }) => item),
      ...this.#recentMany
        .filter(isRecent)
        .flatMap(({ names }) => names.map((name) => ({ kind: 'entry', name }) as const)),
    ];
    const lost = [...(this.#recentOverflowedAtMs > oldestAtMs ? this.everything : []), ...recent];
    for (const item of lost.filter(isConcerned)) this.queue(item);
  }

  /** Carries out what is queued and may be carried out now. Rejects with the first failure. */
  async replay(replay: Replay, isConcerned: (item: JournalItem) => boolean): Promise<void> {
    const due = [...this.#queued.values()].map(({ item }) => item).filter(isConcerned);
    for (let begin = 0; begin < due.length; begin += REPLAY_BATCH) {
      await Promise.all(
        due.slice(begin, begin + REPLAY_BATCH).map(async (item) => {
          const sentAtMark = this.#mark;
          if (await replay(item)) this.applied(item, sentAtMark);
        }),
      );
    }
    if (this.#queued.size === 0 && this.#overflowed) this.#overflowed = false;
    this.#report();
  }

  #settle(id: string, sentAtMark: number): void {
    const queued = this.#queued.get(id);
    if (queued === undefined || queued.atMark > sentAtMark) return;
    this.#queued.delete(id);
    this.carriedOut += 1;
    this.#report();
  }

  #makeRoom(added: number): void {
    if (this.#recentCount + added > MAX_RECENT) this.#forgetOld();
    if (this.#recentCount + added <= MAX_RECENT) return;
    this.#recent.clear();
    this.#recentMany.length = 0;
    this.#recentManyNames = 0;
    this.#recentOverflowedAtMs = this.clock.nowMs();
  }

  get #recentCount(): number {
    return this.#recent.size + this.#recentManyNames;
  }

  #forgetOld(): void {
    const oldestAtMs = this.clock.nowMs() - RECENT_MS;
    while (this.#recentMany[0] !== undefined && this.#recentMany[0].atMs < oldestAtMs) {
      this.#recentManyNames -= this.#recentMany.shift()?.names.length ?? 0;
    }
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
