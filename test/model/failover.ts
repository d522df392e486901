import { protocol } from './explore.js';
import {
  FAILOVER_PROTECTIONS,
  FAILOVER_SCENARIOS,
  type FailoverProtection,
  type FailoverScenario,
} from './failover-scenarios.js';
import { broken, type Model, type Step } from './model.js';

/** Ticks for which an acknowledged invalidation is repeated on another server. */
const RECENT = 1;
const MOST_TICKS = 3;

/** What a server stores, and a replica copies. */
interface Stored {
  entry: { version: number; namespaceId: number } | null;
  namespaceId: number;
  /** Whether process 1 has the lease. */
  isLeased: boolean;
}
interface Server {
  stored: Stored;
  isAlive: boolean;
  /** By its own belief. */
  isPrimary: boolean;
}
interface Process {
  at: 'up' | 'down' | 'recovers';
  /** Where reads go, and where invalidations go. */
  server: number;
  control: number;
  /** With which it recovered last. */
  known: number;
  isQueued: boolean;
  /** Since its last invalidation was acknowledged, for as long as it heard from its server; `null` when not recent. */
  recentAge: number | null;
  memory: number | null;
  /** The version for which it has invalidated older ones. */
  heard: number;
}
interface State {
  source: number;
  servers: [Server, Server];
  /** The primary by election. */
  elected: 0 | 1;
  ticks: number;
  rivalTicks: number;
  /** How often the namespace id was replaced. */
  replacements: number;
  processes: [Process, Process];
  write: { at: 'idle' | 'sent' | 'done' | 'lost' | 'returned'; version: number };
  load: { at: 'idle' | 'leased' | 'loaded' | 'over'; version: number };
}

/**
 * One key, two servers of which the second takes over, and two processes, of which the first invalidates. When that one
 * has recovered, neither it nor any other may be answered what it invalidated; while it is connected to a server that has
 * been replaced without its knowledge, anything goes. In a cluster read "owner of the slot" for "server".
 *
 * Assumed: a write that is lost was acknowledged at most `RECENT` ticks before its server was lost or learned that it had
 * been replaced. Left out: tags, whose ids are lost and repeated like entries; slow links (`boundedTrust`).
 */
export const failover = protocol(FAILOVER_PROTECTIONS, FAILOVER_SCENARIOS, modelOf);

function modelOf(
  { second, write: kind, isLoaded }: FailoverScenario,
  has: (protection: FailoverProtection) => boolean,
): Model<State> {
  function announce(s: State, index: number): void {
    for (const process of s.processes) if (process.at === 'up' && process.server === index) process.memory = null;
  }

  /** Whether the server carried it out. */
  function invalidate(s: State, index: number): boolean {
    if (!isUsable(s, index)) return false;
    Object.assign(s.servers[index]!.stored, { entry: null, isLeased: false });
    announce(s, index);
    return true;
  }

  function store(s: State, index: number, version: number): void {
    const { stored } = s.servers[index]!;
    Object.assign(stored, { entry: { version, namespaceId: stored.namespaceId }, isLeased: false });
    announce(s, index);
  }

  /** All connections are closed, and what was sent on them is not confirmed any more. */
  function disconnect(s: State, index: number): void {
    Object.assign(s.processes[index]!, { at: 'down', memory: null });
    if (index === 0 && (s.write.at === 'sent' || s.write.at === 'done')) s.write.at = 'lost';
  }

  function connect(s: State, index: number, server: number, control: number): void {
    const process = s.processes[index]!;
    const isOther = process.known !== server;
    Object.assign(process, { at: 'recovers', server, control });
    if (isOther && process.recentAge !== null && has('the replay on another server')) process.isQueued = true;
    if (!isOther || second !== 'snapshot') return;
    if (s.replacements > 0 && has('that the namespace id is replaced once per restart')) return;
    if (!has('a new namespace id after a restart from a snapshot')) return;
    s.replacements += 1;
    if (s.replacements > 1) broken('the cache is emptied again by every process that comes back');
    s.servers[server]!.stored.namespaceId += 1;
    announce(s, server);
  }

  function offerServers(state: State, step: Step<State>): void {
    const [first, other] = state.servers;
    const isLagging = second !== 'snapshot' && !other.isPrimary && !isSame(first.stored, other.stored);
    const areRivals = first.isAlive && first.isPrimary && other.isPrimary;
    if (isLagging && first.isAlive) {
      step('the replica catches up', (s) => {
        s.servers[1].stored = copyOfStored(s.servers[0]);
      });
    }
    if (first.isAlive && second !== 'rival') {
      step('server 0 dies', (s) => {
        s.servers[0].isAlive = false;
      });
    }
    if (!other.isPrimary && first.isAlive === (second === 'rival')) {
      step('server 1 becomes primary', (s) => {
        Object.assign(s.servers[1], { isAlive: true, isPrimary: true });
        s.elected = 1;
      });
    }
    if (areRivals) {
      step('server 0 becomes a replica of server 1, with a full copy', (s) => {
        Object.assign(s.servers[0], { isPrimary: false, stored: copyOfStored(s.servers[1]) });
      });
    }
    if (state.ticks === MOST_TICKS || (isLagging && first.isAlive) || (areRivals && state.rivalTicks === RECENT))
      return;
    step('time passes', (s) => {
      s.ticks += 1;
      if (areRivals) s.rivalTicks += 1;
      for (const process of s.processes) {
        const isHeardOf = process.at === 'up' && isUsable(s, process.server);
        if (process.recentAge === null || (!isHeardOf && has('that recent means before the loss'))) continue;
        process.recentAge = process.recentAge < RECENT ? process.recentAge + 1 : null;
      }
    });
  }

  function offerConnections(state: State, step: Step<State>): void {
    for (const [index, { at, server }] of state.processes.entries()) {
      const { isAlive, isPrimary } = state.servers[server]!;
      if (at === 'down') {
        offerReconnections(state, index, step);
      } else if (!isAlive) {
        step(`process ${index} loses its connections`, (s) => disconnect(s, index));
      } else if (!isPrimary && has('the question for the role')) {
        step(`process ${index} learns that server ${server} is no primary`, (s) => disconnect(s, index));
      } else if (isPrimary && state.elected !== server) {
        step(`process ${index} is told that server ${server} was replaced`, (s) => disconnect(s, index));
      }
    }
  }

  function offerReconnections(state: State, index: number, step: Step<State>): void {
    const usable = [0, 1].filter((server) => isUsable(state, server));
    for (const server of usable) {
      for (const control of usable) {
        if (server !== control && has('that all connections lead to one server')) continue;
        const name = `process ${index} connects to server ${server}, its control connection to ${control}`;
        step(name, (s) => connect(s, index, server, control));
      }
    }
  }

  function offerRecovery(state: State, step: Step<State>): void {
    for (const [index, { at, server, control, isQueued }] of state.processes.entries()) {
      if (at === 'recovers' && (!isQueued || !has('the journal before trust'))) {
        step(`process ${index} uses Redis again`, (s) => {
          const process = s.processes[index]!;
          Object.assign(process, { at: 'up', known: server });
          const held = validIn(s.servers[server]!);
          if (server !== s.elected || held === null || held >= process.heard) return;
          broken(`version ${held} is still answered to others when the process that invalidated it is back`);
        });
      }
      if (at !== 'down' && isQueued && isUsable(state, control)) {
        step(`server ${control} carries out the journal of process ${index}`, (s) => {
          invalidate(s, control);
          Object.assign(s.processes[index]!, { isQueued: false, recentAge: 0 });
        });
      }
    }
  }

  function offerReads(state: State, step: Step<State>): void {
    for (const [index, { at, server, memory, heard, isQueued }] of state.processes.entries()) {
      const stored =
        at === 'up' && !isQueued && state.servers[server]!.isAlive ? validIn(state.servers[server]!) : null;
      const version = memory ?? stored;
      if (version === null) continue;
      if (version < heard && server === state.elected) {
        step(`process ${index} reads`, () =>
          broken(`version ${version} is answered to the process that invalidated it`),
        );
      } else if (memory === null) {
        step(`process ${index} reads version ${version}, and remembers it`, (s) => {
          s.processes[index]!.memory = version;
        });
      }
    }
  }

  function offerLoad({ load, processes, servers }: State, step: Step<State>): void {
    const { at, server } = processes[1];
    if (at !== 'up' || !servers[server]!.isAlive) return;
    if (load.at === 'idle' && validIn(servers[server]!) === null) {
      step('process 1 gets the lease', (s) => {
        s.servers[server]!.stored.isLeased = true;
        s.load.at = 'leased';
      });
    }
    if (load.at === 'leased') {
      step('process 1 loads', (s) => {
        s.load = { at: 'loaded', version: s.source };
      });
    }
    if (load.at === 'loaded') {
      step('process 1 fills', (s) => {
        if (isUsable(s, server) && s.servers[server]!.stored.isLeased) store(s, server, load.version);
        s.load = { at: 'over', version: 0 };
      });
    }
  }

  function offerWrite(state: State, step: Step<State>): void {
    const { at, version } = state.write;
    const { control } = state.processes[0];
    if (at === 'idle') {
      step(`the source changes, process 0 sends a ${kind}`, (s) => {
        s.source += 1;
        s.processes[0].memory = null;
        s.write = { at: s.processes[0].at === 'up' ? 'sent' : 'lost', version: s.source };
      });
    }
    if (at === 'sent') {
      step(`server ${control} carries out the ${kind}, or refuses`, (s) => {
        s.write.at = invalidate(s, control) ? 'done' : 'lost';
        if (kind === 'put' && s.write.at === 'done') store(s, control, version);
      });
    }
    if (at === 'done') {
      step(`the answer to the ${kind} arrives`, (s) => {
        Object.assign(s.processes[0], { memory: null, heard: version });
        if (kind === 'delete' || has('that a stored write counts as an invalidation')) s.processes[0].recentAge = 0;
        s.write.at = 'returned';
      });
    }
    if (at === 'sent' || at === 'done' || at === 'lost') {
      step(`the ${kind} is not confirmed, a delete is queued`, (s) => {
        Object.assign(s.processes[0], { memory: null, heard: version, isQueued: true });
        s.write.at = 'returned';
      });
    }
  }

  return {
    initial: initialState(isLoaded ? null : { version: 0, namespaceId: 0 }, second !== 'snapshot'),
    offer(state, step) {
      offerServers(state, step);
      offerConnections(state, step);
      offerRecovery(state, step);
      offerReads(state, step);
      if (isLoaded) offerLoad(state, step);
      offerWrite(state, step);
    },
    atRest({ source, servers, elected, processes }) {
      const held = validIn(servers[elected]);
      if (held !== null && held !== source) return 'what the primary holds is old, and stays';
      if (processes.some(({ memory }) => memory !== null && memory !== source))
        return 'what memory holds is old, and stays';
      return undefined;
    },
  };
}

function initialState(entry: Stored['entry'], isReplicated: boolean): State {
  const server = { stored: { entry, namespaceId: 0, isLeased: false }, isAlive: true, isPrimary: true };
  const process: Process = {
    at: 'up',
    server: 0,
    control: 0,
    known: 0,
    isQueued: false,
    recentAge: null,
    memory: null,
    heard: 0,
  };
  return {
    source: 0,
    servers: [server, { ...server, isAlive: isReplicated, isPrimary: false }],
    elected: 0,
    ticks: 0,
    rivalTicks: 0,
    replacements: 0,
    processes: [process, process],
    write: { at: 'idle', version: 0 },
    load: { at: 'idle', version: 0 },
  };
}

function isUsable({ servers }: State, index: number): boolean {
  return servers[index]!.isAlive && servers[index]!.isPrimary;
}

function validIn({ stored: { entry, namespaceId } }: Server): number | null {
  return entry?.namespaceId === namespaceId ? entry.version : null;
}

function copyOfStored({ stored }: Server): Stored {
  return { ...stored, entry: stored.entry && { ...stored.entry } };
}

function isSame(a: Stored, b: Stored): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
