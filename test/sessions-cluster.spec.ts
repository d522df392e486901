import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster } from './lab/cluster.mjs';
import { SLOT_COUNT, slotOf } from '../libs/redis-cache/src/redis/slots.js';
import { eventually } from './support/eventually.js';
import { closeSessions, keysOf, startSessions } from './support/sessions.js';

interface Data {
  views?: number;
}

/** Between the requests of one user. */
const PAUSE_MS = 10;

type Cluster = Awaited<ReturnType<typeof startCluster>>;

let lab: Cluster;
beforeEach(async () => {
  lab = await startCluster();
}, 60_000);
afterEach(async () => {
  closeSessions();
  await lab.stop();
}, 60_000);

it('a logout that a failover of the cluster forgot stays a logout', async () => {
  const redis = { ...lab.connection, commandTimeout: 100, controlTimeout: 200 };
  const process = await startSessions<Data>({ redis });
  const { sessions } = process;
  const session = await sessions.create({}, { userId: '42' });
  const lasting = await sessions.create({}, { userId: '42' });
  const [key] = (await keysOf(process)) as [string];
  const primary = (await lab.nodeOfKey(key))!;
  const roles = await Promise.all(lab.nodes.map((node) => node.client.role()));
  const replica = lab.nodes.find(
    (_, index) => roles[index]![0] === 'slave' && roles[index]![2] === primary.proxy.port,
  )!;
  await eventually(async () => (await replica.client.dbsize()) === (await primary.client.dbsize()));

  await replica.pause();
  expect(await sessions.destroy(session)).toBe(true);
  await primary.kill();
  await replica.resume();
  await eventually(async () => (await sessions.get(lasting.id)) !== undefined, 40_000);
  expect(await sessions.get(session.id)).toBeUndefined();
  const other = await startSessions<Data>({ redis, namespace: process.keyspace.namespace });
  expect(await other.sessions.get(session.id)).toBeUndefined();
  expect(await other.sessions.get(lasting.id)).toBeDefined();
}, 90_000);

it('nobody is logged out, and nothing is lost, while slots move to another node', async () => {
  // What is asked is whether anything is lost, and not how fast a machine is that runs all this.
  const patience = { commandTimeout: '2s', controlTimeout: '5s', socketTimeout: '10s' } as const;
  const process = await startSessions<Data>({ redis: { ...lab.connection, ...patience } });
  const { sessions } = process;
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, user) => sessions.create({ views: 0 }, { userId: `u${user}` })),
  );
  const [from, to] = await lab.primaries();
  let isMoving = true;
  let rounds = 0;
  const requests = made.map(async ({ id }, user) => {
    while (isMoving) {
      const session = await sessions.get(id);
      expect(session).toBeDefined();
      expect(await sessions.update(session!, (data) => (data.views! += 1))).toBe(true);
      expect(await sessions.listOf(`u${user}`)).toHaveLength(1);
      expect(await sessions.count(`u${user}`)).toBe(1);
      rounds += 1;
      await sleep(PAUSE_MS);
    }
    return id;
  });
  const before = new Set((await keysOf(process)).map(slotOf));
  expect(before.size).toBeGreaterThan(20);
  await lab.moveSlots(from!, to!, Math.ceil(SLOT_COUNT / 3));
  isMoving = false;
  const ids = await Promise.all(requests);
  let views = 0;
  for (const id of ids) views += (await sessions.get(id))!.data.views!;
  expect(views).toBe(rounds);
  expect(await sessions.count()).toBe(40);
}, 90_000);
