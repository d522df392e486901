import { protocol } from './explore.js';
import { endTurn, isTurnOpen, type Link, NO_LINK } from './link.js';
import { broken, type Model, type Step } from './model.js';
import {
  VALUE_TAG_PROTECTIONS,
  VALUE_TAG_SCENARIOS,
  type ValueTagProtection,
  type ValueTagScenario,
} from './value-tag-scenarios.js';

interface Flight {
  at: 'idle' | 'loads' | 'asks' | 'answered' | 'pings' | 'pinged' | 'fills' | 'filled' | 'returns' | 'landed';
  value: number;
  tagId: number;
  pings: number;
  /** Whether its tag was invalidated, or the link lost, since it began. */
  isMarked: boolean;
}
interface Caller {
  at: 'idle' | 'waits' | 'done';
  floor: number;
  /** Joined after the flight was marked. */
  isLate: boolean;
}
interface State {
  source: number;
  tagId: number | null;
  lastId: number;
  entry: { version: number; tagId: number } | null;
  /** Announces versions that were invalidated, and that an id was made or deleted. */
  link: Link<number | 'id changed'>;
  gapsLeft: number;
  flight: Flight;
  /** The copy memory keeps while Redis is away. */
  kept: number | null;
  /** The newest version whose invalidation the process has made or heard of. */
  heard: number;
  callers: Caller[];
  writes: { at: 'idle' | 'sent' | 'answered' | 'done'; version: number }[];
}

/**
 * One process, in which two callers ask for a key whose tag only the loaded value tells, while that tag is invalidated. A
 * caller must not get a version that the process knew to be invalidated when it called.
 *
 * Left out are leases, which the invalidation of a tag does not touch.
 */
export const valueTags = protocol(VALUE_TAG_PROTECTIONS, VALUE_TAG_SCENARIOS, modelOf);

function modelOf(
  { redis, gaps, invalidations }: ValueTagScenario,
  has: (protection: ValueTagProtection) => boolean,
): Model<State> {
  const isUp = redis !== 'is away';

  function invalidated(s: State): void {
    s.kept = null;
    if (isAirborne(s.flight) && has('that a load notes the tags invalidated meanwhile')) s.flight.isMarked = true;
  }

  function missedChanges(s: State): void {
    s.kept = null;
    if (isAirborne(s.flight) && has('that a load notes a gap of the link')) s.flight.isMarked = true;
  }

  function answer(caller: Caller, version: number): void {
    const { floor } = caller;
    if (version < floor) broken(`version ${version} is answered after the process knew that ${floor} had replaced it`);
    Object.assign(caller, { at: 'done', floor: 0 });
  }

  function land(s: State): void {
    const { value } = s.flight;
    s.flight = { ...NO_FLIGHT, at: 'landed' };
    for (const caller of s.callers.filter(({ at }) => at === 'waits')) {
      if (caller.isLate && has('that a late joiner enters again')) Object.assign(caller, { at: 'idle', isLate: false });
      else answer(caller, value);
    }
  }

  function offerCalls(state: State, step: Step<State>): void {
    for (const [index, { at }] of state.callers.entries()) {
      if (at !== 'idle' || (index > 0 && state.flight.at === 'idle')) continue;
      step(`caller ${index} calls`, (s) => {
        const caller = s.callers[index]!;
        caller.floor = s.heard;
        if (s.flight.at === 'idle') s.flight = { ...NO_FLIGHT, at: 'loads' };
        if (isAirborne(s.flight)) return Object.assign(caller, { at: 'waits', isLate: s.flight.isMarked });
        // The load is over: what it left counts if it may, else there is a new one.
        const stored = isUp && s.entry?.tagId === s.tagId ? s.entry?.version : undefined;
        answer(caller, s.kept ?? stored ?? s.source);
      });
    }
  }

  function offerFlight(state: State, step: Step<State>): void {
    const { at } = state.flight;
    if (at === 'loads') {
      step('the load reads the source', (s) => {
        Object.assign(s.flight, { at: isUp ? 'asks' : 'returns', value: s.source });
      });
    }
    if (at === 'asks') {
      step('Redis tells the id of the tag', (s) => {
        if (s.tagId === null && s.link.isArmed) s.link.announcements.push('id changed');
        Object.assign(s.flight, { at: 'answered', tagId: (s.tagId ??= s.lastId += 1) });
      });
    }
    if (at === 'answered') {
      step('the id arrives', (s) => {
        s.flight.at = has('the proof that every announcement has come') ? 'pings' : 'fills';
      });
    }
    if (at === 'pings' && !state.link.isArmed) step('nothing can be proved without a link', land);
    if (at === 'pings' && state.link.isArmed) {
      step('Redis answers a ping', (s) => {
        s.link.answers.push('pong');
        s.flight.at = 'pinged';
      });
    }
    if (at === 'fills') {
      step('Redis stores the result', (s) => {
        s.entry = { version: s.flight.value, tagId: s.flight.tagId };
        s.flight.at = 'filled';
      });
    }
    if (at === 'filled') step('the flight hears of its fill', land);
    if (at === 'returns') {
      step('the flight returns, and memory keeps its result', (s) => {
        const isHeeded = has('that a copy for the outage heeds what was invalidated meanwhile');
        if (!isHeeded || !s.flight.isMarked) s.kept = s.flight.value;
        land(s);
      });
    }
  }

  function hear(s: State): void {
    const signal = s.link.wire.shift()!;
    if (typeof signal === 'number') {
      invalidated(s);
      s.heard = Math.max(s.heard, signal);
    }
    if (signal !== 'pong') return;
    s.flight.pings += 1;
    if (s.flight.pings < (has('the second ping') ? 2 : 1)) s.flight.at = 'pings';
    else if (s.flight.isMarked) land(s);
    else s.flight.at = 'fills';
  }

  function offerLink(state: State, step: Step<State>): void {
    const { link, gapsLeft } = state;
    if (isTurnOpen(link)) step('the turn of Redis ends', (s) => endTurn(s.link));
    if (link.wire.length > 0) step(`the link brings ${JSON.stringify(link.wire[0])}`, hear);
    if (gapsLeft > 0) {
      step('the link is lost', (s) => {
        s.link = NO_LINK;
        s.gapsLeft -= 1;
        missedChanges(s);
        if (s.flight.at === 'pinged') land(s);
      });
    }
    if (!link.isArmed && isUp) {
      step('the link is armed again', (s) => {
        s.link.isArmed = true;
        missedChanges(s);
      });
    }
  }

  function offerWrites(state: State, step: Step<State>): void {
    for (const [index, by] of invalidations.entries()) {
      const { at, version } = state.writes[index]!;
      const isOwn = by === 'this process';
      if (at === 'idle') {
        step(`the source changes, ${by} sends invalidation ${index}`, (s) => {
          s.source += 1;
          s.writes[index] = { at: 'sent', version: s.source };
          if (isOwn) invalidated(s);
        });
      }
      if (at === 'sent') {
        step(isUp ? `Redis carries out invalidation ${index}` : `invalidation ${index} is queued`, (s) => {
          s.writes[index]!.at = 'answered';
          if (!isUp) return;
          const { isArmed, announcements } = s.link;
          if (isArmed && has('the marker of a tag invalidation')) announcements.push(version);
          else if (isArmed && s.tagId !== null) announcements.push('id changed');
          s.tagId = null;
        });
      }
      if (at === 'answered') {
        step(`${by} has the answer to invalidation ${index}`, (s) => {
          if (isOwn) {
            invalidated(s);
            s.heard = Math.max(s.heard, version);
          }
          s.writes[index] = { at: 'done', version: 0 };
        });
      }
    }
  }

  const first = redis === 'has the id' ? 1 : null;
  return {
    initial: {
      source: 0,
      tagId: first,
      lastId: first ?? 0,
      entry: null,
      link: { ...NO_LINK, isArmed: isUp },
      gapsLeft: gaps,
      flight: NO_FLIGHT,
      kept: null,
      heard: 0,
      callers: [0, 1].map(() => ({ at: 'idle', floor: 0, isLate: false })),
      writes: invalidations.map(() => ({ at: 'idle', version: 0 })),
    },
    offer(state, step) {
      offerCalls(state, step);
      offerFlight(state, step);
      offerLink(state, step);
      offerWrites(state, step);
    },
    atRest({ source, entry, tagId, kept, callers }) {
      if (callers.some(({ at }) => at !== 'done')) return 'a caller waits for ever';
      if (entry !== null && entry.tagId === tagId && entry.version !== source)
        return 'what Redis holds counts as valid, is old, and stays';
      if (kept !== null && kept !== source) return 'what memory keeps for the outage is old';
      return undefined;
    },
  };
}

function isAirborne({ at }: Flight): boolean {
  return at !== 'idle' && at !== 'landed';
}

const NO_FLIGHT: Flight = Object.freeze({ at: 'idle', value: 0, tagId: 0, pings: 0, isMarked: false });
