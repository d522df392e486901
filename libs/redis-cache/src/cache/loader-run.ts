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

const SIGNALLER = Symbol('signaller');

interface Signalled {
  readonly [SIGNALLER]: { readonly signal: AbortSignal };
}

/**
 * Made when it is first looked at, which few loaders do. One for all contexts: V8 keeps an object with a getter of its own as a
 * dictionary, which takes three times the room.
 */
const SIGNAL = {
  enumerable: true,
  configurable: true,
  get(this: Signalled): AbortSignal {
    return this[SIGNALLER].signal;
  },
};

/** A loader that runs, in an async context of its own. */
export class LoaderRun {
  /** Timers and listeners a loader leaves behind still seem to run inside it. */
  hasEnded = false;
  readonly key: string;
  readonly outer = innermostLoad();
  readonly #context: LoadContext;
  #ttl: Loaded['ttl'];
  #graceMs: Loaded['graceMs'];
  #tags: Loaded['tags'];
  #isSkipped = false;

  /** @param cache what tells this cache from all others, those of other modules too */
  constructor(
    readonly cache: object,
    flight: { readonly key: string; readonly signal: AbortSignal; readonly isRefresh: boolean },
    previous: unknown,
  ) {
    this.key = flight.key;
    const context: Omit<LoadContext, 'signal'> & Signalled = {
      [SIGNALLER]: flight,
      key: flight.key,
      previous,
      isRefresh: flight.isRefresh,
      setTtl: (given) => {
        this.#ttl = given;
      },
      setGrace: (given) => {
        this.#graceMs = toMsOrZero(given, 'grace');
      },
      setTags: (given) => {
        this.#tags = checkList(given, 'tags', 'strings');
      },
      skip: () => {
        this.#isSkipped = true;
      },
    };
    this.#context = Object.defineProperty(context, 'signal', SIGNAL) as LoadContext & Signalled;
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
    if (!isStream(value)) {
      return { value, ttl: this.#ttl, graceMs: this.#graceMs, tags: this.#tags, isSkipped: this.#isSkipped };
    }
    const { key } = this;
    throw new InvalidArgumentError(`The loader of key "${key}" returned a stream. Return its content.`, { key });
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
