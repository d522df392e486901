import { isOptions, kindOf, shown } from '../arguments.js';
import { InvalidArgumentError, InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import type { CallOptions, InvalidateOptions } from './entry-options.js';
import type { Key } from './key.js';

/** Options of `warm`. */
export interface WarmOptions<T> extends CallOptions<T> {
  /** Keys loaded at a time, default 8. */
  concurrency?: number;
}

const DEFAULT_WARM_CONCURRENCY = 8;

/** @throws InvalidOptionsError for a wrong or unknown option: an invalidation must not be less strict than it was meant. */
export function checkInvalidateOptions(options: InvalidateOptions): void {
  const subject = 'Invalidation options';
  if (!isOptions(options)) {
    throw new InvalidOptionsError(subject, [
      `they are ${kindOf(options)}; they must be an object such as { strict: true }`,
    ]);
  }
  const problems = Object.keys(options)
    .filter((name) => name !== 'strict')
    .map((name) => unknownName(name, ['strict']));
  const { strict } = options;
  if (strict !== undefined && typeof strict !== 'boolean')
    problems.push(`strict is ${shown(strict)}. Allowed: true, false.`);
  if (problems.length > 0) throw new InvalidOptionsError(subject, problems);
}

/** @throws InvalidArgumentError for anything but a Map, or a list of pairs. */
export function pairsOf<T>(entries: Iterable<readonly [Key, T]>): (readonly [Key, T])[] {
  const isIterable = typeof entries === 'object' && entries !== null && Symbol.iterator in entries;
  const pairs = isIterable ? [...entries] : [];
  if (isIterable && pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) return pairs;
  throw new InvalidArgumentError(`entries is ${kindOf(entries)}. It must be a Map, or a list of [key, value].`);
}

/** @throws InvalidArgumentError for a wrong `concurrency`; the others are checked as those of any call. */
export function warmOptions<T>(options: WarmOptions<T>): { concurrency: number; callOptions: CallOptions<T> } {
  if (!isOptions(options)) return { concurrency: DEFAULT_WARM_CONCURRENCY, callOptions: options };
  const { concurrency = DEFAULT_WARM_CONCURRENCY, ...callOptions } = options;
  if (Number.isInteger(concurrency) && concurrency >= 1) return { concurrency, callOptions };
  throw new InvalidArgumentError(`concurrency is ${shown(concurrency)}. It must be a whole number of at least 1.`);
}
