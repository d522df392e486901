import { checkList, isOptions, kindOf, shown } from '../arguments.js';
import { InvalidArgumentError, InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { userTag } from '../redis/keyspace.js';
import { toMs, toMsOrZero, toTimeoutMs, type Duration } from '../time.js';
import type { CallOptions, EntryOptions, Refresh, StaleValue, Ttl } from './entry-options.js';
import type { Entry } from './entry.js';
import { encodeTag } from './key.js';
import { DEFAULT_COMPRESS_ABOVE_BYTES } from './compression.js';
import { type DenyList, denyListOf, MARKS_ONLY } from './sensitive-data.js';
import { CODEC_NAME, type Codec } from './value.js';

/** Entry options with every default filled in and every duration in milliseconds. */
export interface Policy {
  readonly ttl: Ttl;
  readonly graceMs: number;
  readonly refresh: Refresh | ((stale: StaleValue<never>) => Refresh);
  readonly softTimeoutMs: number | undefined;
  readonly hardTimeoutMs: number;
  /** `undefined`: the smaller of the ttl and one minute. */
  readonly negativeTtlMs: number | false | undefined;
  readonly jitter: number;
  /** Beta of XFetch; 0 is off. */
  readonly earlyBeta: number;
  /** As they are stored. */
  readonly tags: readonly string[];
  /** Of what is loaded, where only the value tells its tags. */
  readonly tagsOf: ((value: never) => readonly string[]) | undefined;
  readonly usesMemory: boolean;
  readonly memoryTtlMs: number;
  readonly codec: Codec | undefined;
  readonly compressAboveBytes: number;
  readonly maxValueBytes: number;
  readonly copies: boolean;
  /** Fields that keep a value from being stored. */
  readonly denied: DenyList | undefined;
}

export const DEFAULT_MAX_TTL_MS = 30 * 24 * 60 * 60 * 1000;
const DEFAULT_NEGATIVE_TTL_MS = 60_000;
const MAX_TAGS = 64;

export const DEFAULT_POLICY: Policy = {
  ttl: 5 * 60 * 1000,
  graceMs: 0,
  refresh: 'background',
  softTimeoutMs: undefined,
  hardTimeoutMs: 30_000,
  negativeTtlMs: undefined,
  jitter: 0,
  earlyBeta: 0,
  tags: [],
  tagsOf: undefined,
  usesMemory: true,
  memoryTtlMs: Infinity,
  codec: undefined,
  compressAboveBytes: DEFAULT_COMPRESS_ABOVE_BYTES,
  maxValueBytes: 4 * 1024 * 1024,
  copies: false,
  denied: MARKS_ONLY,
};

type Reader<Name extends keyof CallOptions> = (
  value: NonNullable<CallOptions[Name]>,
  maxTtlMs: number,
  context: { entry: Partial<Record<keyof Policy, unknown>> },
) => void;

/** One reader per option: checks it and says what it means in the policy. */
const READERS: { readonly [Name in keyof CallOptions]-?: Reader<Name> } = {
  ttl: (ttl, maxTtlMs, { entry }) => {
    if (typeof ttl !== 'function') ttlMs(ttl, maxTtlMs, Date.now());
    entry.ttl = ttl;
  },
  grace: (grace, _maxTtlMs, { entry }) => {
    entry.graceMs = toMsOrZero(grace, 'grace');
  },
  refresh: (refresh, _maxTtlMs, { entry }) => {
    if (typeof refresh !== 'function') oneOf('refresh', refresh, ['background', 'wait', 'required']);
    entry.refresh = refresh;
  },
  softTimeout: (timeout, _maxTtlMs, { entry }) => {
    entry.softTimeoutMs = toTimeoutMs(timeout, 'softTimeout');
    entry.refresh ??= 'wait';
  },
  hardTimeout: (timeout, _maxTtlMs, { entry }) => {
    entry.hardTimeoutMs = toTimeoutMs(timeout, 'hardTimeout');
  },
  negativeTtl: (ttl, maxTtlMs, { entry }) => {
    entry.negativeTtlMs = ttl === false ? false : boundedTtl(toMs(ttl, 'negativeTtl'), maxTtlMs, 'negativeTtl');
  },
  jitter: (jitter, _maxTtlMs, { entry }) => {
    if (!(typeof jitter === 'number' && jitter >= 0 && jitter <= 0.5)) {
      throw new InvalidArgumentError(`jitter is ${shown(jitter)}. It must be a share between 0 and 0.5.`);
    }
    entry.jitter = jitter;
  },
  earlyRefresh: (early, _maxTtlMs, { entry }) => {
    if (typeof early !== 'boolean' && !(typeof early === 'number' && early > 0 && Number.isFinite(early))) {
      throw new InvalidArgumentError(`earlyRefresh is ${shown(early)}. It must be true, false or a beta above 0.`);
    }
    entry.earlyBeta = Number(early);
  },
  tags: (tags, _maxTtlMs, { entry }) => {
    const isFunction = typeof tags === 'function';
    entry.tags = isFunction ? NO_TAGS : storedTags(tags);
    entry.tagsOf = isFunction ? (value: never) => checkList(tags(value), 'tags', 'strings') : undefined;
  },
  l1: (l1, _maxTtlMs, { entry }) => {
    if (typeof l1 !== 'boolean' && !hasOnly(l1, 'ttl')) {
      throw new InvalidArgumentError(`l1 is ${shown(l1)}. It must be true, false or { ttl }.`);
    }
    entry.usesMemory = l1 !== false;
    entry.memoryTtlMs = typeof l1 === 'object' ? toMs(l1.ttl, 'l1.ttl') : Infinity;
  },
  codec: (codec, _maxTtlMs, { entry }) => {
    if (
      typeof codec?.name !== 'string' ||
      !CODEC_NAME.test(codec.name) ||
      typeof codec.encode !== 'function' ||
      typeof codec.decode !== 'function'
    ) {
      throw new InvalidArgumentError('codec must have a name of 1 to 32 characters a-z 0-9 -, and encode and decode.');
    }
    entry.codec = codec;
  },
  compress: (compress, _maxTtlMs, { entry }) => {
    if (compress !== false && !hasOnly(compress, 'aboveBytes')) {
      throw new InvalidArgumentError(`compress is ${shown(compress)}. It must be false or { aboveBytes }.`);
    }
    entry.compressAboveBytes =
      compress === false ? Infinity : wholeNumber('compress.aboveBytes', compress.aboveBytes, 0);
  },
  maxValueBytes: (bytes, _maxTtlMs, { entry }) => {
    entry.maxValueBytes = wholeNumber('maxValueBytes', bytes, 1);
  },
  values: (values, _maxTtlMs, { entry }) => {
    oneOf('values', values, ['frozen', 'copy']);
    entry.copies = values === 'copy';
  },
  sensitive: (sensitive, _maxTtlMs, { entry }) => {
    entry.denied = denyListOf(sensitive);
  },
  bypass: (bypass) => {
    oneOf('bypass', bypass, [true, false]);
  },
  consistency: (consistency) => {
    oneOf('consistency', consistency, ['bounded', 'strong']);
  },
};

const CALL_ONLY: readonly string[] = ['bypass', 'consistency'];
const CALL_OPTION_NAMES = Object.keys(READERS);
export const ENTRY_OPTION_NAMES = CALL_OPTION_NAMES.filter((name) => !CALL_ONLY.includes(name));

/**
 * `base` with `options` on top.
 *
 * @throws InvalidOptionsError naming every wrong or unknown option of `options`; `subject` says where they stand.
 */
export function resolvePolicy(
  base: Policy,
  options: EntryOptions<never> | CallOptions<never> | undefined,
  maxTtlMs: number,
  subject = 'Cache options',
  isCall = false,
): Policy {
  if (options === undefined) return base;
  if (!isOptions(options)) {
    throw new InvalidOptionsError(subject, [
      `they are ${kindOf(options)}; they must be an object such as { ttl: '5m' }`,
    ]);
  }
  const entry: Partial<Record<keyof Policy, unknown>> = {};
  const context = { entry };
  const problems: string[] = [];
  const allowed = isCall ? CALL_OPTION_NAMES : ENTRY_OPTION_NAMES;
  // Not by pairs: calls with options of their own come here.
  for (const name of Object.keys(options)) {
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined) continue;
    if (!allowed.includes(name)) {
      problems.push(unknownName(name, allowed));
      continue;
    }
    try {
      (
        READERS[name as keyof CallOptions] as (
          value: unknown,
          maxTtlMs: number,
          context: { entry: typeof entry },
        ) => void
      )(value, maxTtlMs, context);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (problems.length > 0) throw new InvalidOptionsError(subject, problems);
  return { ...base, ...(entry as Partial<Policy>) };
}

/**
 * The tags of options that hold nothing else, as they are stored: most calls with options have only these, and need no policy
 * of their own. `undefined` for all others, wrong ones among them.
 */
export function tagsAlone(
  base: Policy,
  options: EntryOptions<never> | CallOptions<never> | undefined,
): readonly string[] | undefined {
  if (typeof options !== 'object' || (options as unknown) === null) return undefined;
  const { tags } = options;
  if (base.tagsOf !== undefined || !Array.isArray(tags)) return undefined;
  for (const name in options) {
    if (name !== 'tags' && (options as Record<string, unknown>)[name] !== undefined) return undefined;
  }
  try {
    return storedTags(tags as readonly string[]);
  } catch {
    return undefined;
  }
}

/** Milliseconds a value stays fresh from `nowMs` on, by the application's own clock, which a `Date` was made with. @throws InvalidArgumentError for an unusable ttl. */
export function freshMs(
  policy: Policy,
  ttl: Ttl | undefined,
  value: unknown,
  limits: { maxTtlMs: number; nowMs: number; random: number },
): number | false {
  const isNegative = value === null || value === undefined;
  if (isNegative && policy.negativeTtlMs === false) return false;
  const jittered = (ms: number) => Math.max(1, ms * (1 - policy.jitter * limits.random));
  if (isNegative && ttl === undefined && policy.negativeTtlMs) return jittered(policy.negativeTtlMs);
  const given = ttl ?? policy.ttl;
  const ms = ttlMs(typeof given === 'function' ? given(value) : given, limits.maxTtlMs, limits.nowMs);
  return jittered(isNegative && ttl === undefined ? Math.min(ms, DEFAULT_NEGATIVE_TTL_MS) : ms);
}

/** What the policy says of a stale entry. */
export function refreshOf({ refresh }: Policy, entry: Entry, nowMs: number): Refresh {
  if (typeof refresh !== 'function') return refresh;
  return refresh({ value: entry.take() as never, staleMs: Math.max(0, nowMs - entry.freshUntilMs) });
}

export const NO_TAGS: readonly string[] = [];

/** Tags as they are stored. @throws InvalidArgumentError for what is no list of tags, too many, or one twice */
export function storedTags(tags: readonly string[]): readonly string[] {
  checkTagCount(checkList(tags, 'tags', 'strings').length);
  if (tags.length === 0) return NO_TAGS;
  // By index, and of its length from the start: calls with tags of their own come here.
  const stored = new Array<string>(tags.length);
  for (let index = 0; index < tags.length; index++) {
    const tag = storedTag(tags[index] as string);
    if (stored.includes(tag)) {
      throw new InvalidArgumentError(`tags holds "${tags[index]}" twice. Name each tag once.`);
    }
    stored[index] = tag;
  }
  return stored;
}

/** Tags come again and again: text that was looked up before is found faster than the same text made anew. */
const spelled = new Map<string, string>();
const MAX_SPELLED = 10_000;

function storedTag(tag: string): string {
  let stored = spelled.get(tag);
  if (stored === undefined) {
    stored = userTag(encodeTag(tag));
    if (spelled.size >= MAX_SPELLED) spelled.clear();
    spelled.set(tag, stored);
  }
  return stored;
}

export function checkTagCount(count: number): void {
  if (count <= MAX_TAGS) return;
  throw new InvalidArgumentError(`tags has ${count} items; at most ${MAX_TAGS} are allowed.`);
}

function ttlMs(ttl: Duration | Date, maxTtlMs: number, nowMs: number): number {
  if (!(ttl instanceof Date)) return boundedTtl(toMs(ttl, 'ttl'), maxTtlMs, 'ttl');
  const ms = ttl.getTime() - nowMs;
  if (!(ms > 0)) throw new InvalidArgumentError(`ttl is ${shown(ttl)}, which is not in the future.`);
  return boundedTtl(ms, maxTtlMs, 'ttl');
}

function boundedTtl(ms: number, maxTtlMs: number, name: string): number {
  if (ms > maxTtlMs) throw new InvalidArgumentError(`${name} is ${ms} ms, beyond the ${maxTtlMs} ms of maxTtl.`);
  return ms;
}

function hasOnly(options: unknown, name: string): boolean {
  return isOptions(options) && Object.keys(options).every((each) => each === name);
}

function oneOf<T>(name: string, value: T, allowed: readonly T[]): void {
  if (!allowed.includes(value))
    throw new InvalidArgumentError(`${name} is ${shown(value)}. Allowed: ${allowed.join(', ')}.`);
}

function wholeNumber(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least) {
    throw new InvalidArgumentError(`${name} is ${shown(value)}. It must be a whole number of at least ${least}.`);
  }
  return value;
}
