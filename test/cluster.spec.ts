import type { Redis } from 'ioredis';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { cacheTag, copiesOf, copyIndexOf, NAMESPACE_TAG } from '../libs/redis-cache/src/redis/keyspace.js';
import { startCluster } from './lab/cluster.mjs';
import type { LabNode } from './lab/lab-node.mjs';
import { connected, inMemory, startEngine, startFleet, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

jest.setTimeout(60_000);
/** The slack of a test on a busy machine; what Redis itself needs to fail over comes on top. */
const SLACK_MS = 8_000;
const KEYS = Array.from({ length: 60 }, (_, index) => `k${index}`);

let lab: Awaited<ReturnType<typeof startCluster>>;
let namespace: string;

beforeAll(async () => {
  lab = await startCluster();
});
afterAll(() => lab.stop());
beforeEach(() => {
  namespace = uniqueNamespace();
});
afterEach(async () => {
  for (const node of lab.nodes) {
    node.proxy.heal();
    await node.resume().catch(() => undefined);
    await node.start();
  }
  await eventually(async () => (await lab.primaries()).length === 3, 20_000);
});

const start = () => startEngine({ namespace, connection: lab.connection });

/** Whether the node that holds an entry also holds the ids it records. */
function isWhole(key: string, engine: CacheEngine): boolean {
  const connection = engine.connection()!;
  const slotKey = `default:${key}`;
  const ids = [NAMESPACE_TAG, cacheTag('default')].map((tag) => copiesOf(tag)[copyIndexOf(slotKey)] as string);
  return ids.every((id) => connection.shardOf(id) === connection.shardOf(slotKey));
}

/** Which of the keys the node holds. */
function keysOn(node: LabNode, engine: CacheEngine, keys: readonly string[]): string[] {
  const connection = engine.connection()!;
  return keys.filter((key) => connection.shardOf(`default:${key}`)?.node?.port === node.proxy.port);
}

describe('a cluster', () => {
  it('takes any keys and tags without a command that spans slots', async () => {
    const [one, two] = (await startFleet(2, { namespace, connection: lab.connection })) as [CacheEngine, CacheEngine];
    const errors: unknown[] = [];
    for (const engine of [one, two]) engine.events.on('redis-error', (error) => errors.push(error));
    const cache = one.defaultCache;
    await cache.setMany(
      KEYS.map((key, index) => [key, index] as const),
      { tags: ['a', 'b', 'c'] },
    );
    expect(await two.defaultCache.getMany(KEYS)).toEqual(KEYS.map((_, index) => index));
    await cache.getOrSetMany(
      KEYS.map((key) => `${key}-2`),
      (missing) => new Map(missing.map((key) => [key, key])),
    );
    expect(await cache.invalidateTags(['a', 'b'])).toBe('applied');
    expect(await cache.getMany(KEYS)).toEqual(KEYS.map(() => undefined));
    expect((await cache.invalidatePattern('*-2')).count).toBe(KEYS.length);
    expect(await cache.clear()).toBe('applied');
    expect(await cache.clearNamespace()).toBe('applied');
    expect(errors).toEqual([]);
  });

  it('spreads the keys over all primaries, most of them with the ids they record', async () => {
    const engine = await start();
    await connected(engine);
    const connection = engine.connection()!;
    expect(new Set(KEYS.map((key) => connection.shardOf(`default:${key}`))).size).toBe(3);
    // Of sixteen parts of the slots two lie on both sides of a border between three nodes.
    expect(KEYS.filter((key) => isWhole(key, engine)).length).toBeGreaterThan(KEYS.length / 2);
  });

  const WRITERS: Record<string, (client: Redis, key: string) => Promise<unknown>> = {
    DEL: (client, key) => client.del(key),
    SET: (client, key) => client.set(key, 'foreign'),
    EXPIRE: (client, key) => client.pexpire(key, 1),
    RENAME: (client, key) => client.rename(key, `${key}:moved`),
    FLUSHALL: (client) => client.flushall(),
  };
  for (const [command, write] of Object.entries(WRITERS)) {
    it(`${command} on any primary by any client empties the memory of every process`, async () => {
      const fleet = await startFleet(2, { namespace, connection: lab.connection });
      for (const node of await lab.primaries()) {
        const [key] = keysOn(node, fleet[0]!, KEYS) as [string];
        for (const { defaultCache } of fleet) await inMemory(defaultCache, key, 'old');
        await write(node.client, `${namespace}:e:{default:${key}}`);
        for (const { defaultCache } of fleet) {
          await eventually(async () => (await defaultCache.getOrSet(key, () => 'new')) === 'new');
        }
      }
    });
  }

  it('starts without its cluster and uses it when it is there', async () => {
    for (const node of lab.nodes) node.proxy.apply({ type: 'refuse' });
    const engine = await startEngine({ namespace, connection: lab.connection, startTimeout: 100 });
    expect(await engine.defaultCache.getOrSet('k', () => 'loaded')).toBe('loaded');
    for (const node of lab.nodes) node.proxy.heal();
    await eventually(async () => (await engine.defaultCache.resolve('k2', () => 'v')).isStored, SLACK_MS);
  });

  it('moves slots under load without an error, and hears of changes on the new node', async () => {
    const [one, two] = (await startFleet(2, { namespace, connection: lab.connection })) as [CacheEngine, CacheEngine];
    const [from, to] = (await lab.primaries()) as [LabNode, LabNode, LabNode];
    for (const key of KEYS) await one.defaultCache.set(key, 'before');
    let isMoving = true;
    const failures: unknown[] = [];
    const load = (async () => {
      for (let round = 0; isMoving; round++) {
        const key = KEYS[round % KEYS.length]!;
        await one.defaultCache.getOrSet(key, () => 'loaded').catch((error: unknown) => failures.push(error));
        if ((await one.defaultCache.set(`w${round % 20}`, round)) !== 'applied') failures.push('set not applied');
        if ((await two.defaultCache.delete(`w${round % 20}`)) !== 'applied') failures.push('delete not applied');
      }
    })();
    await lab.moveSlots(from, to, 500);
    isMoving = false;
    await load;
    expect(failures).toEqual([]);
    for (const key of KEYS) {
      await inMemory(two.defaultCache, key, 'again');
      await one.defaultCache.delete(key);
      await eventually(async () => (await two.defaultCache.getOrSet(key, () => 'new')) === 'new');
    }
    await lab.moveSlots(to, from, 500);
  });
});

describe('a primary that is lost', () => {
  const FAULTS: Record<string, (node: LabNode) => Promise<void>> = {
    killed: (node) => node.kill(),
    frozen: (node) => node.pause(),
  };
  for (const [fault, apply] of Object.entries(FAULTS)) {
    it(`${fault}: the others serve on, from memory too, and its successor is used when it is elected`, async () => {
      const engine = await start();
      await trusted(engine);
      const cache = engine.defaultCache;
      const [lost, ...left] = (await lab.primaries()) as [LabNode, LabNode, LabNode];
      const lostKeys = keysOn(lost, engine, KEYS);
      const leftKeys = left.flatMap((node) => keysOn(node, engine, KEYS)).filter((key) => isWhole(key, engine));
      await Promise.all(KEYS.map((key) => inMemory(cache, key, 'value')));
      await apply(lost);
      await eventually(async () => {
        expect(await cache.getOrSet(lostKeys[0]!, () => 'loaded')).toBeDefined();
        return !engine.connectionStates()[0]!.isUp;
      });
      for (const key of leftKeys) {
        expect(await cache.resolve(key, () => 'never')).toMatchObject({ source: 'l1', value: 'value' });
        expect(await cache.set(key, 'written')).toBe('applied');
      }
      expect(await cache.delete(lostKeys[0]!)).toBe('queued');
      expect(await cache.clear()).toBe('queued');
      // Redis takes its node timeout and an election for this.
      await eventually(() => engine.connectionStates()[0]!.isUp, 20_000);
      await eventually(() => engine.connectionStates()[0]!.journaled === 0, SLACK_MS);
      for (const key of KEYS) expect(await cache.getOrSet(key, () => 'new')).toBe('new');
      await eventually(async () => (await cache.resolve(lostKeys[0]!, () => 'new')).isStored, SLACK_MS);
    });
  }

  it('killed: what it had invalidated and its replica never heard of stays invalidated', async () => {
    const engine = await start();
    await trusted(engine);
    const [lost] = (await lab.primaries()) as [LabNode];
    const keys = keysOn(lost, engine, KEYS);
    for (const key of keys) await engine.defaultCache.getOrSet(key, () => 'old');
    // A replica that has this has what was stored before it.
    await lost.client.set(`${namespace}:{default:${keys[0]}}`, '');
    expect(await lost.client.wait(1, SLACK_MS)).toBe(1);
    lost.proxy.apply({ type: 'black-hole' }, ['replica']);
    for (const key of keys) expect(await engine.defaultCache.delete(key)).toBe('applied');
    await lost.kill();
    // Redis takes its node timeout and an election for this.
    await eventually(() => !engine.connectionStates()[0]!.isUp);
    await eventually(() => engine.connectionStates()[0]!.isUp, 20_000);
    await eventually(() => engine.connectionStates()[0]!.journaled === 0, SLACK_MS);
    for (const key of keys) expect(await engine.defaultCache.getOrSet(key, () => 'new')).toBe('new');
  });

  it('planned: what was invalidated shortly before the failover stays invalidated', async () => {
    const [one, two] = (await startFleet(2, { namespace, connection: lab.connection })) as [CacheEngine, CacheEngine];
    const [primary] = (await lab.primaries()) as [LabNode];
    const keys = keysOn(primary, one, KEYS);
    for (const key of keys) await one.defaultCache.set(key, 'old');
    const moving = lab.failover(primary);
    for (const key of keys) expect(['applied', 'queued']).toContain(await one.defaultCache.delete(key));
    await moving;
    for (const { defaultCache } of [one, two]) {
      for (const key of keys) {
        await eventually(async () => (await defaultCache.getOrSet(key, () => 'new')) === 'new', SLACK_MS);
      }
    }
  });
});
