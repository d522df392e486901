import type { ConnectionStatus } from '../cache/backend-host.js';
import { CONNECTION, counted, type LabelValues, type Metric, type Sample, sample } from './metric.js';
import type { ServerFigures } from './server-info.js';

const BREAKER_STATES = ['closed', 'open', 'half_open'];
const LINK_STATES = ['off', 'armed', 'trusted'];
const COMMAND = 'command or script of this library';

/** What the connections to Redis do, and what Redis says of itself. Names are without prefix. */
export const CONNECTION_METRICS: readonly Metric[] = [
  ofConnections('redis_up', 'Connections in use; 0 means answering without Redis.', {}, ({ isUp }) => [
    sample({}, Number(isUp)),
  ]),
  ofConnections('breaker_state', 'Breakers: 1 for the current state.', { state: BREAKER_STATES }, ({ breaker }) =>
    BREAKER_STATES.map((state) => sample({ state }, Number(state === label(breaker)))),
  ),
  counted(
    {
      name: 'breaker_transitions_total',
      type: 'counter',
      help: 'Changes of a breaker, by the state it took on.',
      labels: { ...CONNECTION, state: BREAKER_STATES },
    },
    ({ breakerTransitions }) => breakerTransitions,
  ),
  ofConnections(
    'link_state',
    'Coherence links: 1 for the current state; only a trusted one lets memory answer.',
    { state: LINK_STATES },
    ({ link }) => LINK_STATES.map((state) => sample({ state }, Number(state === link))),
  ),
  counted(
    {
      name: 'link_transitions_total',
      type: 'counter',
      help: 'Changes of a coherence link; with a gap everything remembered is dropped.',
      labels: { ...CONNECTION, state: ['armed', 'trusted', 'gap'] },
    },
    ({ linkTransitions }) => linkTransitions,
  ),
  counted(
    {
      name: 'link_messages_total',
      type: 'counter',
      help: 'Changes of keys heard on the link, own ones included, and flushes of the whole server.',
      labels: { ...CONNECTION, kind: ['key', 'flush'] },
    },
    ({ linkMessages }) => linkMessages,
  ),
  counted(
    {
      name: 'link_delay_seconds',
      type: 'histogram',
      help: 'Round trip of the heartbeat on the link: no announcement made before it took longer to arrive.',
      labels: CONNECTION,
    },
    ({ linkDelays }) => linkDelays,
  ),
  ofConnections('journaled_invalidations', 'Invalidations waiting for Redis.', {}, ({ journaled }) => [
    sample({}, journaled),
  ]),
  counted(
    {
      name: 'redis_command_duration_seconds',
      type: 'histogram',
      help: 'Time from handing a command to the client until its reply, or until it was given up.',
      labels: { ...CONNECTION, command: COMMAND },
    },
    ({ commands }) => commands,
  ),
  counted(
    {
      name: 'errors_total',
      type: 'counter',
      help: 'Commands that Redis refused, by the first word of its reply, or did not answer.',
      labels: {
        ...CONNECTION,
        operation: COMMAND,
        error_type: 'first word of an error reply, or TIMEOUT, CONNECTION, OTHER',
      },
    },
    ({ errors }) => errors,
  ),
  counted(
    {
      name: 'redis_reconnects_total',
      type: 'counter',
      help: 'Connections that were lost and are there again.',
      labels: { ...CONNECTION, kind: ['data', 'control', 'link', 'admin'] },
    },
    ({ reconnects }) => reconnects,
  ),
  {
    name: 'redis_queue_length',
    type: 'gauge',
    help: 'Reads and loads sent to Redis and not answered, and those waiting to be sent.',
    labels: { ...CONNECTION, queue: ['sent', 'waiting'] },
    collect: (sources) =>
      sources.flatMap(({ engine }) =>
        engine
          .connectionStates()
          .flatMap(({ name: connection }) =>
            (engine.connection(connection)?.shards ?? []).flatMap(({ queue }) => [
              sample({ connection, queue: 'sent' }, queue.sent),
              sample({ connection, queue: 'waiting' }, queue.waiting),
            ]),
          ),
      ),
  },
  ofServers('redis_memory_used_bytes', 'gauge', 'Memory Redis uses.', 'usedMemoryBytes'),
  ofServers('redis_memory_max_bytes', 'gauge', 'Memory Redis may use; 0 means no limit.', 'maxMemoryBytes'),
  ofServers('redis_evicted_keys_total', 'counter', 'Keys Redis dropped for room.', 'evictedKeys'),
  ofServers(
    'redis_keyspace_hits_total',
    'counter',
    'Lookups of keys that Redis had, by all its users.',
    'keyspaceHits',
  ),
  ofServers('redis_keyspace_misses_total', 'counter', 'Lookups of keys Redis did not have.', 'keyspaceMisses'),
];

function ofConnections(
  name: string,
  help: string,
  labels: LabelValues,
  samplesOf: (status: ConnectionStatus) => readonly Sample[],
): Metric {
  return {
    name,
    type: 'gauge',
    help,
    labels: { ...CONNECTION, ...labels },
    collect: (sources) =>
      sources.flatMap(({ engine }) =>
        engine
          .connectionStates()
          .flatMap((status) =>
            samplesOf(status).map((each) => sample({ connection: status.name, ...each.labels }, each.value)),
          ),
      ),
  };
}

function ofServers(name: string, type: 'counter' | 'gauge', help: string, figure: keyof ServerFigures): Metric {
  return {
    name,
    type,
    help: `${help} From INFO; see the option server.`,
    labels: CONNECTION,
    collect: async (sources) => {
      const figures = await Promise.all(
        sources.flatMap(({ server }) => (server === undefined ? [] : server.figures())),
      );
      // Not added up: modules of one process mean the same server.
      const byConnection = new Map(figures.flatMap((each) => [...each]));
      return Array.from(byConnection, ([connection, each]) => sample({ connection }, each[figure]));
    },
  };
}

function label(state: string): string {
  return state.replace('-', '_');
}
