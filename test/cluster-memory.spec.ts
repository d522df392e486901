import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { cacheTag, copiesOf, copyIndexOf, NAMESPACE_TAG } from '../libs/redis-cache/src/redis/keyspace.js';
import { slotOf } from '../libs/redis-cache/src/redis/slots.js';
import { startCluster } from './lab/cluster.mjs';
import type { LabNode } from './lab/lab-node.mjs';
import { gatedLoader, inMemory, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

jest.setTimeout(60_000);

/** The least there is: trust in a silent link then ends well before the link counts as lost. */
const MAX_STALENESS_MS = 750;
/** Below the time after which a link that does not answer counts as lost. */
const LATE_MS = 400;

let lab: Awaited<ReturnType<typeof startCluster>>;
let namespace: string;

beforeAll(async () => {
  lab = await startCluster();
});
afterAll(() => lab.stop());
beforeEach(() => {
  namespace = uniqueNamespace();
});
afterEach(() => {
  for (const { proxy } of lab.nodes) proxy.heal();
});

async function start(): Promise<CacheEngine> {
  const engine = await startEngine({ namespace, connection: lab.connection, maxStaleness: MAX_STALENESS_MS });
  await trusted(engine);
  return engine;
}

const portOf = (engine: CacheEngine, slotKey: string) => engine.connection()!.shardOf(slotKey)?.node?.port;

/** A key whose ids of cache and namespace are on its own node, and a tag that is on another one. */
function apart(engine: CacheEngine): { key: string; tag: string; tagOwner: LabNode } {
  const names = Array.from({ length: 1000 }, (_, index) => `n${index}`);
  const key = names.find((name) => {
    const copies = [NAMESPACE_TAG, cacheTag('default')].map((tag) => copiesOf(tag)[copyIndexOf(`default:${name}`)]!);
    return copies.every((copy) => portOf(engine, copy) === portOf(engine, `default:${name}`));
  })!;
  const tag = names.find((name) => portOf(engine, `u:${name}`) !== portOf(engine, `default:${key}`))!;
  const tagOwner = lab.nodes.find(({ proxy }) => proxy.port === portOf(engine, `u:${tag}`))!;
  return { key, tag, tagOwner };
}

/** Promise 2 where an entry, its tags and the link that tells of them are on several nodes. */
describe('the memory of a process in a cluster', () => {
  it('stops answering for an entry when the node of one of its tags is not heard of', async () => {
    const engine = await start();
    const { key, tag, tagOwner } = apart(engine);
    await inMemory(engine.defaultCache, key, 'old', [tag]);
    tagOwner.proxy.apply({ type: 'black-hole' }, ['link']);
    expect(await tagOwner.client.del(`${namespace}:t:{u:${tag}}`)).toBe(1);
    const { nodes } = engine.connectionStates()[0]!;
    const index = nodes.findIndex(({ address }) => address.endsWith(`:${tagOwner.proxy.port}`));
    await eventually(() => engine.connectionStates()[0]!.nodes[index]!.link !== 'trusted');
    expect(await engine.defaultCache.getOrSet(key, () => 'new', { tags: [tag] })).toBe('new');
  });

  it('keeps no value whose tags were told by it and invalidated on a node that announces late', async () => {
    const [far, near] = [await start(), await start()];
    const { key, tag, tagOwner } = apart(far);
    const old = gatedLoader('old');
    const loading = far.defaultCache.getOrSet(key, old.load, { tags: () => [tag] });
    await eventually(() => old.runs() === 1);
    tagOwner.proxy.apply({ type: 'latency', ms: LATE_MS }, ['link']);
    await near.defaultCache.invalidateTags([tag]);
    old.open();
    await loading;
    expect(await near.defaultCache.get(key)).toBeUndefined();
  });

  it('forgets what it read of a slot once the slot has another owner', async () => {
    const engine = await start();
    const cache = engine.defaultCache;
    const slot = slotOf('default:k');
    const [from, to, third] = await inOrder(slot);
    await cache.getOrSet('k', () => 'old');
    const [fromId, toId] = await Promise.all([from, to].map(({ client }) => client.cluster('MYID')));
    await to.client.cluster('SETSLOT', slot, 'IMPORTING', fromId!);
    await from.client.cluster('SETSLOT', slot, 'MIGRATING', toId!);
    await from.client.migrate('127.0.0.1', to.serverPort, `${namespace}:e:{default:k}`, 0, 5000);
    // Its old owner still sends who asks to the new one.
    await inMemory(cache, 'k', 'old');
    for (const { client } of [to, from, third]) await client.cluster('SETSLOT', slot, 'NODE', toId!);
    // What else is in the slot is asked for, so that the move becomes known.
    await cache.get(siblingOf('k'));
    expect(await cache.resolve('k', () => 'new')).toMatchObject({ source: 'l2', value: 'old' });
  });
});

/** The primary that has a slot, and the others. */
async function inOrder(slot: number): Promise<[LabNode, LabNode, LabNode]> {
  const owner = await lab.nodeOfSlot(slot);
  const others = (await lab.primaries()).filter((node) => node !== owner);
  return [owner, ...others] as [LabNode, LabNode, LabNode];
}

/** Another key in the slot of a key. */
function siblingOf(key: string): string {
  for (let index = 0; ; index++) {
    if (slotOf(`default:s${index}`) === slotOf(`default:${key}`)) return `s${index}`;
  }
}
