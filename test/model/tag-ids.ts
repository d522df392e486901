import { protocol } from './explore.js';
import { broken, type Model, type Step } from './model.js';
import {
  begun,
  NO_FLIGHT,
  NO_PROCESS,
  NO_QUESTION,
  NO_READ,
  NOTHING,
  type Process,
  type State,
} from './tag-id-state.js';
import { TAG_ID_PROTECTIONS, TAG_ID_SCENARIOS, type TagIdProtection, type TagIdScenario } from './tag-id-scenarios.js';

/**
 * One key with a tag that is known before the load, in two processes: ids that are made when missing and deleted by an
 * invalidation, the tables of ids, shared reads and questions, loads that record the id read before them. The answers of
 * Redis may overtake each other. A caller must not get a version that its process knew to be invalidated when it called;
 * a strong call none that Redis had invalidated by then.
 *
 * Left out is what `keyLeases` has, and what tells of ids made and evicted, which makes a process forget more.
 */
export const tagIds = protocol(TAG_ID_PROTECTIONS, TAG_ID_SCENARIOS, modelOf);

function modelOf(
  { callers: calls, writes: kinds, stored, hasBegun = false }: TagIdScenario,
  has: (protection: TagIdProtection) => boolean,
): Model<State> {
  const processOf = (s: State, caller: number): Process => s.processes[calls[caller]!.home]!;
  const isStrong = (caller: number): boolean => calls[caller]!.call === 'strong';

  function forget(s: State, process: Process): void {
    const { memory, question, read } = process;
    process.table = null;
    if (memory !== null && has('that copies are verified again after an announcement')) memory.isVerified = false;
    if (question !== null) s.questions[question]!.isCurrent = false;
    if (has('that a tag invalidation overtakes the question for its id')) process.question = null;
    if (read !== null) s.reads[read]!.isCurrent = false;
    if (has('that a tag invalidation overtakes every read')) process.read = null;
    if (has('that a tag invalidation cuts the flight')) process.flight = null;
  }

  function answer(s: State, caller: number, version: number): void {
    const { floor } = s.callers[caller]!;
    if (version < floor) broken(`version ${version} is answered where ${floor} is the oldest allowed`);
    s.callers[caller] = { at: 'done', read: null, flight: null, floor: 0 };
  }

  function fromMemory({ memory, table }: Process): number | null {
    if (memory === null) return null;
    return memory.isVerified || memory.tagId === table ? memory.version : null;
  }

  function ask(s: State, caller: number, isShared = !isStrong(caller)): number {
    const process = processOf(s, caller);
    if (isShared && process.question !== null) return process.question;
    s.questions[caller] = { at: 'asked', tagId: 0, isCurrent: isShared };
    if (isShared) process.question = caller;
    return caller;
  }

  /** The read to wait for. */
  function beginRead(s: State, caller: number): number {
    const process = processOf(s, caller);
    if (!isStrong(caller) && process.read !== null) return process.read;
    const question = isStrong(caller) || process.table === null ? ask(s, caller) : null;
    s.reads[caller] = { at: 'asked', found: null, question, tagId: null, isCurrent: !isStrong(caller) };
    if (!isStrong(caller)) process.read = caller;
    return caller;
  }

  function readAgain(s: State, flight: number): void {
    s.flights[flight] = { ...NO_FLIGHT, at: 'reads', read: beginRead(s, flight) };
  }

  function judge(s: State, index: number): void {
    const process = processOf(s, index);
    const { found, tagId, isCurrent } = s.reads[index]!;
    if (found !== null && tagId === null && process.table !== found.tagId) {
      // The table may lag: Redis is asked before this counts as a miss.
      s.reads[index]!.question = ask(s, index);
      return;
    }
    const valid = found !== null && found.tagId === (tagId ?? process.table) ? found : null;
    if (process.read === index) process.read = null;
    s.reads[index] = NO_READ;
    if (valid !== null && (isCurrent || !has('the guard of tagged reads that an announcement overtook'))) {
      process.memory = { version: valid.version, tagId: valid.tagId, isVerified: true };
    }
    for (const [caller, { read }] of s.callers.entries()) {
      if (read === index) answer(s, caller, valid?.version ?? NOTHING);
    }
    for (const [flight, { read }] of s.flights.entries()) {
      if (read !== index) continue;
      if (valid !== null) land(s, flight, valid.version);
      else beginLoad(s, flight, found?.id ?? 0, isStrong(flight) ? null : (tagId ?? process.table));
    }
  }

  function beginLoad(s: State, flight: number, seen: number, tagId: number | null): void {
    s.flights[flight] = { ...NO_FLIGHT, at: 'asks', seen, tagId: tagId ?? 0 };
    if (tagId === null) askAgain(s, flight);
  }

  function askAgain(s: State, flight: number): void {
    const isShared = !isStrong(flight) || !has('that a strong call asks for its ids itself');
    Object.assign(s.flights[flight]!, { at: 'questions', hasFreshId: true, question: ask(s, flight, isShared) });
  }

  function land(s: State, flight: number, version: number): void {
    const process = processOf(s, flight);
    if (process.flight === flight) process.flight = null;
    s.flights[flight] = { ...NO_FLIGHT, at: 'landed' };
    for (const [caller, { flight: joined }] of s.callers.entries()) if (joined === flight) answer(s, caller, version);
  }

  function acquire(s: State, token: number): 'newer' | 'waits' | 'ids' | 'granted' {
    const { seen, tagId, hasFreshId } = s.flights[token]!;
    if (s.entry !== null && s.entry.id !== seen) return 'newer';
    if (s.lease !== null && has('that a load with newer ids takes the lease over')) {
      if (s.lease.tagId === tagId) return 'waits';
      if (!hasFreshId) return 'ids';
    } else if (s.lease !== null) {
      return s.lease.tagId === tagId ? 'waits' : broken('a caller waits for a load whose result it cannot use');
    }
    s.lease = { token, tagId };
    return 'granted';
  }

  function fill(s: State, token: number): void {
    const { value, tagId } = s.flights[token]!;
    if (s.lease?.token !== token) return;
    s.lease = null;
    const recorded = has('that ids are read before the load') ? tagId : currentId(s);
    s.entry = { version: value, tagId: recorded, id: token + 1 };
  }

  function currentId(s: State): number {
    return (s.tagId ??= has('that ids never come again') ? (s.lastId += 1) : 1);
  }

  function offerCalls(state: State, step: Step<State>): void {
    for (const [caller, { home, call }] of calls.entries()) {
      // Before anything is invalidated a strong call may get what it likes.
      if (state.callers[caller]!.at !== 'idle' || (isStrong(caller) && state.invalidated === 0)) continue;
      step(`process ${home}: caller ${caller} calls ${call}`, (s) => {
        const process = processOf(s, caller);
        const floor = isStrong(caller) ? s.invalidated : process.heard;
        s.callers[caller] = { at: 'waits', read: null, flight: null, floor };
        const remembered = isStrong(caller) ? null : fromMemory(process);
        if (remembered !== null) {
          process.memory!.isVerified = true;
          return answer(s, caller, remembered);
        }
        if (call === 'get') {
          s.callers[caller].read = beginRead(s, caller);
          return;
        }
        s.callers[caller].flight = isStrong(caller) ? caller : (process.flight ??= caller);
        if (s.callers[caller].flight === caller) readAgain(s, caller);
      });
    }
  }

  function offerReads(state: State, step: Step<State>): void {
    for (const [index, { at }] of state.reads.entries()) {
      if (at === 'asked') {
        step(`Redis answers the GET of read ${index}`, (s) => {
          Object.assign(s.reads[index]!, { at: 'answered', found: s.entry });
        });
      }
      if (at === 'answered') {
        step(`the answer to the GET of read ${index} arrives`, (s) => {
          s.reads[index]!.at = 'judged';
          if (s.reads[index]!.question === null) judge(s, index);
        });
      }
    }
  }

  function offerQuestions(state: State, step: Step<State>): void {
    for (const [index, { at }] of state.questions.entries()) {
      if (at === 'asked') {
        step(`Redis answers question ${index} for the id`, (s) => {
          Object.assign(s.questions[index]!, { at: 'answered', tagId: currentId(s) });
        });
      }
      if (at !== 'answered') continue;
      step(`the answer to question ${index} arrives`, (s) => {
        const process = processOf(s, index);
        const { tagId, isCurrent } = s.questions[index]!;
        if (process.question === index) process.question = null;
        s.questions[index] = NO_QUESTION;
        if (isCurrent || !has('the guard of ids that an announcement overtook')) process.table = tagId;
        for (const flight of s.flights) {
          if (flight.question === index) Object.assign(flight, { at: 'asks', question: null, tagId });
        }
        for (const [read, waiting] of s.reads.entries()) {
          if (waiting.question !== index) continue;
          Object.assign(waiting, { question: null, tagId });
          if (waiting.at === 'judged') judge(s, read);
        }
      });
    }
  }

  function offerFlights(state: State, step: Step<State>): void {
    for (const [index, { at }] of state.flights.entries()) {
      if (at === 'asks') {
        step(`Redis decides on the lease for flight ${index}`, (s) => {
          const decision = acquire(s, index);
          Object.assign(s.flights[index]!, { at: decision, found: decision === 'newer' ? s.entry : null });
        });
      }
      if (at === 'newer') {
        step(`flight ${index} hears of a newer entry`, (s) => {
          const { found, tagId } = s.flights[index]!;
          if (found!.tagId === tagId) land(s, index, found!.version);
          else readAgain(s, index);
        });
      }
      if (at === 'ids') step(`flight ${index} hears that the load began with another id`, (s) => askAgain(s, index));
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
      if (at === 'filled') step(`flight ${index} hears of its fill`, (s) => land(s, index, s.flights[index]!.value));
    }
  }

  function offerWrites(state: State, step: Step<State>): void {
    for (const [index, { kind, by }] of kinds.entries()) {
      const { at } = state.writes[index]!;
      const name = `${kind} ${index}`;
      if (at === 'idle' && kind === 'eviction of the id') {
        step(name, (s) => {
          s.tagId = null;
          s.writes[index]!.at = 'done';
        });
      } else if (at === 'idle') {
        step(`process ${by}: the source changes, ${name} is sent`, (s) => {
          s.source += 1;
          s.writes[index] = { at: 'sent', version: s.source };
          forget(s, s.processes[by]!);
        });
      }
      if (at === 'sent') {
        step(`Redis carries out ${name}`, (s) => {
          const { version } = s.writes[index]!;
          s.tagId = null;
          s.invalidated = Math.max(s.invalidated, version);
          s.writes[index]!.at = 'answered';
          for (const [home, { news }] of s.processes.entries()) {
            // Where nobody calls there is nothing to keep true.
            if (calls.some((call) => call.home === home)) news.push(version);
          }
        });
      }
      if (at === 'answered') {
        step(`process ${by}: the answer to ${name} arrives`, (s) => {
          const process = s.processes[by]!;
          if (has('that the table forgets again when Redis has answered')) forget(s, process);
          process.heard = Math.max(process.heard, s.writes[index]!.version);
          s.writes[index] = { at: 'done', version: 0 };
        });
      }
    }
  }

  function offerNews(state: State, step: Step<State>): void {
    for (const [home, { news }] of state.processes.entries()) {
      if (news.length === 0) continue;
      step(`process ${home} hears an announcement`, (s) => {
        const process = s.processes[home]!;
        forget(s, process);
        process.heard = Math.max(process.heard, process.news.shift()!);
      });
    }
  }

  const first = stored === 'nothing' ? null : 1;
  const initial: State = {
    source: 0,
    invalidated: 0,
    entry: stored === 'entry' ? { version: 0, tagId: 1, id: 9 } : null,
    tagId: first,
    lastId: first ?? 0,
    lease: null,
    processes: [0, 1].map(() => NO_PROCESS),
    callers: calls.map(() => ({ at: 'idle', read: null, flight: null, floor: 0 })),
    reads: calls.map(() => NO_READ),
    questions: calls.map(() => NO_QUESTION),
    flights: calls.map(() => NO_FLIGHT),
    writes: kinds.map(() => ({ at: 'idle', version: 0 })),
  };
  return {
    initial: hasBegun ? begun(initial) : initial,
    offer(state, step) {
      offerCalls(state, step);
      offerReads(state, step);
      offerQuestions(state, step);
      offerFlights(state, step);
      offerWrites(state, step);
      offerNews(state, step);
    },
    atRest({ source, entry, tagId, callers, processes }) {
      if (callers.some(({ at }) => at !== 'done')) return 'a caller waits for ever';
      if (entry?.tagId === tagId && entry?.version !== source)
        return 'what Redis holds counts as valid, is old, and stays';
      for (const process of processes) {
        if ((fromMemory(process) ?? source) !== source) return 'what memory holds counts as valid, is old, and stays';
      }
      return undefined;
    },
  };
}
