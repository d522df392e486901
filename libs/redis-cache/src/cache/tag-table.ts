import { LRUCache } from 'lru-cache';

/** The source of ids: Redis, or this process when there is none. */
export interface TagIds {
  /** The current id, or `undefined` when there is none: every entry recorded under an id is then invalid. */
  read(tag: string): Promise<string | undefined>;
  /** The current id, created when there is none. */
  ensure(tag: string): Promise<string>;
  /** Removes the id, whatever it is. */
  invalidateTag(tag: string): Promise<void>;
}

/** Whether ids read now may be remembered: see `Coherence.ticket`. */
export interface Tickets {
  ticket(): number;
  isValid(ticket: number): boolean;
}

/** Tags of the entries in use at once; a forgotten one costs a round trip. */
const MAX_IDS = 20_000;
/** Ids held here look idle to Redis, which evicts the idle first: they are read again this often. */
export const REREAD_INTERVAL_MS = 60_000;

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
  readonly #ids = new LRUCache<string, string>({ max: MAX_IDS });
  readonly #running = new Map<string, RunningRead>();
  #tickets: Tickets = { ticket: () => 0, isValid: () => false };

  constructor(private readonly source: TagIds) {}

  /** Said once, right after construction: tickets come from the coherence that also invalidates this table. */
  useTickets(tickets: Tickets): void {
    this.#tickets = tickets;
  }

  /** The id if it is known; meaningful only under trust. */
  known(tag: string): string | undefined {
    return this.#ids.get(tag);
  }

  /** Asks the source, sharing a question that is already under way unless an announcement overtook it. */
  read(tag: string): Promise<string | undefined> {
    return this.#ask(tag, `read ${tag}`, () => this.source.read(tag));
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

  forgetAll(): void {
    for (const question of [...this.#running.keys()]) this.#overtake(question);
    this.#ids.clear();
    this.version += 1;
  }

  /** Reads every known id again; one that changed without an announcement is forgotten like any other. */
  async reread(): Promise<void> {
    for (const [tag, id] of [...this.#ids.entries()]) {
      const current = await this.source.read(tag);
      if (current !== id && this.#ids.get(tag) === id) this.forget(tag);
    }
  }

  #ask<Id extends string | undefined>(
    tag: string,
    question: string,
    ask: () => Promise<Id>,
  ): Promise<string | undefined> {
    const running = this.#running.get(question);
    if (running !== undefined) return running.promise;
    const ticket = this.#tickets.ticket();
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
    if (known === id) return;
    this.#ids.set(tag, id);
    if (known !== undefined) this.version += 1;
  }

  #overtake(question: string): void {
    const running = this.#running.get(question);
    if (running === undefined) return;
    running.isCurrent = false;
    this.#running.delete(question);
  }
}
