import { AsyncLocalStorage } from 'node:async_hooks';
import { checkList, kindOf } from '../arguments.js';
import { InvalidArgumentError, RecursiveLoadError } from '../errors.js';
import { toMsOrZero, type Duration } from '../time.js';
import type { LoadContext, Loader } from './entry-options.js';

/** What a loader gave, and what it said about it. */
export interface Loaded {
  readonly value: unknown;
  readonly ttl: Duration | Date | undefined;
  readonly graceMs: number | undefined;
  readonly tags: readonly string[] | undefined;
  readonly isSkipped: boolean;
}

const running = new AsyncLocalStorage<LoaderRun>();
let loadsUnderWay = 0;

/** @throws RecursiveLoadError when the code that runs now is, however deep, the loader of that very key. */
export function refuseRecursion(cache: object, key: string): void {
  for (let load = innermostLoad(); load !== undefined; load = load.outer) {
    if (load.cache === cache && load.key === key && !load.hasEnded) throw new RecursiveLoadError(key);
  }
}

function innermostLoad(): LoaderRun | undefined {
  let load = running.getStore();
  while (load?.hasEnded === true) load = load.outer;
  return load;
}

/** @throws InvalidArgumentError for a loader that is not a function. */
export function checkLoader(loader: unknown, key: string, name = 'loader'): void {
  if (typeof loader === 'function') return;
  throw new InvalidArgumentError(`The ${name} of key "${key}" is ${kindOf(loader)}. It must be a function.`, { key });
}

/** The same for the loader of many keys. */
export function checkBulkLoader(loader: unknown, method: string): void {
  if (typeof loader === 'function') return;
  throw new InvalidArgumentError(`The loader of ${method} is ${kindOf(loader)}. It must be a function.`);
}

/** A loader that runs, in an async context of its own. */
export class LoaderRun {
  /** Timers and listeners a loader leaves behind still seem to run inside it. */
  hasEnded = false;
  readonly key: string;
  readonly outer = innermostLoad();
  readonly #context: Context;

  /** @param cache what tells this cache from all others, those of other modules too */
  constructor(
    readonly cache: object,
    flight: ContextSource,
    previous: unknown,
  ) {
    this.key = flight.key;
    this.#context = new Context(flight, previous);
  }

  /** Calls the loader, once; what it throws passes unchanged. `end` must follow when its promise has settled. */
  start(loader: Loader<unknown>): unknown {
    loadsUnderWay += 1;
    return running.run(this, loader, this.#context);
  }

  end(): void {
    this.hasEnded = true;
    loadsUnderWay -= 1;
    // While it is in use, every promise of the process pays for it (before Node 24).
    if (loadsUnderWay === 0) running.disable();
  }

  /** @throws InvalidArgumentError for a stream, because it can be read only once. */
  loaded(value: unknown): Loaded {
    if (!isStream(value)) return this.#context.loaded(value);
    const { key } = this;
    throw new InvalidArgumentError(`The loader of key "${key}" returned a stream. Return its content.`, { key });
  }
}

interface ContextSource {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly isRefresh: boolean;
}

/** What a loader gets. Its signal and its functions, which may be taken from it, are made when they are looked at. */
class Context implements LoadContext {
  readonly key: string;
  readonly isRefresh: boolean;
  readonly #flight: ContextSource;
  #ttl: Duration | Date | undefined;
  #graceMs: number | undefined;
  #tags: readonly string[] | undefined;
  #isSkipped = false;

  constructor(
    flight: ContextSource,
    readonly previous: unknown,
  ) {
    this.key = flight.key;
    this.isRefresh = flight.isRefresh;
    this.#flight = flight;
  }

  get signal(): AbortSignal {
    return this.#flight.signal;
  }

  get setTtl() {
    return (given: Duration | Date): void => {
      this.#ttl = given;
    };
  }

  get setGrace() {
    return (given: Duration | 0): void => {
      this.#graceMs = toMsOrZero(given, 'grace');
    };
  }

  get setTags() {
    return (given: readonly string[]): void => {
      this.#tags = checkList(given, 'tags', 'strings');
    };
  }

  get skip() {
    return (): void => {
      this.#isSkipped = true;
    };
  }

  loaded(value: unknown): Loaded {
    return { value, ttl: this.#ttl, graceMs: this.#graceMs, tags: this.#tags, isSkipped: this.#isSkipped };
  }
}

/** Calls a loader whose result the cache leaves alone. */
export async function runUncached<T>(key: string, loader: Loader<T>): Promise<T> {
  return loader({
    key,
    previous: undefined,
    isRefresh: false,
    get signal() {
      return new AbortController().signal;
    },
    setTtl,
    setGrace,
    setTags,
    skip,
  });
}

function setTtl(): void {}
function setGrace(): void {}
function setTags(): void {}
function skip(): void {}

function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as { pipe?: unknown; getReader?: unknown };
  return typeof candidate.pipe === 'function' || typeof candidate.getReader === 'function';
}
