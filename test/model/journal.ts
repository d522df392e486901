import { protocol } from './explore.js';
import { broken, type Model, type Scenario, type Step } from './model.js';

const PROTECTIONS = [
  'the journal',
  'the disbelief in what is journaled',
  'that disbelief counts from the beginning of a read',
  'that ids of journaled tags are not remembered',
  'that an answer clears only what was queued before it was asked for',
  'that memory forgets again when an invalidation was queued',
] as const;
type Protection = (typeof PROTECTIONS)[number];

type Kind = 'entry' | 'tag';

interface JournalScenario extends Scenario<Protection> {
  readonly calls: readonly ('get' | 'getOrSet')[];
  readonly writes: readonly Kind[];
  /** How often another process stores what it loaded. */
  readonly fills: number;
}

const SCENARIOS: readonly JournalScenario[] = [
  {
    name: 'a tag is invalidated',
    proves: [
      'the journal',
      'the disbelief in what is journaled',
      'that disbelief counts from the beginning of a read',
      'that ids of journaled tags are not remembered',
      'that memory forgets again when an invalidation was queued',
    ],
    calls: ['get', 'get'],
    writes: ['tag'],
    fills: 0,
  },
  {
    name: 'a key is deleted',
    proves: [
      'the journal',
      'the disbelief in what is journaled',
      'that disbelief counts from the beginning of a read',
      'that memory forgets again when an invalidation was queued',
    ],
    calls: ['get', 'getOrSet'],
    writes: ['entry'],
    fills: 0,
  },
  {
    name: 'a key is deleted twice, and loaded elsewhere in between',
    proves: ['that an answer clears only what was queued before it was asked for'],
    calls: ['get'],
    writes: ['entry', 'entry'],
    fills: 1,
  },
  {
    name: 'a key is deleted and its tag invalidated',
    proves: [],
    calls: ['getOrSet'],
    writes: ['entry', 'tag'],
    fills: 0,
  },
];

interface Caller {
  at: 'idle' | 'asked' | 'answered' | 'loads' | 'done';
  floor: number;
  /** What the read found, and the id of the tag, which the table knew or Redis told. */
  found: { version: number; tagId: number } | null;
  tagId: number | null;
  isCurrent: boolean;
  /** Which kinds were journaled when the read began. */
  doubted: Kind[];
}
interface State {
  source: number;
  entry: { version: number; tagId: number } | null;
  tagId: number | null;
  lastId: number;
  fillsLeft: number;
  /** A copy kept because of the journal has no id. */
  memory: { version: number; tagId: number | null; isVerified: boolean } | null;
  table: number | null;
  /** The mark at which each kind was queued; 0 when it is not. */
  queued: Record<Kind, number>;
  mark: number;
  replay: { kind: Kind; isDone: boolean; sentAtMark: number } | null;
  /** The newest version that this process has invalidated or heard to be. */
  heard: number;
  news: { kind: Kind; version: number }[];
  callers: Caller[];
  writes: { at: 'idle' | 'sent' | 'answered' | 'returned'; version: number; sentAtMark: number }[];
}

/**
 * One process that calls and invalidates while Redis answers reads but refuses writes, or does not answer them in time:
 * what was invalidated must not be answered any more by this process, and must be gone in the end. Answers to reads and to
 * writes come on connections of their own, in any order.
 *
 * Left out are loads under a lease (`keyLeases`), other servers (`failover`), and the bound of the journal.
 */
export const journal = protocol(PROTECTIONS, SCENARIOS, modelOf);

function modelOf({ calls, writes, fills }: JournalScenario, has: (protection: Protection) => boolean): Model<State> {
  function forget(s: State, kind: Kind): void {
    if (kind === 'tag') s.table = null;
    if (kind === 'entry' || s.memory?.tagId === null) s.memory = null;
    if (s.memory !== null) s.memory.isVerified = false;
    for (const caller of s.callers) caller.isCurrent = false;
  }

  function carryOut(s: State, kind: Kind, version: number): void {
    if (kind === 'entry') s.entry = null;
    else s.tagId = null;
    s.news.push({ kind, version });
  }

  function applied(s: State, kind: Kind, sentAtMark: number): void {
    const isOlder = s.queued[kind] <= sentAtMark;
    if (isOlder || !has('that an answer clears only what was queued before it was asked for')) s.queued[kind] = 0;
  }

  function fromMemory({ memory, table }: State): number | null {
    if (memory === null) return null;
    return memory.isVerified || memory.tagId === table ? memory.version : null;
  }

  function isDoubted(s: State, { doubted }: Caller, kind: Kind): boolean {
    if (!has('the disbelief in what is journaled')) return false;
    return has('that disbelief counts from the beginning of a read') ? doubted.includes(kind) : s.queued[kind] > 0;
  }

  function answer(s: State, caller: number, version: number): void {
    const { floor } = s.callers[caller]!;
    if (version < floor) broken(`version ${version} is answered after the process knew that ${floor} had replaced it`);
    s.callers[caller] = { ...NO_CALLER, at: 'done' };
  }

  function arrive(s: State, index: number): void {
    const caller = s.callers[index]!;
    const { found, tagId, isCurrent } = caller;
    const isTagDoubted = isDoubted(s, caller, 'tag');
    if (isCurrent && !(isTagDoubted && has('that ids of journaled tags are not remembered'))) s.table = tagId;
    if (found?.tagId === tagId && !isTagDoubted && !isDoubted(s, caller, 'entry')) {
      if (isCurrent) s.memory = { version: found.version, tagId, isVerified: true };
      answer(s, index, found.version);
    } else if (calls[index] === 'getOrSet') {
      caller.at = 'loads';
    } else {
      answer(s, index, NOTHING);
    }
  }

  function offerCalls(state: State, step: Step<State>): void {
    for (const [index, { at }] of state.callers.entries()) {
      if (at === 'idle') {
        step(`caller ${index} calls ${calls[index]!}`, (s) => {
          const caller = s.callers[index]!;
          caller.floor = s.heard;
          const remembered = fromMemory(s);
          if (remembered !== null) return answer(s, index, remembered);
          const doubted = (['entry', 'tag'] as const).filter((kind) => s.queued[kind] > 0);
          Object.assign(caller, { at: 'asked', isCurrent: true, doubted, tagId: s.table });
        });
      }
      if (at === 'asked') {
        step(`Redis answers caller ${index}`, (s) => {
          const tagId = s.callers[index]!.tagId ?? (s.tagId ??= s.lastId += 1);
          Object.assign(s.callers[index]!, { at: 'answered', found: s.entry, tagId });
        });
      }
      if (at === 'answered') step(`the answer for caller ${index} arrives`, (s) => arrive(s, index));
      if (at === 'loads') {
        step(`caller ${index} loads`, (s) => {
          const isJournaled = s.queued.entry > 0 || s.queued.tag > 0;
          if (isJournaled) s.memory = { version: s.source, tagId: null, isVerified: true };
          answer(s, index, s.source);
        });
      }
    }
  }

  function offerWrites(state: State, step: Step<State>): void {
    for (const [index, kind] of writes.entries()) {
      const { at, version } = state.writes[index]!;
      const name = `invalidation ${index} of the ${kind}`;
      if (at === 'idle') {
        step(`the source changes, ${name} is sent`, (s) => {
          s.source += 1;
          s.writes[index] = { at: 'sent', version: s.source, sentAtMark: s.mark };
          forget(s, kind);
        });
      }
      if (at === 'sent') {
        step(`Redis carries out ${name}`, (s) => {
          carryOut(s, kind, version);
          s.writes[index]!.at = 'answered';
        });
      }
      if (at === 'answered') {
        step(`the answer to ${name} arrives`, (s) => {
          forget(s, kind);
          applied(s, kind, s.writes[index]!.sentAtMark);
          s.heard = Math.max(s.heard, version);
          s.writes[index]!.at = 'returned';
        });
      }
      if (at === 'sent' || at === 'answered') {
        step(`${name} is refused or not answered in time, and queued`, (s) => {
          if (has('the journal')) s.queued[kind] = s.mark += 1;
          if (has('that memory forgets again when an invalidation was queued')) forget(s, kind);
          s.heard = Math.max(s.heard, version);
          s.writes[index]!.at = 'returned';
        });
      }
    }
  }

  function offerReplay({ queued, replay }: State, step: Step<State>): void {
    for (const kind of ['entry', 'tag'] as const) {
      if (replay !== null || queued[kind] === 0) continue;
      step(`the journaled invalidation of the ${kind} is sent`, (s) => {
        s.replay = { kind, isDone: false, sentAtMark: s.mark };
      });
    }
    if (replay === null) return;
    const { kind, isDone, sentAtMark } = replay;
    if (isDone) {
      step(`the answer to the journaled invalidation of the ${kind} arrives`, (s) => {
        applied(s, kind, sentAtMark);
        s.replay = null;
      });
    } else {
      step(`Redis carries out the journaled invalidation of the ${kind}`, (s) => {
        carryOut(s, kind, 0);
        s.replay!.isDone = true;
      });
    }
  }

  return {
    initial: {
      source: 0,
      entry: { version: 0, tagId: 1 },
      tagId: 1,
      lastId: 1,
      fillsLeft: fills,
      memory: { version: 0, tagId: 1, isVerified: true },
      table: 1,
      queued: { entry: 0, tag: 0 },
      mark: 0,
      replay: null,
      heard: 0,
      news: [],
      callers: calls.map(() => NO_CALLER),
      writes: writes.map(() => ({ at: 'idle', version: 0, sentAtMark: 0 })),
    },
    offer(state, step) {
      offerCalls(state, step);
      offerWrites(state, step);
      offerReplay(state, step);
      if (state.entry === null && state.fillsLeft > 0) {
        step('another process stores what it loaded', (s) => {
          s.entry = { version: s.source, tagId: (s.tagId ??= s.lastId += 1) };
          s.fillsLeft -= 1;
        });
      }
      if (state.news.length > 0) {
        step('an announcement arrives', (s) => {
          const { kind, version } = s.news.shift()!;
          forget(s, kind);
          s.heard = Math.max(s.heard, version);
        });
      }
    },
    atRest(state) {
      const { source, entry, tagId, callers } = state;
      if (callers.some(({ at }) => at !== 'done')) return 'a caller waits for ever';
      if (entry !== null && entry.tagId === tagId && entry.version !== source)
        return 'what Redis holds counts as valid, is old, and stays';
      if ((fromMemory(state) ?? source) !== source) return 'what memory holds counts as valid, is old, and stays';
      return undefined;
    },
  };
}

/** A `get` that found nothing cannot be too old. */
const NOTHING = Infinity;
const NO_CALLER: Caller = Object.freeze({
  at: 'idle',
  floor: 0,
  found: null,
  tagId: null,
  isCurrent: false,
  doubted: [],
});
