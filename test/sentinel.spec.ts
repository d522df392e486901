import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { LabNode } from './lab/lab-node.mjs';
import { startSentinel } from './lab/sentinel.mjs';
import { inMemory, startEngine, startFleet, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

jest.setTimeout(60_000);
/** The slack of a test on a busy machine; what the sentinels need to agree comes on top. */
const SLACK_MS = 8_000;
/** One second until a primary counts as down, an election, and a failover, on a busy machine. */
const FAILOVER_MS = 20_000;
const KEYS = Array.from({ length: 30 }, (_, index) => `k${index}`);

let lab: Awaited<ReturnType<typeof startSentinel>>;
let namespace: string;

beforeEach(async () => {
  lab = await startSentinel({ helloMs: 500 });
  namespace = uniqueNamespace();
});
afterEach(() => lab.stop());

const isUp = (engine: CacheEngine): boolean => engine.connectionStates()[0]!.isUp;

describe('under sentinels', () => {
  const FAULTS: Record<string, (primary: LabNode) => Promise<void>> = {
    killed: (primary) => primary.kill(),
    frozen: (primary) => primary.pause(),
  };
  for (const [fault, apply] of Object.entries(FAULTS)) {
    it(`a primary that is ${fault} is replaced, and nothing invalidated meanwhile or shortly before comes back`, async () => {
      const [one, two] = (await startFleet(2, { namespace, connection: lab.connection })) as [CacheEngine, CacheEngine];
      const cache = one.defaultCache;
      await cache.setMany(KEYS.map((key) => [key, 'old'] as const));
      for (const key of KEYS) await inMemory(two.defaultCache, key, 'old');
      const [primary] = (await lab.primaries()) as [LabNode];
      const [before, during] = [KEYS.slice(0, 10), KEYS.slice(10, 20)];
      // What the primary acknowledges from here on its replica never hears of.
      primary.proxy.apply({ type: 'black-hole' }, ['replica']);
      for (const key of before) expect(await cache.delete(key)).toBe('applied');
      await apply(primary);
      await eventually(async () => {
        expect(await cache.getOrSet('any', () => 'loaded')).toBe('loaded');
        return !isUp(one);
      });
      for (const key of during) expect(await cache.delete(key)).toBe('queued');
      await eventually(() => isUp(one) && isUp(two), FAILOVER_MS);
      const [successor] = (await lab.primaries()) as [LabNode];
      expect(successor).not.toBe(primary);
      for (const key of [...before, ...during]) expect(await cache.getOrSet(key, () => 'new')).toBe('new');
      for (const key of [...before, ...during]) {
        await eventually(async () => (await two.defaultCache.getOrSet(key, () => 'new')) === 'new');
      }
      expect((await cache.resolve('stored again', () => 1)).isStored).toBe(true);
      await Promise.all([one, two].map(trusted));
    });
  }

  it('a planned failover is noticed at once, not when the old primary has stepped down', async () => {
    const [one, two] = (await startFleet(2, { namespace, connection: lab.connection })) as [CacheEngine, CacheEngine];
    await one.defaultCache.setMany(KEYS.map((key) => [key, 'old'] as const));
    const reasons: string[] = [];
    one.events.on('breaker', ({ reason }) => reasons.push(reason));
    const failing = lab.failover();
    const statuses: string[] = [];
    for (const key of KEYS) statuses.push(await one.defaultCache.delete(key));
    await failing;
    await eventually(() => reasons.includes('the sentinels switched the primary'), SLACK_MS);
    await eventually(() => isUp(one) && isUp(two), SLACK_MS);
    const [primary] = (await lab.primaries()) as [LabNode];
    expect(await primary.client.exists(`${namespace}:e:{default:k0}`)).toBe(0);
    for (const { defaultCache } of [one, two]) {
      for (const key of KEYS) expect(await defaultCache.getOrSet(key, () => 'new')).toBe('new');
    }
  });

  it('connects while the sentinel that is named first is frozen', async () => {
    await lab.sentinels[0]!.pause();
    const engine = await startEngine({ namespace, connection: lab.connection, startTimeout: SLACK_MS });
    expect(isUp(engine)).toBe(true);
    await lab.sentinels[0]!.resume();
  });

  it('goes on without any sentinel, and finds them again', async () => {
    const engine = await startEngine({ namespace, connection: lab.connection });
    await trusted(engine);
    for (const sentinel of lab.sentinels) await sentinel.kill();
    expect((await engine.defaultCache.resolve('k', () => 1)).isStored).toBe(true);
    for (const sentinel of lab.sentinels) await sentinel.start();
    await lab.failover();
    await eventually(async () => (await engine.defaultCache.resolve('k2', () => 1)).isStored, FAILOVER_MS);
  });
});
