import type { Redis } from 'ioredis';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { ConnectionKind } from './lab/connection-kind.mjs';
import { type RedisServer, startRedis } from '../scripts/servers.mjs';
import { connected, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';
import { startSwitchboard, type Switchboard } from './support/switchboard.js';

let ours: RedisServer;
let other: RedisServer;
let board: Switchboard;

beforeEach(async () => {
  [ours, other] = await Promise.all([startRedis(), startRedis()]);
  board = await startSwitchboard(ours.port);
});
afterEach(async () => {
  await board.stop();
  await Promise.all([ours.stop(), other.stop()]);
});

function start(startTimeout: number): Promise<CacheEngine> {
  // Only what is tested ends a connection or a wait.
  const connection = { url: board.url, commandTimeout: '10s', socketTimeout: '20s' } as const;
  return startEngine({ connection, startTimeout, namespace: uniqueNamespace() });
}

/** Whether a connection of that kind was led to the other server and closed again. */
const hasLeft = (kind: ConnectionKind): boolean => board.led(kind, other.port).some(({ isOpen }) => !isOpen);

const stateOf = (engine: CacheEngine) => engine.connectionStates()[0]!;

/** In a failover one connection may still be led to the old primary and the next one to the new. */
describe('while not all connections lead to the same server', () => {
  it('Redis is not used', async () => {
    board.lead('control', other.port);
    const engine = await start(500);
    await eventually(() => hasLeft('control') || stateOf(engine).isUp);
    expect(stateOf(engine).isUp).toBe(false);
    expect(await engine.defaultCache.set('k', 'v')).toBe('queued');
    board.lead('control', ours.port);
    await connected(engine);
    expect((await engine.defaultCache.resolve('k2', () => 'v')).isStored).toBe(true);
  });

  it('an invalidation is queued, not carried out on the other one', async () => {
    const engine = await start(5000);
    await engine.defaultCache.set('k', 'old');
    board.lead('control', other.port);
    board.cut('control');
    await eventually(() => board.led('control', other.port).some(({ isIntroduced }) => isIntroduced));
    const statuses = new Set<string>();
    await eventually(async () => {
      statuses.add(await engine.defaultCache.delete('k'));
      return hasLeft('control') || statuses.has('applied');
    });
    expect([...statuses]).toEqual(['queued']);
    board.lead('control', ours.port);
    await connected(engine);
    expect(await engine.defaultCache.get('k')).toBeUndefined();
  });

  it('memory does not answer by what the other one announces', async () => {
    const engine = await start(5000);
    await trusted(engine);
    board.lead('link', other.port);
    board.cut('link');
    await eventually(() => stateOf(engine).link !== 'trusted');
    await eventually(() => hasLeft('link') || stateOf(engine).link === 'trusted');
    expect(stateOf(engine).link).toBe('off');
    board.lead('link', ours.port);
    await trusted(engine);
  });

  it('a further connection for reads that leads to the other one is closed before its first read', async () => {
    const engine = await start(5000);
    const cache = engine.defaultCache;
    await cache.set('k', 'v');
    board.lead('data', other.port);
    // Holds up the connection there is, so that another one opens.
    void (engine.connection()!.client as Redis).blpop('nothing', 0).catch(() => undefined);
    const answers = new Set<string>();
    await eventually(() => {
      void cache
        .lookup('k', { consistency: 'strong' })
        .then((found) => answers.add(found.isHit ? 'hit' : found.reason));
      return hasLeft('data') || answers.size > 0;
    });
    expect([...answers]).toEqual([]);
  });
});
