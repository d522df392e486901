import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { type Clock, systemClock } from '../libs/redis-cache/src/time.js';
import { startStandalone } from './lab/standalone.mjs';
import { connected, startEngine } from './support/engines.js';
import { eventually } from './support/eventually.js';

jest.setTimeout(30_000);

const OUTAGE_MS = 61_000;

let lab: Awaited<ReturnType<typeof startStandalone>>;

beforeEach(async () => {
  const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
  lab = await startStandalone({ persistent: true, proxied: false, args });
});
afterEach(() => lab.stop());

/** An engine on a server that has stored `old` under `k`, and acknowledges what it will not remember from now on. */
async function startForgetful(clock?: Clock): Promise<CacheEngine> {
  const engine = await startEngine({ connection: lab.connection }, clock);
  await connected(engine);
  await engine.defaultCache.getOrSet('k', () => 'old', { tags: ['t'] });
  await lab.nodes[0]!.client.config('SET', 'appendonly', 'no');
  return engine;
}

/** The server dies and comes back, after `meanwhile`, with what it had written to its append-only file. */
async function loseWrites(engine: CacheEngine, meanwhile = (): void => undefined): Promise<void> {
  await lab.nodes[0]!.kill();
  await eventually(() => !engine.connectionStates()[0]!.isUp);
  meanwhile();
  await lab.nodes[0]!.start();
  await connected(engine);
}

/** Promise 5: what a server acknowledged and lost, as the next one does in a failover, is done again before it is believed. */
describe('a server that comes back without its last writes', () => {
  const WRITES: Record<string, (cache: CacheService) => Promise<unknown>> = {
    'a deleted key': (cache) => cache.delete('k'),
    'an invalidated tag': (cache) => cache.invalidateTags(['t']),
    'an invalidated pattern': (cache) => cache.invalidatePattern('k*'),
    'a value that was set': (cache) => cache.set('k', 'new'),
    'a value that was put': (cache) => cache.put('k', () => 'new'),
  };
  for (const [what, write] of Object.entries(WRITES)) {
    it(`${what}: the entry from before it is gone`, async () => {
      const engine = await startForgetful();
      await write(engine.defaultCache);
      await loseWrites(engine);
      expect(await engine.defaultCache.get('k')).toBeUndefined();
    });
  }

  it('more than a minute later: what was invalidated shortly before its end is gone', async () => {
    let passedMs = 0;
    const engine = await startForgetful({ ...systemClock, nowMs: () => systemClock.nowMs() + passedMs });
    expect(await engine.defaultCache.delete('k')).toBe('applied');
    await loseWrites(engine, () => (passedMs = OUTAGE_MS));
    expect(await engine.defaultCache.get('k')).toBeUndefined();
  });
});
