import { freePort, startRedis } from '../scripts/servers.mjs';
import type { ConnectionOptions } from '../libs/redis-cache/src/redis/connection-options.js';
import type { ConnectionKind } from './lab/connection-kind.mjs';
import type { Fault as NetworkFault } from './lab/faults.mjs';
import type { LabNode } from './lab/lab-node.mjs';
import type { Lab } from './lab/lab.mjs';
import { startStandalone } from './lab/standalone.mjs';
import { Application } from './support/application.js';
import type { Notes } from './support/cache-load.mjs';
import { eventually } from './support/eventually.js';

const LABS: Record<string, () => Promise<Lab>> = {
  standalone: startStandalone,
};

interface Fault {
  readonly connection?: ConnectionOptions;
  readonly begin: (node: LabNode) => Promise<void>;
  readonly end: (node: LabNode) => Promise<void>;
}

const FAULTS: Record<string, Fault> = {
  'a black hole': ofNetwork({ type: 'black-hole' }),
  'half-open connections': ofNetwork({ type: 'half-open' }),
  'lost replies': ofNetwork({ type: 'drop-replies' }),
  // The budget is far enough below that a slow reply is not mistaken for a busy process, which has more time.
  'replies after 300 ms': { ...ofNetwork({ type: 'latency', ms: 300 }), connection: { commandTimeout: 50 } },
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

/** Reads under a fault, 200 a second. */
const READS = 150;
/** Each with a server and an application. */
const FAULTS_AT_A_TIME = 4;
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
  /** Of an application that was closed under the fault. */
  readonly closedAfterMs: number;
  readonly exitCode: number | null | 'lingers';
}

describe.each(Object.entries(LABS))('with a %s Redis', (_topology, startLab) => {
  const seen = new Map<string, Observation>();

  beforeAll(async () => {
    const failed: string[] = [];
    const waiting = Object.entries(FAULTS);
    const observing = Array.from({ length: FAULTS_AT_A_TIME }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [name, fault] = next;
        await observed(await startLab(), fault).then(
          (observation) => seen.set(name, observation),
          (error: unknown) => failed.push(`${name}: ${String(error)}`),
        );
      }
    });
    await Promise.all(observing);
    expect(failed).toEqual([]);
  }, 60_000);

  /** What `figure` says of each fault for which it is not good. */
  const offenders = <T>(figure: (seen: Observation) => T, isGood: (figure: T) => boolean): Record<string, T> => {
    expect(seen.size).toBe(Object.keys(FAULTS).length);
    const figures = [...seen].map(([fault, observation]) => [fault, figure(observation)] as const);
    return Object.fromEntries(figures.filter(([, value]) => !isGood(value)));
  };
  const isAtMost = (ms: number) => (figure: number) => figure <= ms;

  it('no fault brings anything of it to the process (1)', () => {
    expect(
      offenders(
        ({ notes }) => notes.alarms,
        (alarms) => alarms.length === 0,
      ),
    ).toEqual({});
  });

  it('no read and no write fails (2)', () => {
    expect(
      offenders(
        ({ notes }) => notes.failures,
        (failures) => failures.length === 0,
      ),
    ).toEqual({});
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
    expect(
      offenders(
        ({ exitCode }) => exitCode,
        (code) => code === 0,
      ),
    ).toEqual({});
  });
});

describe('an application that starts without Redis (9)', () => {
  it('listens, answers, and uses Redis soon after it is there', async () => {
    const port = await freePort();
    const app = await Application.start({ connection: { port } });
    expect(await app.ask('listeningAfterMs')).toBeLessThan(AT_MOST_MS.listen);
    await eventually(async () => (await app.ask('notes')).reads > READS);
    const redis = await startRedis({ port });
    const startedAtMs = Date.now();
    await app.usesRedis();
    expect(Date.now() - startedAtMs).toBeLessThan(AT_MOST_MS.back);
    expect(await app.ask('notes')).toMatchObject({ failures: [], alarms: [] });
    expect((await app.close()).exitCode).toBe(0);
    await redis.stop();
  });

  it('listens, answers, and uses Redis soon after it speaks', async () => {
    const lab = await startStandalone();
    const [{ proxy }] = lab.nodes as [LabNode];
    proxy.apply({ type: 'black-hole' });
    const app = await Application.start({ connection: lab.connection });
    expect(await app.ask('listeningAfterMs')).toBeLessThan(AT_MOST_MS.listen);
    await eventually(async () => (await app.ask('notes')).reads > READS);
    proxy.heal();
    const healedAtMs = Date.now();
    await app.usesRedis();
    expect(Date.now() - healedAtMs).toBeLessThan(AT_MOST_MS.back);
    expect(await app.ask('notes')).toMatchObject({ failures: [], alarms: [] });
    expect((await app.close()).exitCode).toBe(0);
    await lab.stop();
  });

  it('ends with one clear error where Redis is required', async () => {
    const port = await freePort();
    await expect(Application.start({ connection: { port }, strictStart: true })).rejects.toThrow(
      /^The application ended with 1:\nRedisUnavailableError: Redis could not be reached within 1000 ms [^\n]+\n$/,
    );
  });
});

/** Puts an application through a fault, and closes it while the fault is back. */
async function observed(lab: Lab, fault: Fault): Promise<Observation> {
  // One data connection, so that a fault of one reply hits the one that matters.
  const app = await Application.start({ connection: { ...lab.connection, ...fault.connection, maxConnections: 1 } });
  try {
    await app.usesRedis();
    await app.ask('beginAnew');
    const nodes = await lab.primaries();
    const beganAtMs = Date.now();
    await Promise.all(nodes.map(fault.begin));
    const openedAtMs = await eventually(async () => {
      const { changes, reads } = await app.ask('notes');
      expect(reads).toBeGreaterThan(READS);
      expect(changes).not.toEqual([]);
      return (changes[0] as { atMs: number }).atMs;
    });
    await Promise.all(nodes.map(fault.end));
    const endedAtMs = Date.now();
    await app.usesRedis();
    const backAfterMs = Date.now() - endedAtMs;
    const notes = await app.ask('notes');

    await Promise.all(nodes.map(fault.begin));
    await eventually(async () => (await app.ask('notes')).changes.length > notes.changes.length);
    return { notes, openedAfterMs: openedAtMs - beganAtMs, backAfterMs, ...(await app.close()) };
  } finally {
    app.kill();
    await Promise.all(lab.nodes.map((node) => node.resume().catch(() => undefined)));
    await lab.stop();
  }
}
