import { protocol } from './explore.js';
import { endTurn, isTurnOpen, type Link, NO_LINK } from './link.js';
import { broken, type Model, type Scenario, type Step } from './model.js';

const PROTECTIONS = [
  'the end of trust',
  'the second ping',
  'that trust counts from the sending of a ping',
  'what a gap drops',
  'that only a read under the present trust is remembered',
  'the guard of reads that an announcement overtook',
  'that a copy for the outage ages from the beginning of its load',
] as const;
type Protection = (typeof PROTECTIONS)[number];

interface TrustScenario extends Scenario<Protection> {
  /** How memory comes by the entry. */
  readonly by: 'read' | 'load';
}

const SCENARIOS: readonly TrustScenario[] = [
  {
    name: 'an entry that was read',
    proves: PROTECTIONS.filter((protection) => !protection.startsWith('that a copy for the outage')),
    by: 'read',
  },
  {
    name: 'an entry that was loaded because Redis did not answer',
    proves: ['the end of trust', 'that a copy for the outage ages from the beginning of its load'],
    by: 'load',
  },
];

/** In ticks. */
const MAX_STALENESS = 3;

/** Ages are in ticks; from `MAX_STALENESS` on they are all the same. What is old is from before the change. */
interface State {
  changedAge: number | null;
  memory: { isOld: boolean; outageLeft: number | null } | null;
  trustLeft: number;
  /** Since it was sent; answered or not, its answer is still to come. */
  ping: { age: number; isAnswered: boolean } | null;
  /** Since the last ping was sent whose answer has come. */
  previousAge: number | null;
  link: Link<'changed'>;
  read: { at: 'asked' | 'answered'; isOld: boolean; isCurrent: boolean; hasTicket: boolean } | null;
  load: { age: number; isOld: boolean | null } | null;
}

/**
 * The memory of one process, its link, and time: an entry changes in Redis, by anybody, and memory must not answer the old
 * one `MAX_STALENESS` later. Whatever is on its way may take any time or never come, and the link may be lost unnoticed:
 * that is all a slow, cut or half-open network, a frozen server or a frozen process can do to a TCP connection.
 *
 * Left out is the table of ids, which is believed and dropped by the same rules.
 */
export const boundedTrust = protocol(PROTECTIONS, SCENARIOS, modelOf);

function modelOf({ by }: TrustScenario, has: (protection: Protection) => boolean): Model<State> {
  function missedChanges(s: State): void {
    if (!has('what a gap drops')) return;
    s.memory = s.load = null;
    if (s.read !== null && has('that only a read under the present trust is remembered')) s.read.hasTicket = false;
  }

  function hear(s: State): void {
    if (s.link.wire.shift() === 'changed') {
      s.memory = s.load = null;
      if (s.read !== null && has('the guard of reads that an announcement overtook')) s.read.isCurrent = false;
      return;
    }
    const { age } = s.ping!;
    const provenAge = has('the second ping') ? s.previousAge : age;
    s.ping = null;
    s.previousAge = age;
    if (provenAge === null) return;
    s.trustLeft = MAX_STALENESS - (has('that trust counts from the sending of a ping') ? provenAge : 0);
  }

  function offerTime(state: State, step: Step<State>): void {
    const { memory, trustLeft, changedAge } = state;
    step('time passes', (s) => {
      s.trustLeft = Math.max(0, s.trustLeft - 1);
      if (s.changedAge !== null) s.changedAge = older(s.changedAge);
      if (s.previousAge !== null) s.previousAge = older(s.previousAge);
      for (const aging of [s.ping, s.load]) if (aging !== null) aging.age = older(aging.age);
      if (s.memory?.outageLeft) s.memory.outageLeft -= 1;
    });
    const mayAnswer = (memory?.outageLeft ?? trustLeft) > 0 || !has('the end of trust');
    if (memory?.isOld === true && mayAnswer && changedAge === MAX_STALENESS) {
      step('memory answers', () => broken('memory answers what changed maxStaleness ago'));
    }
  }

  function offerLink(state: State, step: Step<State>): void {
    const { changedAge, link, ping } = state;
    if (changedAge === null) {
      step('the entry changes', (s) => {
        s.changedAge = 0;
        if (s.link.isArmed) s.link.announcements.push('changed');
      });
    }
    if (isTurnOpen(link)) step('the turn of Redis ends', (s) => endTurn(s.link));
    if (link.wire.length > 0) step(`the link brings "${link.wire[0]!}"`, hear);
    if (!link.isArmed) {
      step('the link is armed', (s) => {
        s.link.isArmed = true;
        missedChanges(s);
      });
      return;
    }
    step('the link is lost', (s) => {
      missedChanges(s);
      Object.assign(s, { trustLeft: 0, ping: null, previousAge: null, link: NO_LINK });
    });
    if (ping === null) {
      step('a ping is sent', (s) => {
        s.ping = { age: 0, isAnswered: false };
      });
    }
    if (ping?.isAnswered === false) {
      step('Redis answers the ping', (s) => {
        s.ping!.isAnswered = true;
        s.link.answers.push('pong');
      });
    }
  }

  function offerRead({ read }: State, step: Step<State>): void {
    if (read === null) {
      step('a read begins', (s) => {
        const hasTicket = s.trustLeft > 0 || !has('that only a read under the present trust is remembered');
        s.read = { at: 'asked', isOld: false, isCurrent: true, hasTicket };
      });
    }
    if (read?.at === 'asked') {
      step('Redis answers the read', (s) => {
        Object.assign(s.read!, { at: 'answered', isOld: s.changedAge === null });
      });
    }
    if (read?.at === 'answered') {
      step('the answer to the read arrives', (s) => {
        const { isOld, isCurrent, hasTicket } = s.read!;
        s.read = null;
        if (isCurrent && hasTicket) s.memory = { isOld, outageLeft: null };
      });
    }
  }

  function offerLoad({ load }: State, step: Step<State>): void {
    if (load === null) {
      step('a load begins', (s) => {
        s.load = { age: 0, isOld: null };
      });
    }
    if (load?.isOld === null) {
      step('the load reads the source', (s) => {
        s.load!.isOld = s.changedAge === null;
      });
    }
    if (load !== null && load.isOld !== null) {
      step('the load returns, and memory keeps its result', (s) => {
        const { age, isOld } = s.load!;
        const agedBy = has('that a copy for the outage ages from the beginning of its load') ? age : 0;
        s.memory = { isOld: isOld!, outageLeft: MAX_STALENESS - agedBy };
        s.load = null;
      });
    }
  }

  return {
    initial: {
      changedAge: null,
      memory: null,
      trustLeft: 0,
      ping: null,
      previousAge: null,
      link: NO_LINK,
      read: null,
      load: null,
    },
    offer(state, step) {
      // Once the entry has changed and nothing old is left, nothing can go wrong any more.
      const isOldLeft = [state.memory, state.read, state.load].some((holder) => holder?.isOld === true);
      if (state.changedAge !== null && !isOldLeft) return;
      offerTime(state, step);
      offerLink(state, step);
      if (by === 'read') offerRead(state, step);
      else offerLoad(state, step);
    },
  };
}

function older(age: number): number {
  return Math.min(age + 1, MAX_STALENESS);
}
