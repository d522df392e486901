import { protocol } from './explore.js';
import {
  KEY_LEASE_PROTECTIONS,
  KEY_LEASE_SCENARIOS,
  type KeyLeaseProtection,
  type KeyLeaseScenario,
} from './key-lease-scenarios.js';
import { NO_FLIGHT, NO_READ, NOTHING, type Process, type State } from './key-lease-state.js';
import { broken, type Model, type Step } from './model.js';

/**
 * One key in two processes: memory, shared reads, flights, the lease, fills, and writes of every kind. Versions count the
 * changes of the source; a caller must not get one that its process knew to be invalidated when it called.
 *
 * The link loses nothing here, and tells of invalidations only: what it tells of fills makes a process forget more.
 */
export const keyLeases = protocol(KEY_LEASE_PROTECTIONS, KEY_LEASE_SCENARIOS, modelOf);

function modelOf(
  { callers: calls, writes: kinds, entry, hasTimeouts = false }: KeyLeaseScenario,
  has: (protection: KeyLeaseProtection) => boolean,
): Model<State> {
  const processOf = (s: State, caller: number): Process => s.processes[calls[caller]!.home]!;

  function forget(s: State, process: Process): void {
    process.memory = null;
    if (process.read !== null) s.reads[process.read]!.isCurrent = false;
    if (has('that an invalidation overtakes the read')) process.read = null;
    if (has('that an invalidation cuts the flight')) process.flight = null;
  }

  function announce(s: State, version: number): void {
    // Where nobody calls there is nothing to keep true.
    for (const [home, { news }] of s.processes.entries())
      if (calls.some((call) => call.home === home)) news.push(version);
  }

  function answer(s: State, caller: number, version: number): void {
    const { floor } = s.callers[caller]!;
    if (version < floor) broken(`version ${version} is answered after the process knew that ${floor} had replaced it`);
    s.callers[caller] = { at: 'done', read: null, flight: null, floor: 0 };
  }

  /** The read to wait for. */
  function beginRead(s: State, caller: number): number {
    const process = processOf(s, caller);
    if (process.read === null) s.reads[caller] = { at: 'asked', found: null, isCurrent: true };
    return (process.read ??= caller);
  }

  function readAgain(s: State, flight: number): void {
    s.flights[flight] = { ...NO_FLIGHT, at: 'reads', read: beginRead(s, flight) };
  }

  function land(s: State, flight: number, version: number): void {
    const process = processOf(s, flight);
    if (process.flight === flight) process.flight = null;
    const { late, value } = s.flights[flight]!;
    s.flights[flight] = { ...NO_FLIGHT, at: 'landed', late, value: late === 'fill' ? value : null };
    for (const [caller, { flight: joined }] of s.callers.entries()) if (joined === flight) answer(s, caller, version);
  }

  function acquire(s: State, token: number): 'newer' | 'waits' | 'granted' {
    const { seen } = s.flights[token]!;
    const stored = s.entry?.id ?? 0;
    if (stored !== seen && stored !== 0) return 'newer';
    if (s.lease !== null) {
      if (s.lease.seen === stored) return 'waits';
      if (!has('that a load whose entry is gone loses its lease'))
        broken('a caller waits for a load whose result is refused');
    }
    s.lease = { token, seen: stored };
    return 'granted';
  }

  function fill(s: State, token: number): void {
    if (has('the lease a result is stored under')) {
      if (s.lease?.token !== token) return;
      const { seen } = s.lease;
      s.lease = null;
      if (has('the comparison with the entry that was seen') && (s.entry?.id ?? 0) !== seen) return;
    }
    s.entry = { version: s.flights[token]!.value!, id: token + 1, isSoft: false };
  }

  function carryOut(s: State, index: number): void {
    const { kind } = kinds[index]!;
    const { version, found } = s.writes[index]!;
    // What is gone by now is announced by nobody.
    if (kind === 'pattern' && (found === 'nothing' || (found === 'entry' && s.entry === null))) return;
    if (kind === 'set') s.entry = { version, id: 10 + index, isSoft: false };
    else if (kind !== 'expire') s.entry = null;
    else if (s.entry !== null) s.entry.isSoft = true;
    if (kind === 'set' && has('the end of running loads at a set')) s.lease = null;
    if (kind === 'expire' && has('the end of running loads at an expiry')) s.lease = null;
    const endsLoads = kind === 'delete' || (kind === 'pattern' && found === 'lease');
    if (endsLoads && has('the end of running loads at an invalidation')) s.lease = null;
    announce(s, version);
  }

  function offerCalls(state: State, step: Step<State>): void {
    for (const [caller, { home, call }] of calls.entries()) {
      // Which of two callers that do the same comes first makes no difference.
      const isTwin = calls.slice(0, caller).some((other, index) => {
        return other.home === home && other.call === call && state.callers[index]!.at === 'idle';
      });
      if (state.callers[caller]!.at !== 'idle' || isTwin) continue;
      step(`process ${home}: caller ${caller} calls ${call}`, (s) => {
        const process = processOf(s, caller);
        s.callers[caller] = { at: 'waits', read: null, flight: null, floor: process.heard };
        if (process.memory !== null) return answer(s, caller, process.memory);
        if (call === 'get') {
          s.callers[caller].read = beginRead(s, caller);
          return;
        }
        if (process.flight === null) readAgain(s, caller);
        s.callers[caller].flight = process.flight ??= caller;
      });
    }
  }

  function offerReads(state: State, step: Step<State>): void {
    for (const [index, { at }] of state.reads.entries()) {
      if (at === 'asked') {
        step(`Redis answers read ${index}`, (s) => {
          Object.assign(s.reads[index]!, { at: 'answered', found: s.entry });
        });
      }
      if (at !== 'answered') continue;
      step(`the answer to read ${index} arrives`, (s) => {
        const { found, isCurrent } = s.reads[index]!;
        const process = processOf(s, index);
        if (process.read === index) process.read = null;
        s.reads[index] = NO_READ;
        const fresh = found?.isSoft === false ? found.version : null;
        const isKept = isCurrent || !has('the guard of reads that an announcement overtook');
        if (fresh !== null && isKept) process.memory = fresh;
        for (const [caller, { read }] of s.callers.entries()) if (read === index) answer(s, caller, fresh ?? NOTHING);
        for (const [flight, { read }] of s.flights.entries()) {
          if (read !== index) continue;
          if (fresh !== null) land(s, flight, fresh);
          else s.flights[flight] = { ...NO_FLIGHT, at: 'asks', seen: found?.id ?? 0 };
        }
      });
    }
  }

  function offerFlights(state: State, step: Step<State>): void {
    for (const [index, { at }] of state.flights.entries()) {
      if (at === 'asks') {
        step(`Redis decides on the lease for flight ${index}`, (s) => {
          const decision = acquire(s, index);
          s.flights[index] = { ...NO_FLIGHT, at: decision, found: decision === 'newer' ? s.entry : null };
        });
      }
      if (at === 'newer') {
        step(`flight ${index} hears of a newer entry`, (s) => {
          const { found } = s.flights[index]!;
          if (found?.isSoft === false) land(s, index, found.version);
          else readAgain(s, index);
        });
      }
      if (at === 'waits' && state.lease === null) step(`flight ${index} is woken`, (s) => readAgain(s, index));
      if (at === 'granted') {
        step(`flight ${index} may load, and reads the source`, (s) => {
          Object.assign(s.flights[index]!, { at: 'fills', value: s.source });
        });
      }
      if (at === 'fills') {
        step(`Redis stores the result of flight ${index}, or refuses`, (s) => {
          fill(s, index);
          s.flights[index]!.at = 'filled';
        });
      }
      if (at === 'filled' || at === 'returns') {
        step(`flight ${index} ${at === 'filled' ? 'hears of its fill' : 'returns'}`, (s) => {
          const { value } = s.flights[index]!;
          if (at === 'filled' && !has('that memory is filled from reads only')) processOf(s, index).memory = value;
          land(s, index, value!);
        });
      }
    }
  }

  /** Senders give up, and what they sent is carried out later. */
  function offerTimeouts(state: State, step: Step<State>): void {
    for (const [index, { at, late }] of state.flights.entries()) {
      if (at === 'asks' || at === 'granted') {
        step(`flight ${index} gives up on the lease, and reads the source`, (s) => {
          Object.assign(s.flights[index]!, {
            at: 'returns',
            value: s.source,
            late: at === 'asks' ? 'acquire' : 'none',
          });
        });
      }
      if (at === 'fills') {
        step(`flight ${index} gives up on its fill`, (s) => {
          s.flights[index]!.late = 'fill';
          land(s, index, s.flights[index]!.value!);
        });
      }
      if (late === 'none') continue;
      step(`Redis carries out the ${late} of flight ${index} late`, (s) => {
        if (late === 'fill') fill(s, index);
        else acquire(s, index);
        s.flights[index]!.late = 'none';
        if (late === 'fill') s.flights[index]!.value = null;
      });
    }
    if (state.lease !== null) {
      step('the lease runs out', (s) => {
        s.lease = null;
      });
    }
  }

  function offerWrites(state: State, step: Step<State>): void {
    for (const [index, { kind, by, after }] of kinds.entries()) {
      const { at, isLate } = state.writes[index]!;
      const name = `${kind} ${index}`;
      const isNext = after === undefined || ['done', 'queued', 'replayed'].includes(state.writes[after]!.at);
      if (at === 'idle' && isNext && (kind === 'eviction' || kind === 'DEL by any client')) {
        step(state.entry === null ? `${name} finds nothing` : name, (s) => {
          s.writes[index]!.at = 'done';
          // A DEL that finds nothing is announced to nobody, and nothing is promised about it.
          if (s.entry === null) return;
          if (kind !== 'eviction') s.writes[index]!.version = s.source += 1;
          carryOut(s, index);
        });
      } else if (at === 'idle' && isNext) {
        step(`process ${by}: the source changes, ${name} is sent`, (s) => {
          s.source += 1;
          Object.assign(s.writes[index]!, { at: 'sent', version: s.source });
          forget(s, s.processes[by]!);
        });
      }
      if (at === 'sent' && kind === 'pattern') {
        step(`Redis finds what ${name} is about`, (s) => {
          const found = s.entry !== null ? 'entry' : s.lease !== null ? 'lease' : 'nothing';
          Object.assign(s.writes[index]!, { at: 'found', found });
        });
      } else if (at === 'sent' || at === 'found') {
        step(`Redis carries out ${name}`, (s) => {
          carryOut(s, index);
          s.writes[index]!.at = 'answered';
        });
      }
      if (at === 'answered' || at === 'replayed') {
        step(`process ${by}: the answer to ${name} arrives`, (s) => {
          const process = s.processes[by]!;
          if (has('that memory forgets again when Redis has answered')) forget(s, process);
          process.heard = Math.max(process.heard, s.writes[index]!.version);
          s.writes[index]!.at = 'done';
        });
      }
      if (kind === 'set' && hasTimeouts && (at === 'sent' || at === 'answered')) {
        step(`process ${by} gives up on ${name} and queues a delete`, (s) => {
          Object.assign(s.writes[index]!, { at: 'queued', isLate: at === 'sent' });
          forget(s, s.processes[by]!);
        });
      }
      if (at === 'queued') {
        step(`Redis carries out the queued delete`, (s) => {
          s.entry = s.lease = null;
          announce(s, s.writes[index]!.version);
          s.writes[index]!.at = 'replayed';
        });
      }
      if (isLate) {
        step(`Redis carries out ${name} late`, (s) => {
          s.writes[index]!.isLate = false;
          if (!has('the instant after which a set does nothing')) carryOut(s, index);
        });
      }
    }
  }

  function offerNews(state: State, home: number, step: Step<State>): void {
    if (state.processes[home]!.news.length === 0) return;
    step(`process ${home} hears an announcement`, (s) => {
      const process = s.processes[home]!;
      forget(s, process);
      process.heard = Math.max(process.heard, process.news.shift()!);
    });
  }

  /** Where nobody calls any more it makes no difference when the last announcements come. */
  function hasOnlyNews(state: State, home: number): boolean {
    return (
      state.processes[home]!.news.length > 0 &&
      calls.every((call, caller) => {
        return call.home !== home || (state.callers[caller]!.at === 'done' && state.reads[caller]!.at === 'none');
      })
    );
  }

  return {
    initial: {
      source: 0,
      entry,
      lease: null,
      processes: [0, 1].map(() => ({ memory: null, read: null, flight: null, heard: 0, news: [] })),
      callers: calls.map(() => ({ at: 'idle', read: null, flight: null, floor: 0 })),
      reads: calls.map(() => NO_READ),
      flights: calls.map(() => NO_FLIGHT),
      writes: kinds.map(() => ({ at: 'idle', version: 0, isLate: false, found: 'nothing' })),
    },
    offer(state, step) {
      const quiet = [0, 1].find((home) => hasOnlyNews(state, home));
      if (quiet !== undefined) {
        offerNews(state, quiet, step);
        return;
      }
      for (const home of [0, 1]) offerNews(state, home, step);
      offerCalls(state, step);
      offerReads(state, step);
      offerFlights(state, step);
      if (hasTimeouts) offerTimeouts(state, step);
      offerWrites(state, step);
    },
    atRest({ source, entry: stored, callers, processes }) {
      if (callers.some(({ at }) => at !== 'done')) return 'a caller waits for ever';
      if (stored?.isSoft === false && stored.version !== source) return 'what Redis holds is old, and stays';
      if (processes.some(({ memory }) => memory !== null && memory !== source))
        return 'what memory holds is old, and stays';
      return undefined;
    },
  };
}
