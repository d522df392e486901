import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { tzOffset } from '@date-fns/tz';
import { parse } from '@lukeed/ms';
import { InvalidArgumentError } from './errors.js';
import { shown } from './arguments.js';

type Unit =
  | 'ms'
  | `millisecond${'' | 's'}`
  | `s${'' | 'ec' | 'ecs' | 'econd' | 'econds'}`
  | `m${'' | 'in' | 'ins' | 'inute' | 'inutes'}`
  | `h${'' | 'r' | 'rs' | 'our' | 'ours'}`
  | `d${'' | 'ay' | 'ays'}`
  | `w${'' | 'eek' | 'eeks'}`;

/** A length of time as text: `'250ms'`, `'30m'`, `'2h'`, `'1 day'`. */
export type DurationText = `${number}${Unit}` | `${number} ${Unit}`;

/** A length of time: a number is milliseconds. */
export type Duration = number | DurationText;

const ALLOWED = "milliseconds as a number, or text such as '250ms', '30s', '15m', '2h' or '1 day'";

/**
 * A duration in whole milliseconds, at least 1. Text without a unit is milliseconds, which is what the environment
 * can say. `name` is the option or argument the message should name.
 *
 * @throws InvalidArgumentError for 0, negative, NaN, infinite or unreadable durations.
 */
export function toMs(duration: Duration | string, name: string): number {
  const ms = readMs(duration);
  if (ms === undefined || ms === 0) throw refused(duration, name, `more than 0: ${ALLOWED}`);
  return ms;
}

/** Like `toMs`, for options where 0 has a meaning of its own (usually "off"). */
export function toMsOrZero(duration: Duration | string, name: string): number {
  const ms = readMs(duration);
  if (ms === undefined) throw refused(duration, name, `0 or more: ${ALLOWED}`);
  return ms;
}

/** The longest wait: longer ones are slips, and a timer of more than 24 days would fire at once. */
const MAX_TIMEOUT_MS = 86_400_000;

/**
 * Like `toMs`, for the longest wait for something.
 *
 * @throws InvalidArgumentError for more than a day too.
 */
export function toTimeoutMs(duration: Duration | string, name: string): number {
  const ms = toMs(duration, name);
  if (ms > MAX_TIMEOUT_MS) throw refused(duration, name, 'at most one day');
  return ms;
}

function readMs(duration: unknown): number | undefined {
  const ms = typeof duration === 'string' ? parseText(duration.trim()) : duration;
  if (typeof ms !== 'number' || !(ms >= 0) || ms > Number.MAX_SAFE_INTEGER) return undefined;
  // A fraction of a millisecond must not become 0, which means something else.
  return ms === 0 ? 0 : Math.max(1, Math.round(ms));
}

function parseText(text: string): number | undefined {
  const ms = parse(text);
  if (ms !== undefined) return ms;
  // The parser answers undefined for zero too; with a 1 in its place the unit is checked all the same.
  const isZero = /^0+(?:\.0+)?(?![\d.])/.test(text) && parse(text.replace(/^[0.]+/, '1')) !== undefined;
  return isZero ? 0 : undefined;
}

function refused(duration: unknown, name: string, allowed: string): InvalidArgumentError {
  return new InvalidArgumentError(`${name} is ${shown(duration)}. It must be ${allowed}.`);
}

/** Where the engine takes its time and its dice from, so that tests can bring their own. */
export interface Clock {
  /** Monotonic milliseconds, fractions included. Only differences mean anything: it is not the time of day. */
  nowMs(): number;
  /** 0 <= random < 1. */
  random(): number;
  /** Resolves after `ms`, or as soon as `signal` aborts; it never rejects. Does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const DAY_MS = 86_400_000;
// A longer timer fires at once (Node stores the delay in 31 bits).
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  random: () => Math.random(),
  sleep: async (ms, signal) => {
    try {
      await delay(Math.min(ms, MAX_TIMER_MS), undefined, { ref: false, signal });
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};

/**
 * A ttl: until the end of the day in `timeZone`, an IANA name such as `'Europe/Berlin'` or an offset such as
 * `'+02:00'`. Days on which clocks change have the length they have there. `wallClockMs` says what time it is
 * (milliseconds since the epoch; default `Date.now`).
 *
 * @throws InvalidArgumentError at once when the time zone is unknown or the clock is not a function.
 */
export function endOfDay(timeZone: string, wallClockMs: () => number = () => Date.now()): () => Date {
  if (!isTimeZone(timeZone)) {
    throw new InvalidArgumentError(
      `endOfDay was given the time zone ${shown(timeZone)}, which is not known here. ` +
        `Use an IANA name such as 'Europe/Berlin', 'UTC', or an offset such as '+02:00'.`,
    );
  }
  if (typeof wallClockMs !== 'function') {
    throw new InvalidArgumentError(`wallClockMs is ${shown(wallClockMs)}. It must be a function such as Date.now.`);
  }
  return () => new Date(nextMidnightMs(wallClockMs(), timeZone));
}

// TZDate of the same library is an hour off on days when the clocks of the machine's own zone change, so only its
// table of offsets is used.
function nextMidnightMs(nowMs: number, timeZone: string): number {
  const offsetMs = (atMs: number) => Math.round(tzOffset(timeZone, new Date(atMs)) * 60_000);
  const midnightAsUtcMs = (Math.floor((nowMs + offsetMs(nowMs)) / DAY_MS) + 1) * DAY_MS;
  const guessMs = midnightAsUtcMs - offsetMs(nowMs);
  const correctedMs = midnightAsUtcMs - offsetMs(guessMs);
  // They disagree when the clocks change before midnight. When they change at midnight there is none, and the day
  // ends at the change, which is the guess.
  return offsetMs(correctedMs) === offsetMs(guessMs) ? correctedMs : guessMs;
}

function isTimeZone(timeZone: unknown): timeZone is string {
  if (typeof timeZone !== 'string') return false;
  // An offset must be whole: the library would find one inside any misspelt name ('Etc/GMT+99').
  if (!/^[A-Za-z]/.test(timeZone)) return /^[+-](?:0\d|1[0-4]):?[0-5]\d$/.test(timeZone);
  try {
    new Intl.DateTimeFormat('en-US', { timeZone });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
