import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import { freePort } from '../scripts/servers.mjs';
import { gatedLoader, startEngine, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { holdReply } from './support/held-reply.js';

/** Promise 1, from the side of the process that invalidates: what it asks for afterwards never joins an older answer. */
describe('a process that has invalidated a tag', () => {
  const READS: Record<string, (cache: CacheService) => Promise<unknown>> = {
    get: (cache) => cache.get('k'),
    getOrSet: (cache) => cache.getOrSet('k', () => 'new'),
  };
  for (const [name, read] of Object.entries(READS)) {
    it(`is not answered by a ${name} that had read the old id before`, async () => {
      const [engine, other] = (await startFleet(2)) as [CacheEngine, CacheEngine];
      // Until the fill has been announced: it would part the reads below for another reason.
      await eventually(async () => {
        const { source } = await other.defaultCache.resolve('k', () => 'old', { tags: ['t'] });
        return source === 'l1';
      });
      await engine.connection()?.ping();
      // The entry comes, then the id of its tag is asked for; that reply is held up on its way to us.
      const held = holdReply(engine, 'get', 't:{u:t}');
      const before = read(engine.defaultCache);
      await eventually(() => held.isHeld());
      await engine.defaultCache.invalidateTags(['t']);
      const after = read(engine.defaultCache);
      await new Promise(setImmediate);
      held.release();
      expect(await before).toBe('old');
      expect(await after).not.toBe('old');
    });
  }

  const UNSTORED: Record<string, { isAway?: boolean; skips?: boolean }> = {
    'while Redis is away': { isAway: true },
    'that skips': { skips: true },
  };
  for (const [name, { isAway = false, skips = false }] of Object.entries(UNSTORED)) {
    it(`is not answered by a load ${name}, begun before, whose value has that tag`, async () => {
      const away = { connection: { port: await freePort() }, startTimeout: 50 };
      const { defaultCache: cache } = isAway ? await startEngine(away) : (await startFleet(1))[0]!;
      const tags = (): string[] => ['group'];
      const old = gatedLoader('old');
      const load = (context: { skip: () => void }): Promise<string> => {
        if (skips) context.skip();
        return old.load();
      };
      const before = cache.getOrSet('k', load, { tags });
      await eventually(() => old.runs() === 1);
      expect(await cache.invalidateTags(['group'])).toBe(isAway ? 'queued' : 'applied');
      const after = cache.getOrSet('k', () => 'new', { tags });
      await new Promise(setImmediate);
      old.open();
      expect(await before).toBe('old');
      expect(await after).toBe('new');
    });
  }
});
