export interface Entry {
  version: number;
  tagId: number;
  /** Which load stored it. */
  id: number;
}
export interface Process {
  memory: { version: number; tagId: number; isVerified: boolean } | null;
  table: number | null;
  /** What may be joined: a read, a question for the id, a flight. */
  read: number | null;
  question: number | null;
  flight: number | null;
  /** The newest version whose invalidation the process has made or heard of. */
  heard: number;
  /** Announcements on their way, as the versions they tell of. */
  news: number[];
}
/** Waits for a read (`get`) or a flight, and must not get less than `floor`. */
export interface Caller {
  at: 'idle' | 'waits' | 'done';
  read: number | null;
  flight: number | null;
  floor: number;
}
/** A GET and, unless the table knows the id, a question. */
export interface Read {
  at: 'none' | 'asked' | 'answered' | 'judged';
  found: Entry | null;
  question: number | null;
  /** The answer to the question. */
  tagId: number | null;
  isCurrent: boolean;
}
export interface Question {
  at: 'none' | 'asked' | 'answered';
  tagId: number;
  isCurrent: boolean;
}
export interface Flight {
  at: 'none' | 'reads' | 'questions' | 'asks' | 'granted' | 'newer' | 'ids' | 'waits' | 'fills' | 'filled' | 'landed';
  read: number | null;
  question: number | null;
  tagId: number;
  hasFreshId: boolean;
  seen: number;
  found: Entry | null;
  value: number;
}
export interface State {
  source: number;
  /** The newest version whose invalidation Redis has carried out. */
  invalidated: number;
  entry: Entry | null;
  tagId: number | null;
  lastId: number;
  lease: { token: number; tagId: number } | null;
  processes: Process[];
  callers: Caller[];
  reads: Read[];
  questions: Question[];
  flights: Flight[];
  writes: { at: 'idle' | 'sent' | 'answered' | 'done'; version: number }[];
}

/** A `get` that found nothing cannot be too old. */
export const NOTHING = Infinity;
export const NO_PROCESS: Process = Object.freeze({
  memory: null,
  table: null,
  read: null,
  question: null,
  flight: null,
  heard: 0,
  news: [],
});
export const NO_READ: Read = Object.freeze({ at: 'none', found: null, question: null, tagId: null, isCurrent: false });
export const NO_QUESTION: Question = Object.freeze({ at: 'none', tagId: 0, isCurrent: false });
export const NO_FLIGHT: Flight = Object.freeze({
  at: 'none',
  read: null,
  question: null,
  tagId: 0,
  hasFreshId: false,
  seen: 0,
  found: null,
  value: 0,
});

/** See `hasBegun`. */
export function begun({ callers, flights, processes, questions, reads, ...rest }: State): State {
  const last = callers.length - 1;
  return {
    ...rest,
    lease: { token: last, tagId: 1 },
    processes: [
      { ...processes[0]!, read: 0, question: 0 },
      { ...processes[1]!, flight: last },
    ],
    callers: callers.map((caller, index) => {
      if (index === 0) return { ...caller, at: 'waits', read: 0 };
      return index === last ? { ...caller, at: 'waits', flight: last } : caller;
    }),
    reads: [{ ...reads[0]!, at: 'asked', question: 0, isCurrent: true }, ...reads.slice(1)],
    questions: [{ at: 'answered', tagId: 1, isCurrent: true }, ...questions.slice(1)],
    flights: [...flights.slice(0, last), { ...flights[last]!, at: 'fills', tagId: 1 }],
  };
}
