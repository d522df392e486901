import { Redis } from 'ioredis';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { publishedUsers } from './lab/acl.mjs';
import { startCluster } from './lab/cluster.mjs';
import type { Lab, LabOptions } from './lab/lab.mjs';
import type { LabNode } from './lab/lab-node.mjs';
import { startSentinel } from './lab/sentinel.mjs';
import { startStandalone } from './lab/standalone.mjs';
import { startEngine, trusted } from './support/engines.js';
import { startSessions } from './support/sessions.js';

const TIMEOUT_MS = 60_000;

/** The namespace of docs/acl.md. */
const namespace = 'shop';
const users = publishedUsers();

const TOPOLOGIES: [Lab['topology'], (options: LabOptions) => Promise<Lab>][] = [
  ['standalone', startStandalone],
  ['sentinel', startSentinel],
  ['cluster', startCluster],
];

const REFUSED = /NOPERM|can't run this command|can't access at least one of the keys/;

type ClusterLab = Awaited<ReturnType<typeof startCluster>>;

/** Commands some user was seen to use, in any topology. */
const seen = new Set<string>();

describe.each(TOPOLOGIES)('the users of docs/acl.md on a %s Redis', (topology, start) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await start({ acl: users });
  }, TIMEOUT_MS);
  afterAll(() => lab.stop());

  async function engineOf(lab: Lab): Promise<CacheEngine> {
    const durability = topology === 'standalone' ? 'primary' : 'replicated';
    const engine = await startEngine({ namespace, connection: { ...lab.connection, durability } });
    await trusted(engine);
    return engine;
  }

  it(
    'may do whatever the cache does',
    async () => {
      const engine = await engineOf(lab);
      await useEverything(engine);
      await useSessions(lab);
      if (topology === 'cluster') await useMovingSlots(engine, lab as ClusterLab);
      await trusted(engine);
      for (const node of [...lab.nodes, ...((lab as { sentinels?: LabNode[] }).sentinels ?? [])]) {
        expect(await node.client.call('ACL', 'LOG')).toEqual([]);
        const stats = await node.client.info('commandstats');
        for (const [, name] of stats.matchAll(/^cmdstat_(.+?):/gm)) seen.add(name as string);
      }
    },
    TIMEOUT_MS,
  );

  it('may do nothing else', async () => {
    const forbidden: Record<string, string[][]> = {
      app: [
        ['GET', 'other:k'],
        ['EVAL', "return redis.call('GET', 'other:k')", '0'],
        ['SUBSCRIBE', 'c'],
        ['SCAN', '0'],
      ],
      link: [
        ['GET', 'shop:k'],
        ['SET', 'shop:k', 'v'],
        ['DEL', 'shop:k'],
        ['SUBSCRIBE', 'c'],
        ['PUBLISH', 'c', 'm'],
      ],
      admin: [
        ['GET', 'shop:k'],
        ['UNLINK', 'shop:k'],
        ['EVAL', 'return 1', '0'],
      ],
    };
    const [node] = await lab.primaries();
    for (const [username, commands] of Object.entries(forbidden)) {
      const password = new RegExp(`^user ${username} .*>(\\S+)`, 'm').exec(users.join('\n'))?.[1];
      const client = new Redis(node!.port, { username, password, protocol: 2, disableClientInfo: true });
      const everywhere = ['KEYS *', 'FLUSHALL', 'FLUSHDB', 'CONFIG GET *', 'SWAPDB 0 1', 'CLIENT LIST'];
      const further = ['CLIENT KILL ID 1', 'SCRIPT FLUSH', 'MONITOR', 'ACL LIST', 'SHUTDOWN', 'REPLICAOF NO ONE'];
      const all = [...commands, ...[...everywhere, ...further].map((command) => command.split(' '))];
      for (const [command, ...args] of all as [string, ...string[]][]) {
        const [answer] = await Promise.allSettled([client.call(command, ...args)]);
        expect(`${username} ${command}: ${String((answer as PromiseRejectedResult).reason)}`).toMatch(REFUSED);
      }
      client.disconnect();
    }
  });
});

it('the users of docs/acl.md may do nothing the cache never does', () => {
  const granted = users
    .filter((line) => !line.startsWith('user sentinel'))
    .flatMap((line) => line.match(/\+\S+/g) ?? []);
  // Asked only for a slot on its way, which a quick move may not show.
  seen.add('asking');
  const unused = granted.map((rule) => rule.slice(1)).filter((command) => !seen.has(command));
  expect(unused).toEqual([]);
});

async function useEverything(engine: CacheEngine): Promise<void> {
  const cache = engine.defaultCache;
  const connection = engine.connection()!;
  const tags = ['t'];
  expect(await cache.getOrSet('k', () => 'v', { tags })).toBe('v');
  expect(await cache.getOrSet('by value', () => 'v', { tags: () => tags })).toBe('v');
  await cache.getOrSet('skipped', ({ skip }) => skip());
  await expect(cache.getOrSet('failed', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await cache.put('put', () => 'v', { tags })).toBe('v');
  await cache.getOrSetMany(['a', 'b', 'c'], (keys) => new Map(keys.map((key) => [key, key])), { tags });
  expect(await cache.getMany(['a', 'b', 'c'], { consistency: 'strong' })).toEqual(['a', 'b', 'c']);
  expect(await cache.set('set', 'v', { tags })).toBe('applied');
  expect(await cache.expire('set')).toBe('applied');
  expect(await cache.delete('k')).toBe('applied');
  expect(await cache.invalidateTags(tags)).toBe('applied');
  await cache.setMany(Array.from({ length: 20 }, (_, index) => [`many${index}`, 'v'] as const));
  expect(await cache.invalidatePattern('many*')).toEqual({ status: 'applied', count: 20 });
  expect(await cache.clear()).toBe('applied');
  expect(await cache.clearNamespace()).toBe('applied');
  expect(await connection.ping()).toBeGreaterThan(0);
  expect((await connection.memory()).usedBytes).toBeGreaterThan(0);
  expect(await connection.keyCount()).toBeGreaterThan(0);
  for (const { admin } of connection.shards) expect(await admin.slowLogLength()).toBeGreaterThanOrEqual(0);
}

async function useSessions(lab: Lab): Promise<void> {
  const { sessions } = await startSessions<{ views?: number }>({ namespace, redis: lab.connection });
  const session = await sessions.create({ views: 1 }, { userId: '42' });
  session.data.views = 2;
  expect(await sessions.save(session)).toBe('saved');
  expect(await sessions.rotate(session, { grace: true })).toBe(true);
  expect(await sessions.rotate(session, { userId: '43' })).toBe(true);
  expect(await sessions.get(session.id)).toBeDefined();
  expect(await sessions.touch(session.id)).toBe(true);
  expect(await sessions.listOf('43')).toHaveLength(1);
  expect(await sessions.count()).toBeGreaterThan(0);
  expect(await sessions.count('43')).toBe(1);
  expect(await sessions.destroyAllOf('43')).toBe(1);
  expect(await sessions.destroy((await sessions.create({})).id)).toBe(true);
}

/** Reads and writes keys whose slots are on their way, which a node answers with ASK. */
async function useMovingSlots(engine: CacheEngine, lab: ClusterLab): Promise<void> {
  const cache = engine.defaultCache;
  const [from, to] = (await lab.primaries()) as [LabNode, LabNode];
  let isMoving = true;
  const moving = lab.moveSlots(from, to, 300).finally(() => (isMoving = false));
  for (let round = 0; isMoving; round++) {
    const keys = Array.from({ length: 50 }, (_, index) => `${round}-${index}`);
    await Promise.all(keys.map((key) => cache.getOrSet(key, () => key)));
  }
  await moving;
}
