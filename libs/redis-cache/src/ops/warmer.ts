import { isOptions, quoted, shown } from '../arguments.js';
import { isDefinition, type TypedCacheDefinition } from '../cache/definition.js';
import { InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { isName } from '../redis/name.js';
import { type Duration, toMs } from '../time.js';

export interface WarmerOptions {
  /** 1 to 64 of `A-Z a-z 0-9 _ -`. Default: the name of the cache. */
  name?: string;
  /** Entries loaded at a time. Default 8. */
  concurrency?: number;
  /**
   * Whether it runs when the application starts: `true` in the background, so that nothing waits for it; `'wait'` before the
   * application listens. Default `false`: only when it is told to.
   */
  atStart?: boolean | 'wait';
  /** A run of any process that ended no longer ago than this is enough. Default `'5m'`. */
  every?: Duration;
}

/** Which entries of a cache are worth loading before anybody asks for them; how is told to `WarmUpService`. */
export interface Warmer<Args extends readonly unknown[], T> {
  readonly name: string;
  readonly cache: TypedCacheDefinition<Args, T>;
  readonly concurrency: number;
  readonly atStart: boolean | 'wait';
  readonly everyMs: number;
}

/** The arguments of an entry; where there is only one, and it is no list, that alone will do. */
export type WarmerEntry<Args extends readonly unknown[]> =
  Args | (Args extends readonly [infer Only] ? (Only extends readonly unknown[] ? never : Only) : never);

/** What a warmer needs of the application. */
export interface WarmerSource<Args extends readonly unknown[], T> {
  /** The entries, the most wanted first. Asked for only when a run begins, and read as far as it gets. */
  entries: () => Iterable<WarmerEntry<Args>> | AsyncIterable<WarmerEntry<Args>> | Promise<Iterable<WarmerEntry<Args>>>;
  load: (...args: Args) => T | Promise<T>;
}

const DEFAULTS = { concurrency: 8, atStart: false, every: '5m' } as const;
const NAMES = ['name', 'concurrency', 'atStart', 'every'];

/**
 * Declares a warmer, next to the definition of its cache.
 *
 *     export const warmUsers = defineWarmer(users, { atStart: true });
 *
 * @throws InvalidOptionsError naming every option that is wrong or unknown
 */
export function defineWarmer<Args extends readonly unknown[], T>(
  cache: TypedCacheDefinition<Args, T>,
  options: WarmerOptions = {},
): Warmer<Args, T> {
  if (!isDefinition(cache) || !isOptions(options)) {
    throw new InvalidOptionsError('defineWarmer', [
      `it was given ${shown(cache)} and ${shown(options)}; it must be what defineCache returns, and options`,
    ]);
  }
  const problems = Object.keys(options)
    .filter((name) => !NAMES.includes(name))
    .map((name) => unknownName(name, NAMES));
  const { name = cache.name, concurrency = DEFAULTS.concurrency, atStart = DEFAULTS.atStart } = options;
  if (!isName(name)) problems.push(`name is ${quoted(name)}; allowed are 1 to 64 of A-Z a-z 0-9 _ -`);
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    problems.push(`concurrency is ${shown(concurrency)}; it must be a whole number of at least 1`);
  }
  if (![true, false, 'wait'].includes(atStart)) {
    problems.push(`atStart is ${shown(atStart)}; it must be true, false or 'wait'`);
  }
  if (problems.length > 0) throw new InvalidOptionsError('defineWarmer', problems);
  return Object.freeze({ name, cache, concurrency, atStart, everyMs: toMs(options.every ?? DEFAULTS.every, 'every') });
}
