import { freePort, startRedis } from '../scripts/servers.mjs';
import type { ConnectionOptions } from '../libs/redis-cache/src/redis/connection-options.js';
import type { ConnectionKind } from './lab/connection-kind.mjs';
import type { Fault as NetworkFault } from './lab/faults.mjs';
import type { LabNode } from './lab/lab-node.mjs';
import type { Lab } from './lab/lab.mjs';
import { startCluster } from './lab/cluster.mjs';
import { startSentinel } from './lab/sentinel.mjs';
import { startStandalone } from './lab/standalone.mjs';
import { Application } from './support/application.js';
import type { Notes } from './support/cache-load.mjs';
import { eventually } from './support/eventually.js';

interface Fault {
  readonly connection?: ConnectionOptions;
  /** How many reads it lasts for, 200 a second; default `READS`. */
  readonly reads?: number;
  readonly begin: (node: LabNode) => Promise<void>;
  readonly end: (node: LabNode) => Promise<void>;
}

const FAULTS: Record<string, Fault> = {
  'a black hole': ofNetwork({ type: 'black-hole' }),
  'half-open connections': ofNetwork({ type: 'half-open' }),
  'lost replies': ofNetwork({ type: 'drop-replies' }),
  'replies after 700 ms': {
    ...ofNetwork({ type: 'latency', ms: 700 }),
    // Far enough below that a slow reply is not taken for a process that is busy, whose commands have five times as long.
    connection: { commandTimeout: 50, socketTimeout: '5s' },
    // The connections stay, and are probed again and again: whatever piles up with that shows after 3 s.
    reads: 800,
  },
  'refused connections': ofNetwork({ type: 'refuse' }),
  'a load balancer without a server': {
    ...ofNetwork({ type: 'accept-then-close' }),
    begin: async ({ proxy }) => {
      proxy.apply({ type: 'accept-then-close' });
      proxy.reset();
    },
  },
  'a cut in a reply': ofNetwork({ type: 'cut-mid-reply' }, ['data']),
  'a corrupt reply': ofNetwork({ type: 'corrupt-byte' }, ['data']),
  'a frozen server': { begin: (node) => node.pause(), end: (node) => node.resume() },
  'a killed server': { begin: (node) => node.kill(), end: (node) => node.start() },
};

function ofNetwork(fault: NetworkFault, kinds?: readonly ConnectionKind[]): Fault {
  return {
    begin: async ({ proxy }) => {
      proxy.apply(fault, kinds);
    },
    end: async ({ proxy }) => {
      proxy.heal();
    },
  };
}

/** For every topology, which goes through the same code whatever it leads to. What is a failover has specs of its own. */
const A_FEW = ['a black hole', 'half-open connections', 'refused connections', 'replies after 700 ms'];
const LABS: Record<string, { start: () => Promise<Lab>; faults: readonly string[] }> = {
  standalone: { start: startStandalone, faults: Object.keys(FAULTS) },
  sentinel: { start: startSentinel, faults: A_FEW },
  cluster: { start: startCluster, faults: A_FEW },
};

/** Reads under a fault. */
const READS = 150;
/** Each with a lab and a process of their own. */
const FAULTS_AT_A_TIME = 3;
/**
 * Four times what was promised or measured on an idle machine. The commands of one read may all time out, one after the
 * other: that of the entry, of the lease, of the fill (250 ms each), and of giving the lease back (1 s).
 */
const AT_MOST_MS = { read: 7_000, open: 1_400, readWhileOpen: 400, back: 6_000, close: 4_000, listen: 12_000 };

/** What was seen of one fault. */
interface Observation {
  readonly notes: Notes;
  /** From the begin of the fault until the breaker opened. */
  readonly openedAfterMs: number;
  /** From the end of the fault until Redis was used for everything again. */
  readonly backAfterMs: number;
  /** How long it took to close the application under the fault, and what it left behind. */
  readonly closedAfterMs: number;
  readonly leftovers: readonly string[];
}

describe.each(Object.entries(LABS))('with a %s Redis', (_topology, { start, faults }) => {
  const seen = new Map<string, Observation>();
  const exits: unknown[] = [];

  beforeAll(async () => {
    const waiting = [...faults];
    const observe = async (): Promise<void> => {
      const [lab, app] = [await start(), new Application()];
      try {
        for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
          seen.set(name, await observed(lab, app, FAULTS[name] as Fault));
        }
        exits.push(await app.end());
      } finally {
        app.kill();
        await lab.stop();
      }
    };
    await Promise.all(Array.from({ length: Math.min(FAULTS_AT_A_TIME, faults.length) }, observe));
  }, 150_000);

  /** What `figure` says of each fault for which it is not good. */
  const offenders = <T>(figure: (seen: Observation) => T, isGood: (figure: T) => boolean): Record<string, T> => {
    expect([...seen.keys()].sort()).toEqual([...faults].sort());
    const figures = [...seen].map(([fault, observation]) => [fault, figure(observation)] as const);
    return Object.fromEntries(figures.filter(([, value]) => !isGood(value)));
  };
  const isAtMost = (ms: number) => (figure: number) => figure <= ms;
  const isEmpty = (list: readonly unknown[]): boolean => list.length === 0;

  it('no fault brings anything of it to the process (1)', () => {
    expect(offenders(({ notes }) => notes.alarms, isEmpty)).toEqual({});
    for (const exit of exits) expect(exit).toEqual({ code: 0, printed: '' });
  });

  it('no read and no write fails (2)', () => {
    expect(offenders(({ notes }) => notes.failures, isEmpty)).toEqual({});
    expect(
      offenders(
        ({ notes }) => notes.reads,
        (reads) => reads >= READS,
      ),
    ).toEqual({});
  });

  it('no read waits for longer than its commands may take (3)', () => {
    expect(offenders(({ notes }) => notes.slowestMs, isAtMost(AT_MOST_MS.read))).toEqual({});
  });

  it('the breaker opens as soon as a few commands are unanswered (4)', () => {
    expect(offenders(({ openedAfterMs }) => openedAfterMs, isAtMost(AT_MOST_MS.open))).toEqual({});
  });

  it('an open breaker costs nothing (5)', () => {
    expect(offenders(({ notes }) => notes.slowestWhileOpenMs, isAtMost(AT_MOST_MS.readWhileOpen))).toEqual({});
  });

  it('Redis is used again soon after the fault has ended (6)', () => {
    expect(offenders(({ backAfterMs }) => backAfterMs, isAtMost(AT_MOST_MS.back))).toEqual({});
  });

  it('the breaker opens and closes once (7)', () => {
    const states = ({ notes }: Observation): string[] => notes.changes.map(({ node, state }) => `${node} ${state}`);
    const isOnce = (changes: string[]): boolean => new Set(changes).size === changes.length && changes.length % 2 === 0;
    expect(offenders(states, isOnce)).toEqual({});
  });

  it('the application shuts down under the fault, in time and with nothing left behind (10)', () => {
    expect(offenders(({ closedAfterMs }) => closedAfterMs, isAtMost(AT_MOST_MS.close))).toEqual({});
    expect(offenders(({ leftovers }) => leftovers, isEmpty)).toEqual({});
  });
});

describe('an application that starts without Redis (9)', () => {
  const app = new Application();

  afterAll(() => {
    app.kill();
  });

  async function isWithoutRedis(listeningAfterMs: number): Promise<void> {
    expect(listeningAfterMs).toBeLessThan(AT_MOST_MS.listen);
    await eventually(async () => (await app.ask('notes')).reads > READS);
    expect(await app.ask('usesRedis')).toBe(false);
  }

  async function usesRedisSoon(): Promise<void> {
    const startedAtMs = Date.now();
    await app.usesRedis();
    expect(Date.now() - startedAtMs).toBeLessThan(AT_MOST_MS.back);
    expect(await app.ask('notes')).toMatchObject({ failures: [], alarms: [] });
    await app.ask('close');
    expect(await app.ask('leftovers')).toEqual([]);
  }

  it('listens, answers, and uses Redis soon after it is there', async () => {
    const port = await freePort();
    await isWithoutRedis(await app.start({ connection: { port } }));
    const redis = await startRedis({ port });
    await usesRedisSoon();
    await redis.stop();
  });

  it('listens, answers, and uses Redis soon after it speaks', async () => {
    const lab = await startStandalone();
    const [{ proxy }] = lab.nodes as [LabNode];
    proxy.apply({ type: 'black-hole' });
    await isWithoutRedis(await app.start({ connection: lab.connection }));
    proxy.heal();
    await usesRedisSoon();
    await lab.stop();
  });

  it('does not start where Redis is required, says so, and leaves nothing behind', async () => {
    const starting = app.start({ connection: { port: await freePort() }, strictStart: true });
    await expect(starting).rejects.toThrow('RedisUnavailableError: Redis could not be reached within 1000 ms');
    expect(await app.ask('leftovers')).toEqual([]);
    expect(await app.end()).toEqual({ code: 0, printed: '' });
  });
});

/** Puts an application through a fault, and closes it when the fault is back. */
async function observed(lab: Lab, app: Application, fault: Fault): Promise<Observation> {
  // One data connection, so that a fault of one reply hits the one that matters.
  await app.start({ connection: { ...lab.connection, ...fault.connection, maxConnections: 1 } });
  await app.usesRedis();
  await app.ask('beginAnew');
  const nodes = await lab.primaries();
  const all = (act: Fault['begin']): Promise<unknown> => Promise.all(nodes.map(act));
  const beganAtMs = Date.now();
  await all(fault.begin);
  const openedAtMs = await eventually(async () => {
    const { changes, reads } = await app.ask('notes');
    expect(reads).toBeGreaterThan(fault.reads ?? READS);
    expect(changes).not.toEqual([]);
    return (changes[0] as { atMs: number }).atMs;
  }, 20_000);
  await all(fault.end);
  const endedAtMs = Date.now();
  await app.usesRedis();
  const backAfterMs = Date.now() - endedAtMs;
  const notes = await app.ask('notes');

  await all(fault.begin);
  await eventually(async () => (await app.ask('notes')).changes.length > notes.changes.length);
  const closedAfterMs = await app.ask('close');
  const leftovers = await app.ask('leftovers');
  await all(fault.end);
  return { notes, openedAfterMs: openedAtMs - beganAtMs, backAfterMs, closedAfterMs, leftovers };
}
