import type { Duration } from '../time.js';
import type { SensitiveOptions } from './sensitive-data.js';
import type { Codec } from './value.js';

/** How long a value stays fresh: a duration, an instant, or a function of the value that gives either. */
export type Ttl<T = unknown> = Duration | Date | ((value: T) => Duration | Date);

/** Tags of an entry: a list, or a function of the loaded value (such entries cost one more round trip to store). */
export type Tags<T = unknown> = readonly string[] | ((value: T) => readonly string[]);

/**
 * What happens with a stale value: `background` answers it at once, `wait` waits for the loader first, up to
 * `softTimeout`, and answers it while another process loads. `required` waits for that, too: the value is answered only
 * when the loader fails.
 */
export type Refresh = 'background' | 'wait' | 'required';

/** A value past its ttl, within its grace. */
export interface StaleValue<T = unknown> {
  readonly value: T;
  /** Time since it was fresh. Endless after `expire`. */
  readonly staleMs: number;
}

/**
 * What may be said of an entry: for all caches (`defaults`), for one cache (`defineCache`), or for one call; the
 * nearest wins. Durations are milliseconds or text such as `'30m'`.
 */
export interface EntryOptions<T = unknown> {
  /** Time the value stays fresh. Default `'5m'`; at most `maxTtl` of the module. */
  ttl?: Ttl<T>;
  /** Time after `ttl` during which the value may still be answered, stale, while it is refreshed. Default 0 (never). */
  grace?: Duration | 0;
  /** How a stale value is refreshed, or a function of it that says so. Default `background`, or `wait` when `softTimeout`
   * is given. */
  refresh?: Refresh | ((stale: StaleValue<T>) => Refresh);
  /** Longest wait for the loader while a stale value could be answered, at most a day. Default: none but `hardTimeout`. */
  softTimeout?: Duration;
  /** Longest wait of a caller for a value, at most a day, then `LoaderTimeoutError`; the load itself may still finish.
   * Default `'30s'`. */
  hardTimeout?: Duration;
  /** Like `ttl`, for results that are `null` or `undefined`. Default: the smaller of `ttl` and one minute; `false`
   * does not store such results. */
  negativeTtl?: Duration | false;
  /** Shortens each `ttl` at random by up to this share (0 to 0.5), so that entries do not expire together. Default 0. */
  jitter?: number;
  /** Refresh before expiry with a probability that grows with the measured load time (XFetch, Vattani et al., VLDB
   * 2015): `true` is beta 1, a number is beta, `false` is off. Default `false`. */
  earlyRefresh?: boolean | number;
  /** Names under which the entry can be invalidated; at most 64, no duplicates. */
  tags?: Tags<T>;
  /** Use of the memory tier: `false` is none, `{ ttl }` limits how long this process keeps a copy. Default `true`. */
  l1?: boolean | { ttl: Duration };
  /** Encoding of the value. Default: JSON with typed extensions. */
  codec?: Codec;
  /** Compress payloads of at least this many bytes; `false` never. Default: see `docs/caching.md`. */
  compress?: false | { aboveBytes: number };
  /** Larger encoded values are returned and not stored. Default 4 MiB. */
  maxValueBytes?: number;
  /** `frozen` shares one deep-frozen value between callers; `copy` decodes a fresh one per call. Default `frozen`. */
  values?: 'frozen' | 'copy';
  /** Fields that keep a value from being stored, by name: `true` for the usual ones, or which. Default: none but those marked
   * with `@Sensitive()`; `false`: not even those. */
  sensitive?: boolean | SensitiveOptions;
}

/** Options of one call. */
export interface CallOptions<T = unknown> extends EntryOptions<T> {
  /** Ask the loader and leave the cache alone: nothing is read, nothing is stored. */
  bypass?: boolean;
  /** `strong` asks Redis even if the memory tier has an answer and joins no load that began earlier. Default `bounded`. */
  consistency?: 'bounded' | 'strong';
}

export interface InvalidateOptions {
  /** Throw `NotInvalidatedError` when Redis could not do it now. The invalidation is still journaled. */
  strict?: boolean;
}

/** What a loader gets. */
export interface LoadContext<T = unknown> {
  /** Aborted when nobody waits for the result any more. */
  readonly signal: AbortSignal;
  /** The key as the caller gave it, in its stored spelling. */
  readonly key: string;
  /** The stored value that this load replaces, if there is one that may still be read. */
  readonly previous: T | undefined;
  /** Whether this is a refresh behind callers who have got a stale or a soon stale value. */
  readonly isRefresh: boolean;
  setTtl(ttl: Duration | Date): void;
  setTags(tags: readonly string[]): void;
  /** Instead of the option `grace`. */
  setGrace(grace: Duration | 0): void;
  /** Do not store the result. */
  skip(): void;
}

export type Loader<T> = (context: LoadContext<T>) => T | Promise<T>;
