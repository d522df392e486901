import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { startStandalone } from './lab/standalone.mjs';
import { gatedLoader, inMemory, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { holdReply } from './support/held-reply.js';

let lab: Awaited<ReturnType<typeof startStandalone>>;

beforeEach(async () => {
  lab = await startStandalone({ proxied: false });
});
afterEach(() => lab.stop());

async function start(): Promise<CacheEngine> {
  const engine = await startEngine({ connection: lab.connection });
  await trusted(engine);
  return engine;
}

/** Redis goes on answering reads. */
async function letWrites(what: 'pass' | 'be refused'): Promise<void> {
  await lab.nodes[0]!.client.config('SET', 'min-replicas-to-write', what === 'pass' ? '0' : '1');
}

const journaled = (engine: CacheEngine): number => engine.connectionStates()[0]!.journaled;

/** Promise 5, from the side of the process that invalidated: it never uses what it has invalidated, whatever Redis says. */
describe('what is journaled is not believed', () => {
  const INVALIDATIONS: Record<string, (cache: CacheService) => Promise<unknown>> = {
    'its key': (cache) => cache.delete('k'),
    'one of its tags': (cache) => cache.invalidateTags(['t']),
    'its cache': (cache) => cache.clear(),
    'its namespace': (cache) => cache.clearNamespace(),
  };
  for (const [what, invalidate] of Object.entries(INVALIDATIONS)) {
    it(`an entry whose invalidation by ${what} Redis refuses is not answered, however often it is read`, async () => {
      const engine = await start();
      const cache = engine.defaultCache;
      await inMemory(cache, 'k', 'old', ['t']);
      await letWrites('be refused');
      expect(await invalidate(cache)).toBe('queued');
      for (let read = 0; read < 5; read++) {
        expect(await cache.get('k')).toBeUndefined();
        await new Promise(setImmediate);
      }
      await letWrites('pass');
      await eventually(() => journaled(engine) === 0);
      expect(await cache.getOrSet('k', () => 'new', { tags: ['t'] })).toBe('new');
    });
  }

  it('an entry that was read before the invalidation was carried out, and comes after it, is not answered', async () => {
    const engine = await start();
    const cache = engine.defaultCache;
    await cache.set('k', 'old');
    await letWrites('be refused');
    expect(await cache.delete('k')).toBe('queued');
    const held = holdReply(engine, 'get', 'e:{default:k}');
    const answer = cache.get('k');
    await eventually(() => held.isHeld());
    await letWrites('pass');
    await eventually(() => journaled(engine) === 0);
    held.release();
    expect(await answer).toBeUndefined();
  });

  it('a value loaded while Redis is away is not kept when one of the tags it tells was invalidated meanwhile', async () => {
    const engine = await start();
    const cache = engine.defaultCache;
    const tags = (): string[] => ['t'];
    await lab.nodes[0]!.kill();
    await eventually(() => !engine.connectionStates()[0]!.isUp);
    const old = gatedLoader('old');
    const waiting = cache.getOrSet('k', old.load, { tags });
    await eventually(() => old.runs() === 1);
    expect(await cache.invalidateTags(['t'])).toBe('queued');
    old.open();
    expect(await waiting).toBe('old');
    expect(await cache.getOrSet('k', () => 'new', { tags })).toBe('new');
  });
});
