import { setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ClientFactory } from '../libs/redis-cache/src/redis/client-factory.js';
import { CredentialSource } from '../libs/redis-cache/src/redis/credential-source.js';
import { type ClientSource, DataPool } from '../libs/redis-cache/src/redis/data-pool.js';
import { type Clock, systemClock } from '../libs/redis-cache/src/time.js';
import { eventually } from './support/eventually.js';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';

/** Longer than a reply may be missing, shorter than what is idle may stay. */
const HELD_UP_MS = 10;
const IDLE_MS = 31_000;

const ping = (client: Redis) => client.ping();
const blockers: Redis[] = [];
const pools: DataPool[] = [];

afterEach(() => {
  for (const pool of pools.splice(0)) pool.close();
  for (const blocker of blockers.splice(0)) blocker.disconnect();
});

/** A pool on a clock that stands still until told, connected, with a first reply of `roundTripMs`. */
async function startPool({ maxConnections = 10, roundTripMs = 0, check = () => Promise.resolve() } = {}) {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, nowMs: () => nowMs };
  // A reply is held up for as long as the test takes, not for the budget of a read.
  const options = { url: testRedisUrl(), commandTimeout: '10s', socketTimeout: '20s' } as const;
  const clients = new ClientFactory(options, new CredentialSource({}));
  const source: ClientSource = {
    create: () => clients.create('data'),
    discard: (client) => clients.discard(client),
    check,
  };
  const pool = new DataPool(source, maxConnections, clock);
  pools.push(pool);
  await pool.primary.connect();
  const pass = (ms: number): void => void (nowMs += ms);
  const first = pool.use(ping);
  pass(roundTripMs);
  await first;
  return { pool, pass };
}

/** Makes one connection owe a reply, and everything sent behind it, until the function returned is called. */
function holdUp(pool: DataPool): () => Promise<void> {
  const list = uniqueNamespace();
  const reply = pool.use((client) => client.blpop(list, 0));
  reply.catch(() => undefined);
  return async () => {
    const blocker = new Redis(testRedisUrl());
    blockers.push(blocker);
    await blocker.rpush(list, 'go on');
    await reply;
  };
}

/** Sends a read that finds what the test made of the pool, and waits until the pool has thought about it. */
async function read(pool: DataPool): Promise<void> {
  pool.use(ping).catch(() => undefined);
  for (let turns = 0; turns < 4; turns += 1) await turn();
}

/** Holds up connections until the pool has grown to `size`, and that one is open. */
async function growTo(size: number, pool: DataPool, pass: (ms: number) => void): Promise<(() => Promise<void>)[]> {
  const releases: (() => Promise<void>)[] = [];
  while (pool.size < size) {
    const before = pool.size;
    releases.push(holdUp(pool));
    pass(HELD_UP_MS);
    await read(pool);
    expect(pool.size).toBe(before + 1);
    // Answered although every older connection is held up: the new one carries it.
    await eventually(async () => (await Promise.race([pool.use(ping), turn('held up')])) === 'PONG');
  }
  return releases;
}

describe('the connections for reads', () => {
  it('are one as long as replies come, however many reads there are', async () => {
    const { pool, pass } = await startPool();
    for (let round = 0; round < 5; round += 1) {
      const replies = Array.from({ length: 500 }, () => pool.use(ping));
      expect(pool.size).toBe(1);
      await Promise.all(replies);
      pass(HELD_UP_MS);
    }
    expect(pool.size).toBe(1);
  });

  it('become more when a reply holds up the others, which then go round it', async () => {
    const { pool, pass } = await startPool();
    const [release] = await growTo(2, pool, pass);
    expect(await pool.use(ping)).toBe('PONG');
    await release?.();
    expect(pool.size).toBe(2);
  });

  it('are never more than maxConnections', async () => {
    const { pool, pass } = await startPool({ maxConnections: 3 });
    await growTo(3, pool, pass);
    holdUp(pool);
    pass(HELD_UP_MS);
    await read(pool);
    await read(pool);
    expect(pool.size).toBe(3);
  });

  it('close when nobody used them for half a minute, down to one', async () => {
    const { pool, pass } = await startPool();
    const releases = await growTo(3, pool, pass);
    for (const release of releases) await release();
    pass(IDLE_MS);
    await eventually(async () => {
      await pool.use(ping);
      expect(pool.size).toBe(1);
    });
    expect(pool.primary.status).toBe('ready');
  });

  it('stay one when Redis is far away: more of them would be as far', async () => {
    const { pool, pass } = await startPool({ roundTripMs: 40 });
    holdUp(pool);
    pass(40);
    await read(pool);
    expect(pool.size).toBe(1);
    pass(HELD_UP_MS);
    await read(pool);
    expect(pool.size).toBe(2);
  });

  it('stay one when this process was busy and its replies wait to be read', async () => {
    const { pool, pass } = await startPool();
    const reply = pool.use(ping);
    // ioredis writes in this turn; the reply is there when the process is free again.
    await Promise.resolve();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    pass(100);
    await read(pool);
    await reply;
    expect(pool.size).toBe(1);
  });
});
