import type { CacheEngine } from '../cache/engine.js';
import { InvalidArgumentError } from '../errors.js';
import { type Action, cacheOf, durationOf, type Fields, textOf } from './action.js';
import { type HeldBreaker, BreakerHolds } from './breaker-holds.js';
import { Bypasses } from './bypasses.js';
import { UNCOUNTED } from './entry-count.js';
import type { Fleet } from './fleet.js';

/** What an operator has ordered for a while. */
export interface OverridesState {
  bypasses: ReturnType<Bypasses['states']>;
  /** Of this process. */
  breakers: HeldBreaker[];
}

/** Caches that are bypassed and breakers that are held for a while, each until its time is over or somebody ends it. */
export class Overrides {
  readonly #bypasses: Bypasses;
  readonly #holds: BreakerHolds;
  /** Changes with every order of this process: an exchange that began before knows nothing of it. */
  #version = 0;

  constructor(
    private readonly engine: CacheEngine,
    private readonly fleet: Fleet,
    /** Name of the connection that holds sessions. */
    private readonly sessionConnection: string | undefined,
  ) {
    this.#bypasses = new Bypasses(engine);
    this.#holds = new BreakerHolds(engine);
  }

  state(): OverridesState {
    return { bypasses: this.#bypasses.states(), breakers: this.#holds.states() };
  }

  /** Learns of what other processes were ordered, with the next report. */
  async exchange(): Promise<void> {
    const version = this.#version;
    const orders = await this.fleet.exchange(this.#holds.states());
    if (orders !== undefined && version === this.#version) this.#bypasses.follow(orders);
  }

  /** What an order does; `undefined` for another kind. */
  of(fields: Fields): Action | undefined {
    if (fields.kind === 'bypass') return this.#bypass(fields);
    if (fields.kind === 'breaker') return this.#hold(fields);
    return undefined;
  }

  /** Ends one before its time. @returns what came of it */
  async end(fields: Fields): Promise<{ target: string; outcome: string }> {
    if (fields.kind === 'bypass') {
      const cache = textOf(fields, 'cache');
      cacheOf(this.engine, cache);
      return { target: cache, outcome: await this.#order(cache, 0) };
    }
    const connection = textOf(fields, 'connection');
    this.#holds.end(connection);
    return { target: connection, outcome: 'released' };
  }

  close(): void {
    this.#bypasses.close();
    this.#holds.close();
  }

  #bypass(fields: Fields): Action {
    const [cache, durationMs] = [textOf(fields, 'cache'), durationOf(fields)];
    return {
      audited: 'bypass',
      target: cache,
      name: cache,
      what: `For ${durationMs / 1000} s loaders answer every read of cache "${cache}", in all processes; nothing is invalidated`,
      count: () => {
        cacheOf(this.engine, cache);
        return { ...UNCOUNTED };
      },
      apply: () => this.#order(cache, durationMs),
    };
  }

  #hold(fields: Fields): Action {
    const [connection, state, durationMs] = [textOf(fields, 'connection'), textOf(fields, 'state'), durationOf(fields)];
    if (state !== 'open' && state !== 'closed') throw new InvalidArgumentError("state must be 'open' or 'closed'.");
    const does =
      state === 'open'
        ? `does without Redis on connection "${connection}"${connection === this.sessionConnection ? ', sessions fail' : ''}`
        : `goes on using Redis on connection "${connection}" however slowly it answers, as long as it is connected`;
    return {
      audited: 'hold-breaker',
      target: `${connection} ${state}`,
      ...(state === 'open' ? { name: connection } : {}),
      what: `For ${durationMs / 1000} s this process alone ${does}`,
      count: () => {
        this.#holds.of(connection);
        return { ...UNCOUNTED };
      },
      apply: () => {
        this.#holds.begin(connection, state, durationMs);
        return 'held';
      },
    };
  }

  /** 0 ends it. */
  async #order(cache: string, durationMs: number): Promise<string> {
    this.#version += 1;
    const isTold = await this.fleet.order(cache, durationMs);
    this.#version += 1;
    if (durationMs === 0) this.#bypasses.end(cache);
    else this.#bypasses.begin(cache, durationMs, !isTold);
    return isTold ? 'everywhere' : 'in this process alone';
  }
}
