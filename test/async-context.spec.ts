import { AsyncLocalStorage } from 'node:async_hooks';
import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import { gatedLoader, inMemory, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';

const KEYS = ['a', 'b', 'c', 'd'];
const request = new AsyncLocalStorage<string>();

/** A cache that knows the ids of its tags: what several callers ask for at once comes with one reply. */
async function readyCache(): Promise<CacheService> {
  const engine = await startEngine();
  await trusted(engine);
  await inMemory(engine.defaultCache, 'probe', 1);
  return engine.defaultCache;
}

/** Asks for every key at once, each within a request of its own; says within which request each was loaded. */
async function loadedWithin(ask: (key: string, load: () => string) => Promise<unknown>): Promise<object> {
  const within: Record<string, string | undefined> = {};
  const asked = KEYS.map((key) =>
    request.run(`request of ${key}`, () =>
      ask(key, () => {
        within[key] = request.getStore();
        return 'new';
      }),
    ),
  );
  await Promise.all(asked);
  await eventually(() => KEYS.every((key) => key in within));
  return within;
}

const THEIR_OWN = Object.fromEntries(KEYS.map((key) => [key, `request of ${key}`]));

/** Applications keep the tenant or the user of a request there: a loader that saw another one would store it for all. */
describe('a loader runs in the async context of its caller', () => {
  it('when others miss at the same time', async () => {
    const cache = await readyCache();
    expect(await loadedWithin((key, load) => cache.getOrSet(key, load))).toEqual(THEIR_OWN);
  });

  it('without Redis', async () => {
    const { defaultCache: cache } = await startEngine({ connection: false });
    expect(await loadedWithin((key, load) => cache.getOrSet(key, load))).toEqual(THEIR_OWN);
  });

  it.each(['wait', 'background'] as const)(
    'when others find something stale at the same time (%s)',
    async (refresh) => {
      const cache = await readyCache();
      for (const key of KEYS) {
        await cache.set(key, 'old', { grace: '1h' });
        await cache.expire(key);
      }
      const options = { grace: '1h', refresh } as const;
      expect(await loadedWithin((key, load) => cache.getOrSet(key, load, options))).toEqual(THEIR_OWN);
    },
  );

  it('when others ask for many at the same time', async () => {
    const cache = await readyCache();
    const ask = (key: string, load: () => string): Promise<unknown> =>
      cache.getOrSetMany([`${key}:1`, `${key}:2`], (missing) => new Map(missing.map((each) => [each, load()])));
    expect(await loadedWithin(ask)).toEqual(THEIR_OWN);
  });

  it('when it has to ask again, because a tag was invalidated while somebody else loaded', async () => {
    const cache = await readyCache();
    const tags = (): string[] => ['group'];
    const old = gatedLoader('old');
    const before = request.run('the first request', () => cache.getOrSet('k', old.load, { tags }));
    await eventually(() => old.runs() === 1);
    await cache.invalidateTags(['group']);
    let within: string | undefined;
    const load = (): string => {
      within = request.getStore();
      return 'new';
    };
    const after = request.run('the second request', () => cache.getOrSet('k', load, { tags }));
    await new Promise(setImmediate);
    old.open();
    expect(await before).toBe('old');
    expect(await after).toBe('new');
    expect(within).toBe('the second request');
  });

  it('and may wait for the load of a stranger whose reply came with its own', async () => {
    const cache = await readyCache();
    const other = gatedLoader('other');
    const askForOther = (): Promise<string> => cache.getOrSet('other', other.load);
    // Asked for by the loader of "stranger" and, at the same time, by somebody who is not within it.
    const askOutside = AsyncLocalStorage.bind(() =>
      cache.getOrSet('mine', () => cache.getOrSet('stranger', () => 'no')),
    );
    let mine: Promise<string> | undefined;
    const stranger = cache.getOrSet('stranger', async () => {
      const asked = askForOther();
      mine = askOutside();
      await asked;
      return 'stranger';
    });
    await eventually(() => other.runs() === 1);
    other.open();
    expect(await stranger).toBe('stranger');
    expect(await mine).toBe('stranger');
  });
});
