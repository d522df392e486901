import { type CachedValue, isNothing, OwnValue } from './cached-value.js';
import { ENTRY_ID_OFFSET } from './envelope.js';
import type { TagId } from './recorded.js';
import type { Trust } from './trust.js';

/** On what grounds an entry may be used; one object for all entries that have the same. */
export interface Grounds {
  /** Ids of namespace, cache and tags that must still be current. */
  readonly ids: readonly TagId[];
  /** What ends the right to answer from memory without asking Redis. */
  readonly trust: Trust;
  /** Of the servers that hold the ids of its tags, where they are others. */
  readonly tagTrusts: readonly Trust[];
  /** The version of the tag table at which `ids` were last found current. */
  verifiedAtVersion: number;
  /** Loaded while Redis was away: its ids are unknown, and it lives no longer than `trust` says. */
  readonly isOutage: boolean;
}

/** Instants are whole milliseconds of the monotonic clock. */
export interface EntryTimes {
  readonly createdAtMs: number;
  readonly freshUntilMs: number;
  /** Until then this process may answer with it, as stale in the end. */
  readonly servableUntilMs: number;
  /** Until then it answers without a second thought: it is fresh and not due for an early refresh. */
  readonly hotUntilMs: number;
  readonly loadMs: number;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BITS_PER_DIGIT = 6;
const DIGITS_PER_NUMBER = 5;
export const KEPT_ID_CHARACTERS = 2 * DIGITS_PER_NUMBER;
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, DIGITS.indexOf(String.fromCharCode(code))));

/** An entry as this process knows it. There is one for each key in memory: it holds no more than it must. */
export class Entry implements EntryTimes {
  readonly createdAtMs: number;
  readonly freshUntilMs: number;
  readonly servableUntilMs: number;
  readonly hotUntilMs: number;
  readonly loadMs: number;
  /** Of the encoded value before compression. */
  readonly bytes: number;
  /** Said by the memory: the key is what its caller wrote, so that whoever writes it again means this entry. */
  hasPlainKey = false;
  readonly #held: unknown;
  // Text of its own would take twice the room.
  readonly #idHead: number;
  readonly #idTail: number;

  /** @param id as text, or the stored entry that has it; '' for one that is not in Redis */
  constructor(
    id: string | Buffer,
    value: Pick<CachedValue, 'bytes' | 'held'>,
    times: EntryTimes,
    readonly grounds: Grounds,
  ) {
    this.createdAtMs = times.createdAtMs;
    this.freshUntilMs = times.freshUntilMs;
    this.servableUntilMs = times.servableUntilMs;
    this.hotUntilMs = times.hotUntilMs;
    this.loadMs = times.loadMs;
    this.bytes = value.bytes;
    this.#held = value.held;
    this.#idHead = id === '' ? -1 : numberOf(id, 0);
    this.#idTail = id === '' ? -1 : numberOf(id, DIGITS_PER_NUMBER);
  }

  /** The first ten characters of its id, which tell it from any other; '' for one that is not in Redis. */
  get id(): string {
    return this.#idHead === -1 ? '' : textOf(this.#idHead) + textOf(this.#idTail);
  }

  /** The value is `null` or `undefined`. */
  get isNegative(): boolean {
    return this.#held instanceof OwnValue ? this.#held.isNegative : isNothing(this.#held);
  }

  /** The value as callers get it. `asCopy`: one of the caller's own even where the others share one. */
  take(asCopy = false): unknown {
    const held = this.#held;
    if (held instanceof OwnValue) return held.take();
    return asCopy ? structuredClone(held) : held;
  }

  /** Whether both are what one write stored. */
  isSame(other: Entry): boolean {
    return this.#idHead === other.#idHead && this.#idTail === other.#idTail;
  }

  with(changes: { id?: string; times?: Partial<EntryTimes>; grounds?: Grounds }): Entry {
    const { id = this.id, times, grounds = this.grounds } = changes;
    return new Entry(id, { bytes: this.bytes, held: this.#held }, { ...timesOf(this), ...times }, grounds);
  }
}

function timesOf({ createdAtMs, freshUntilMs, servableUntilMs, hotUntilMs, loadMs }: EntryTimes): EntryTimes {
  return { createdAtMs, freshUntilMs, servableUntilMs, hotUntilMs, loadMs };
}

function numberOf(id: string | Buffer, from: number): number {
  let number = 0;
  for (let index = from; index < from + DIGITS_PER_NUMBER; index++) {
    const code = typeof id === 'string' ? id.charCodeAt(index) : (id[ENTRY_ID_OFFSET + index] as number);
    number = (number << BITS_PER_DIGIT) | (VALUES[code & 127] as number);
  }
  return number;
}

function textOf(number: number): string {
  let text = '';
  for (let shift = (DIGITS_PER_NUMBER - 1) * BITS_PER_DIGIT; shift >= 0; shift -= BITS_PER_DIGIT) {
    text += DIGITS.charAt((number >> shift) & (DIGITS.length - 1));
  }
  return text;
}
