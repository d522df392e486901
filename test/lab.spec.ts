import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { isListening } from '../scripts/loopback.mjs';
import { startCluster } from './lab/cluster.mjs';
import type { Lab, LabOptions } from './lab/lab.mjs';
import type { LabNode } from './lab/lab-node.mjs';
import { startSentinel } from './lab/sentinel.mjs';
import { startStandalone } from './lab/standalone.mjs';
import { eventually } from './support/eventually.js';

const TIMEOUT_MS = 60_000;
/** A cluster takes two seconds, the others a fraction of one. */
const SECONDS_MS = 15_000;
/** Redis replaces a primary within seconds; a busy machine takes longer. */
const FAILOVER_MS = 30_000;

const TOPOLOGIES: [Lab['topology'], (options?: LabOptions) => Promise<Lab>][] = [
  ['standalone', startStandalone],
  ['sentinel', startSentinel],
  ['cluster', startCluster],
];

const labs: Lab[] = [];
const clients: (Redis | Cluster)[] = [];

async function keep<T extends Lab>(starting: Promise<T>): Promise<T> {
  const lab = await starting;
  labs.push(lab);
  return lab;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await Promise.all(labs.splice(0).map((lab) => lab.stop()));
});

/** A client that goes where a lab says, under the name of the library's reads. */
function clientOf(lab: Lab): Redis | Cluster {
  const { cluster, sentinels, sentinelName: name, tls, url, host, port } = lab.connection;
  const options = { connectionName: 'rcache:data', maxRetriesPerRequest: 3, tls, host, port } as RedisOptions;
  const atSentinels = {
    sentinels,
    name,
    sentinelTLS: tls,
    enableTLSForSentinelMode: tls !== undefined,
  } as RedisOptions;
  const client = cluster
    ? new Cluster(cluster as { host: string; port: number }[], { redisOptions: options })
    : url
      ? new Redis(url, options)
      : new Redis(sentinels ? { ...options, ...atSentinels } : options);
  return used(client);
}

/** What each server believes of its cluster, for whoever looks into a failure. */
async function whatNodesSay({ nodes }: Lab): Promise<string> {
  const answers = nodes.map(async (node) => {
    const view = node.isRunning() ? await node.client.cluster('NODES').catch(String) : 'not running';
    return `${node.port} says:\n${String(view)}`;
  });
  return (await Promise.all(answers)).join('\n');
}

/** A client whose errors its commands tell, gone after the test. */
function used<T extends Redis | Cluster>(client: T): T {
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

/** What a lab has of this machine. */
async function belongingsOf(lab: Lab): Promise<{ pids: number[]; ports: number[]; folders: string[] }> {
  const nodes = [...lab.nodes, ...((lab as { sentinels?: LabNode[] }).sentinels ?? [])];
  const infos = await Promise.all(nodes.map(({ client }) => client.info('server')));
  return {
    pids: infos.map((info) => Number(/process_id:(\d+)/.exec(info)?.[1])),
    ports: nodes.flatMap(({ port, serverPort, proxy }) => [port, serverPort, proxy.port]),
    folders: nodes.map(({ folder }) => folder),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.each(TOPOLOGIES)('the lab of a %s Redis', (topology, start) => {
  it(
    'leads every client through its proxies, and leaves nothing behind',
    async () => {
      const startedAtMs = performance.now();
      const lab = await start();
      expect(performance.now() - startedAtMs).toBeLessThan(SECONDS_MS);
      expect(lab.topology).toBe(topology);
      const client = clientOf(lab);
      for (let key = 0; key < 50; key++) expect(await client.set(`k${key}`, 'v')).toBe('OK');
      const primaries = await lab.primaries();
      expect(primaries.length).toBe(topology === 'cluster' ? 3 : 1);
      for (const { proxy } of primaries) expect(proxy.connections('data')).toBe(1);
      const { pids, ports, folders } = await belongingsOf(lab);
      expect(pids.every(isAlive)).toBe(true);
      client.disconnect();
      const stoppedAtMs = performance.now();
      await lab.stop();
      expect(performance.now() - stoppedAtMs).toBeLessThan(SECONDS_MS);
      expect(pids.some(isAlive)).toBe(false);
      expect(folders.some((folder) => existsSync(folder))).toBe(false);
      expect(await Promise.all(ports.map(isListening))).not.toContain(true);
    },
    TIMEOUT_MS,
  );

  it(
    'ends when the process that started it is killed',
    async () => {
      const file = pathToFileURL(resolve(__dirname, `lab/${topology}.mjs`)).href;
      const program = `
        import * as topology from '${file}';
        const lab = await Object.values(topology)[0]();
        const infos = await Promise.all(lab.nodes.concat(lab.sentinels ?? []).map(({ client }) => client.info('server')));
        const pids = infos.map((info) => Number(/process_id:(\\d+)/.exec(info)[1]));
        const answer = JSON.stringify({ pids, folder: lab.nodes[0].folder });
        process.stdout.write(answer, () => process.kill(process.pid, 'SIGKILL'));`;
      const answer = await new Promise<string>((done) => {
        execFile(process.execPath, ['--input-type=module', '-e', program], (_error, stdout) => done(stdout));
      });
      const { pids, folder } = JSON.parse(answer) as { pids: number[]; folder: string };
      expect(pids.length).toBeGreaterThan(0);
      await eventually(() => !pids.some(isAlive) && !existsSync(folder), 10_000);
    },
    TIMEOUT_MS,
  );

  it(
    'speaks TLS with those who have a certificate of its authority',
    async () => {
      const lab = await keep(start({ tls: true }));
      const client = clientOf(lab);
      for (let key = 0; key < 20; key++) expect(await client.set(`k${key}`, 'v')).toBe('OK');
      const [{ proxy }] = (await lab.primaries()) as [LabNode];
      // Seen through the encryption.
      expect(proxy.connections('data')).toBe(1);
      proxy.apply({ type: 'black-hole' }, ['link']);
      expect(await client.set('k0', 'v')).toBe('OK');
      const tls = lab.connection.tls as { ca: string };
      const onlyOnce = { retryStrategy: null, maxRetriesPerRequest: 0 } as unknown as RedisOptions;
      const stranger = used(new Redis(proxy.port, { tls: { ca: tls.ca }, ...onlyOnce }));
      await expect(stranger.ping()).rejects.toThrow();
      const deceived = used(new Redis(proxy.port, { tls: {}, ...onlyOnce }));
      const refusal = new Promise((done) => deceived.on('error', done));
      deceived.ping().catch(() => undefined);
      expect(await refusal).toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    },
    TIMEOUT_MS,
  );

  it(
    'knows no users but those it is given, and its own',
    async () => {
      const acl = ['user app reset on >secret ~shop:* +get +cluster', 'user sentinel reset on >other +sentinel'];
      const lab = await keep(start({ acl }));
      const { credentials, sentinelUsername, sentinelPassword } = lab.connection;
      expect(await credentials?.('data')).toEqual({ username: 'app', password: 'secret' });
      expect({ sentinelUsername, sentinelPassword }).toEqual({
        sentinelUsername: 'sentinel',
        sentinelPassword: 'other',
      });
      for (const { port } of lab.nodes) {
        const bare = { protocol: 2, enableReadyCheck: false } as const;
        const nobody = used(new Redis(port, bare));
        await expect(nobody.get('shop:k')).rejects.toThrow(/NOAUTH/);
        const app = used(new Redis(port, { ...bare, username: 'app', password: 'secret' }));
        const [answer] = await Promise.allSettled([app.get('shop:k')]);
        expect(String(answer.status === 'fulfilled' ? answer.value : answer.reason)).toMatch(/^null$|MOVED/);
        await expect(app.get('k')).rejects.toThrow(/NOPERM/);
        await expect(app.del('shop:k')).rejects.toThrow(/NOPERM/);
      }
    },
    TIMEOUT_MS,
  );
});

describe('a node of the lab', () => {
  it('comes back on its port with nothing, or with what it saved', async () => {
    for (const persistent of [false, true]) {
      const lab = await keep(startStandalone({ persistent, args: ['--appendonly', 'yes', '--appendfsync', 'always'] }));
      const [node] = lab.nodes as [LabNode];
      await node.client.set('k', 'v');
      await node.client.save();
      await node.kill();
      expect(node.isRunning()).toBe(false);
      await node.start();
      expect(node.isRunning()).toBe(true);
      expect(await node.client.get('k')).toBe(persistent ? 'v' : null);
      expect(await clientOf(lab).get('k')).toBe(persistent ? 'v' : null);
    }
  });

  it('answers nothing while it is paused', async () => {
    const lab = await keep(startStandalone());
    const [node] = lab.nodes as [LabNode];
    const client = clientOf(lab);
    await client.set('k', 'v');
    await node.pause();
    let isAnswered = false;
    const answer = client.get('k').finally(() => (isAnswered = true));
    // Another server, asked later, has answered meanwhile.
    const other = await keep(startStandalone());
    await clientOf(other).ping();
    expect(isAnswered).toBe(false);
    await node.resume();
    expect(await answer).toBe('v');
  });
});

describe('the lab of a sentinel Redis', () => {
  it(
    'fails over by plan, and back once the old primary was demoted',
    async () => {
      const lab = await keep(startSentinel({ helloMs: 500 }));
      const [old, successor] = lab.nodes as [LabNode, LabNode];
      await clientOf(lab).set('k', 'v');
      await lab.failover();
      expect(await lab.primaries()).toEqual([successor]);
      expect(await successor.client.get('k')).toBe('v');
      await lab.failover();
      expect(await lab.primaries()).toEqual([old]);
    },
    TIMEOUT_MS,
  );

  it(
    'replaces a primary that was killed, which comes back as a replica',
    async () => {
      const lab = await keep(startSentinel({ helloMs: 500 }));
      const [old, successor] = lab.nodes as [LabNode, LabNode];
      await old.kill();
      await eventually(async () => (await lab.primaries()).includes(successor), FAILOVER_MS);
      await old.start();
      await eventually(async () => (await old.client.role())[0] === 'slave', FAILOVER_MS);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps its primary while clients cannot reach it, and replaces it when its servers cannot',
    async () => {
      const lab = await keep(startSentinel());
      const [primary, replica] = lab.nodes as [LabNode, LabNode];
      const client = clientOf(lab);
      await client.set('k', 'v');
      primary.proxy.apply({ type: 'black-hole' });
      await primary.client.set('k', 'w');
      await eventually(async () => (await replica.client.get('k')) === 'w');
      primary.proxy.heal();
      primary.proxy.reset();
      expect(await client.get('k')).toBe('w');
      primary.proxy.apply({ type: 'black-hole' }, ['sentinel', 'replica']);
      await eventually(async () => (await lab.primaries()).includes(replica), FAILOVER_MS);
      // Two that both believe they are the primary.
      expect(await client.set('k', 'lost')).toBe('OK');
      expect(await replica.client.set('k', 'won')).toBe('OK');
    },
    TIMEOUT_MS,
  );
});

describe('the lab of a cluster', () => {
  let lab: Awaited<ReturnType<typeof startCluster>>;
  beforeAll(async () => {
    lab = await startCluster();
  }, TIMEOUT_MS);
  afterAll(() => lab.stop());

  it(
    'moves slots with their keys while they are used',
    async () => {
      const client = clientOf(lab);
      const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
      await Promise.all(keys.map((key) => client.set(key, key)));
      const from = (await lab.nodeOfSlot(0)) as LabNode;
      const to = (await lab.primaries()).find((node) => node !== from) as LabNode;
      const sizeBefore = await from.client.dbsize();
      let isMoving = true;
      const moving = lab.moveSlots(from, to, 500).finally(() => (isMoving = false));
      while (isMoving) {
        const values = await Promise.all(keys.map((key) => client.get(key)));
        expect(values).toEqual(keys);
      }
      await moving;
      expect(await lab.nodeOfSlot(0)).toBe(to);
      expect(await lab.nodeOfSlot(500)).toBe(from);
      expect(await from.client.dbsize()).toBeLessThan(sizeBefore);
      for (const key of keys.slice(0, 20)) {
        const owner = (await lab.nodeOfKey(key)) as LabNode;
        expect(await owner.client.get(key)).toBe(key);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'fails over by plan, the primary it is told or any',
    async () => {
      const before = await lab.primaries();
      const [old] = before as [LabNode];
      await lab.failover(old);
      const after = await lab.primaries();
      expect(after).toHaveLength(3);
      expect(after).not.toContain(old);
      expect(after.filter((node) => before.includes(node))).toHaveLength(2);
      await lab.failover();
      expect((await lab.primaries()).filter((node) => after.includes(node))).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  it(
    'replaces a primary that was killed, which comes back as a replica',
    async () => {
      // A second try begins where the first one ended.
      await Promise.all(lab.nodes.map((node) => node.start()));
      // One that is being demoted, or still gets its data, has nobody to take its place.
      await eventually(async () => {
        const roles = await Promise.all(lab.nodes.map(({ client }) => client.role()));
        const replicas = roles.filter(([role]) => role === 'slave');
        return replicas.length === 3 && replicas.every(([, , , link]) => link === 'connected');
      }, FAILOVER_MS);
      const [old] = (await lab.primaries()) as [LabNode];
      await old.kill();
      await eventually(async () => {
        const primaries = await lab.primaries();
        return primaries.length === 3 && !primaries.includes(old);
      }, FAILOVER_MS).catch(async (cause: unknown) => {
        throw new Error(`Nobody took the place of ${old.port}. ${await whatNodesSay(lab)}`, { cause });
      });
      await old.start();
      await eventually(async () => (await old.client.role())[0] === 'slave', FAILOVER_MS);
    },
    TIMEOUT_MS,
  );
});

it(
  'a lab whose servers do not start says why and leaves nothing behind',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rcache-lab-spec-'));
    const file = pathToFileURL(resolve(__dirname, 'lab/cluster.mjs')).href;
    const program = `
      import { readdirSync } from 'node:fs';
      import { startCluster } from '${file}';
      const error = await startCluster({ args: ['--no-such-option', 'yes'] }).catch(({ message }) => message);
      console.log(JSON.stringify({ error, left: readdirSync(process.env.TMPDIR) }));`;
    const env = { ...process.env, TMPDIR: folder };
    const answer = await new Promise<string>((done) => {
      execFile(process.execPath, ['--input-type=module', '-e', program], { env }, (_error, stdout) => done(stdout));
    });
    await rm(folder, { recursive: true });
    expect(JSON.parse(answer)).toEqual({ error: expect.stringContaining('no-such-option'), left: [] });
  },
  TIMEOUT_MS,
);
