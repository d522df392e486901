import { LRUCache } from 'lru-cache';
import type { Clock } from '../time.js';
import { TransitMap } from './transit-map.js';
import { NO_TRUST, type Trust } from './trust.js';

/** The source of ids: Redis, or this process when there is none. */
export interface TagIds {
  /** The current id, or `undefined` when there is none: every entry recorded under an id is then invalid. */
  read(tag: string): Promise<string | undefined>;
  /** The current id, created when there is none. */
  ensure(tag: string): Promise<string>;
  /** Removes the id, whatever it is. */
  invalidateTag(tag: string): Promise<void>;
}

/** Whether ids read now may be remembered, and for how long: see `Coherence`. */
export interface Tickets {
  ticket(tag: string): number;
  isValid(ticket: number): boolean;
  trustOf(tag: string): Trust;
}

/** Tags of the entries in use at once; a forgotten one costs a round trip. */
const MAX_IDS = 20_000;
/** Ids held here look idle to Redis, which evicts the idle first: they are read again this often. */
export const REREAD_INTERVAL_MS = 60_000;

interface KnownId {
  readonly id: string;
  readonly trust: Trust;
}

interface RunningRead {
  promise: Promise<string | undefined>;
  isCurrent: boolean;
}

/**
 * The tag ids this process knows, kept current by the coherence link. Only a read that began under trust and was not
 * overtaken by an announcement is remembered.
 */
export class TagTable {
  /**
   * Changes with every announcement, of an unknown tag too: an entry whose ids were found current need not be verified
   * again while it stays the same, and an id read that an announcement overtook never counts as current later.
   */
  version = 0;
  readonly #ids = new LRUCache<string, KnownId>({ max: MAX_IDS });
  readonly #running = new TransitMap<string, RunningRead>();
  #tickets: Tickets = { ticket: () => 0, isValid: () => false, trustOf: () => NO_TRUST };

  constructor(
    private readonly source: TagIds,
    private readonly clock: Clock,
  ) {}

  /** Said once, right after construction: tickets come from the coherence that also invalidates this table. */
  useTickets(tickets: Tickets): void {
    this.#tickets = tickets;
  }

  /** The id, if it is known and the link would have told of another one. */
  known(tag: string, nowMs = this.clock.nowMs()): string | undefined {
    const known = this.#ids.get(tag);
    return known !== undefined && nowMs < known.trust.untilMs ? known.id : undefined;
  }

  /** Whether `known` has an answer. It does not count as a use: those that are used are looked up after each announcement. */
  isKnown(tag: string, nowMs: number): boolean {
    const known = this.#ids.peek(tag);
    return known !== undefined && nowMs < known.trust.untilMs;
  }

  /** Asks the source, sharing a question that is already under way unless an announcement overtook it. */
  read(tag: string): Promise<string | undefined> {
    return this.#ask(tag, `read ${tag}`, () => this.source.read(tag));
  }

  /** What the source says now; nothing of it is remembered. */
  current(tag: string): Promise<string | undefined> {
    return this.source.read(tag);
  }

  ensure(tag: string): Promise<string> {
    return this.#ask(tag, `ensure ${tag}`, () => this.source.ensure(tag)) as Promise<string>;
  }

  invalidate(tag: string): Promise<void> {
    return this.source.invalidateTag(tag);
  }

  forget(tag: string): void {
    this.#overtake(`read ${tag}`);
    this.#overtake(`ensure ${tag}`);
    this.#ids.delete(tag);
    this.version += 1;
  }

  /** No read under way may be remembered, and none of the known ids that `isForgotten` may be used. */
  forgetWhere(isForgotten: (tag: string, trust: Trust) => boolean): void {
    for (const question of this.#running.keys()) this.#overtake(question);
    for (const [tag, { trust }] of [...this.#ids.entries()]) if (isForgotten(tag, trust)) this.#ids.delete(tag);
    this.version += 1;
  }

  /** Reads every known id again; one that changed without an announcement is forgotten like any other. */
  async reread(): Promise<void> {
    for (const [tag, known] of [...this.#ids.entries()]) {
      const current = await this.source.read(tag);
      if (current !== known.id && this.#ids.get(tag) === known) this.forget(tag);
    }
  }

  #ask<Id extends string | undefined>(
    tag: string,
    question: string,
    ask: () => Promise<Id>,
  ): Promise<string | undefined> {
    const running = this.#running.get(question);
    if (running !== undefined) return running.promise;
    const ticket = this.#tickets.ticket(tag);
    const read: RunningRead = { isCurrent: true, promise: ask() };
    this.#running.set(question, read);
    const done = (id?: string): void => {
      if (this.#running.get(question) === read) this.#running.delete(question);
      if (id !== undefined && read.isCurrent && this.#tickets.isValid(ticket)) this.#remember(tag, id);
    };
    read.promise.then(done, () => {
      done();
    });
    return read.promise;
  }

  #remember(tag: string, id: string): void {
    const known = this.#ids.get(tag);
    const trust = this.#tickets.trustOf(tag);
    if (known?.id === id && known.trust === trust) return;
    this.#ids.set(tag, { id, trust });
    if (known !== undefined) this.version += 1;
  }

  #overtake(question: string): void {
    const running = this.#running.get(question);
    if (running === undefined) return;
    running.isCurrent = false;
    this.#running.delete(question);
  }
}
