import type { StoredEntry } from './key-lease-scenarios.js';

export interface Process {
  memory: number | null;
  /** What callers may join: a read, a flight. */
  read: number | null;
  flight: number | null;
  /** The newest version whose invalidation the process has made or heard of. */
  heard: number;
  /** Announcements on their way, as the versions they tell of. */
  news: number[];
}
/** Waits for a read (`get`) or a flight (`getOrSet`) and must not get less than `floor`. */
export interface Caller {
  at: 'idle' | 'waits' | 'done';
  read: number | null;
  flight: number | null;
  floor: number;
}
/** Has the number of the caller that began it. */
export interface Read {
  at: 'none' | 'asked' | 'answered';
  found: StoredEntry | null;
  isCurrent: boolean;
}
/** Has the number of the caller that began it, which is also the token of its lease. */
export interface Flight {
  at: 'none' | 'reads' | 'asks' | 'granted' | 'newer' | 'waits' | 'fills' | 'filled' | 'returns' | 'landed';
  read: number | null;
  seen: number;
  value: number | null;
  found: StoredEntry | null;
  /** What Redis may still carry out although nobody waits for it. */
  late: 'none' | 'acquire' | 'fill';
}
export interface Write {
  at: 'idle' | 'sent' | 'found' | 'answered' | 'queued' | 'replayed' | 'done';
  version: number;
  isLate: boolean;
  /** What the scan of a pattern found first. */
  found: 'entry' | 'lease' | 'nothing';
}
export interface State {
  source: number;
  entry: StoredEntry | null;
  lease: { token: number; seen: number } | null;
  processes: Process[];
  callers: Caller[];
  reads: Read[];
  flights: Flight[];
  writes: Write[];
}

/** A `get` that found nothing cannot be too old. */
export const NOTHING = Infinity;
export const NO_READ: Read = Object.freeze({ at: 'none', found: null, isCurrent: false });
export const NO_FLIGHT: Flight = Object.freeze({
  at: 'none',
  read: null,
  seen: 0,
  value: null,
  found: null,
  late: 'none',
});
