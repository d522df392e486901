import { AsyncLocalStorage } from 'node:async_hooks';
import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { LoadContext } from '../libs/redis-cache/src/cache/entry-options.js';
import { LoaderTimeoutError, RecursiveLoadError } from '../libs/redis-cache/src/errors.js';
import { startRedis } from '../scripts/servers.mjs';
import { gatedLoader, startEngine, startFleet } from './support/engines.js';
import { eventually } from './support/eventually.js';

/** A loader that ends when the test says so, and keeps the signal it was given. */
function watchedLoader<T>(value: T) {
  const gate = gatedLoader(value);
  let signal: AbortSignal | undefined;
  return {
    ...gate,
    load: (context: LoadContext<T>) => {
      signal = context.signal;
      return gate.load();
    },
    isAborted: () => signal?.aborted === true,
  };
}

describe('hardTimeout', () => {
  it('gives the caller an error that says the key and the time', async () => {
    const { defaultCache: cache } = await startEngine();
    const slow = gatedLoader('late');
    const error: unknown = await cache.getOrSet('k', slow.load, { hardTimeout: 20 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LoaderTimeoutError);
    expect(error).toMatchObject({ code: 'LOADER_TIMEOUT', key: 'k', timeoutMs: 20 });
    slow.open();
  });

  it('does not stop the load: its value is stored for the next caller', async () => {
    const { defaultCache: cache } = await startEngine();
    const slow = gatedLoader('late');
    await expect(cache.getOrSet('k', slow.load, { hardTimeout: 20 })).rejects.toThrow(LoaderTimeoutError);
    slow.open();
    await eventually(async () => (await cache.get('k')) === 'late');
    expect(slow.runs()).toBe(1);
  });

  it('is each caller’s own: who is patient gets the value of the same load', async () => {
    const { defaultCache: cache } = await startEngine();
    const slow = gatedLoader('late');
    const patient = cache.getOrSet('k', slow.load);
    await expect(cache.getOrSet('k', slow.load, { hardTimeout: 20 })).rejects.toThrow(LoaderTimeoutError);
    slow.open();
    expect(await patient).toBe('late');
    expect(slow.runs()).toBe(1);
  });

  it('also ends the wait for a load of another process', async () => {
    const [loading, waiting] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    const slow = gatedLoader('late');
    const patient = loading.defaultCache.getOrSet('k', slow.load);
    await eventually(() => slow.runs() === 1);
    await expect(waiting.defaultCache.getOrSet('k', slow.load, { hardTimeout: 30 })).rejects.toThrow(
      LoaderTimeoutError,
    );
    slow.open();
    await patient;
    expect(slow.runs()).toBe(1);
  });

  it('is 30 seconds by default, and there is no way to wait for ever', async () => {
    const { defaultCache: cache } = await startEngine();
    await expect(cache.getOrSet('k', () => 1, { hardTimeout: 0 })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(cache.getOrSet('k', () => 1, { hardTimeout: Infinity })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });
});

describe('the signal of a loader', () => {
  it('fires when the last caller has given up, and not before', async () => {
    const { defaultCache: cache } = await startEngine();
    const slow = watchedLoader('late');
    const first = cache.getOrSet('k', slow.load, { hardTimeout: 20 });
    const second = cache.getOrSet('k', slow.load, { hardTimeout: 150 });
    await expect(first).rejects.toThrow(LoaderTimeoutError);
    expect(slow.isAborted()).toBe(false);
    await expect(second).rejects.toThrow(LoaderTimeoutError);
    expect(slow.isAborted()).toBe(true);
    slow.open();
  });

  it('lets a loader stop, after which the next caller loads afresh', async () => {
    const { defaultCache: cache } = await startEngine();
    const load = ({ signal }: LoadContext): Promise<string> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
    await expect(cache.getOrSet('k', load, { hardTimeout: 20 })).rejects.toThrow(LoaderTimeoutError);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  it('ends a background refresh that takes longer than hardTimeout', async () => {
    const { defaultCache: cache } = await startEngine();
    const options = { ttl: '1h', grace: '1h', hardTimeout: 30 } as const;
    await cache.set('k', 'old', options);
    await cache.expire('k');
    const slow = watchedLoader('late');
    expect(await cache.getOrSet('k', slow.load, options)).toBe('old');
    await eventually(() => slow.isAborted());
    slow.open();
  });
});

describe('an error of a loader', () => {
  it('reaches every caller of the load as it was thrown, and is not cached', async () => {
    const { defaultCache: cache } = await startEngine();
    class NoSuchUser extends Error {}
    const thrown = new NoSuchUser('42');
    let loads = 0;
    const load = async (): Promise<never> => {
      loads += 1;
      throw thrown;
    };
    const results = await Promise.allSettled([cache.getOrSet('k', load), cache.getOrSet('k', load)]);
    expect(results).toEqual([
      { status: 'rejected', reason: thrown },
      { status: 'rejected', reason: thrown },
    ]);
    expect(loads).toBe(1);
    expect(await cache.getOrSet('k', () => 'fine')).toBe('fine');
  });

  it.each(['text', undefined, null, 42])('passes even when it is no Error but %s', async (thrown) => {
    const { defaultCache: cache } = await startEngine();
    const load = (): never => {
      throw thrown;
    };
    expect(await cache.getOrSet('k', load).catch((reason: unknown) => ({ reason }))).toEqual({ reason: thrown });
  });

  it('does not keep other processes waiting', async () => {
    const [failing, waiting] = (await startFleet(2)) as [CacheEngine, CacheEngine];
    let fail = (): void => undefined;
    const gate = new Promise<never>((_resolve, reject) => (fail = () => reject(new Error('failed'))));
    let isLoading = false;
    const load = (): Promise<never> => {
      isLoading = true;
      return gate;
    };
    const first = failing.defaultCache.getOrSet('k', load);
    await eventually(() => isLoading);
    const second = waiting.defaultCache.getOrSet('k', () => 'fine', { hardTimeout: 1_500 });
    await eventually(() => waiting.defaultCache.stats.readMicros.count === 1);
    // Answered after the request for the lease, which follows the read: by now the second one waits.
    await waiting.connection()!.shardOf('default:k')!.client.ping();
    await waiting.connection()!.shardOf('default:k')!.client.ping();
    fail();
    await expect(first).rejects.toThrow('failed');
    // Sooner than the lease of two seconds would have run out.
    expect(await second).toBe('fine');
  });
});

describe('a loader that asks for its own key', () => {
  it('gets an error at once', async () => {
    const { defaultCache: cache } = await startEngine();
    const load = (): Promise<string> => cache.getOrSet('k', () => 'inner');
    await expect(cache.getOrSet('k', load)).rejects.toMatchObject({ code: 'RECURSIVE_LOAD', key: 'k' });
  });

  it('through other keys gets it too', async () => {
    const { defaultCache: cache } = await startEngine();
    const a = (): Promise<string> => cache.getOrSet('a', () => cache.getOrSet('b', a));
    await expect(a()).rejects.toThrow(RecursiveLoadError);
  });

  it('may ask for another key', async () => {
    const { defaultCache: cache } = await startEngine();
    expect(await cache.getOrSet('a', () => cache.getOrSet('b', () => 'inner'))).toBe('inner');
  });

  it('may ask for the same key of another cache', async () => {
    const outer = await startEngine();
    const inner = await startEngine();
    expect(await outer.defaultCache.getOrSet('k', () => inner.defaultCache.getOrSet('k', () => 'inner'))).toBe('inner');
  });

  it('is no longer in the way of what it left running', async () => {
    const { defaultCache: cache } = await startEngine();
    let askLater = (): Promise<string> => Promise.reject(new Error('not there yet'));
    await cache.getOrSet('k', () => {
      askLater = AsyncLocalStorage.bind(() => cache.getOrSet('k', () => 'reloaded'));
      return 'loaded';
    });
    await cache.delete('k');
    expect(await askLater()).toBe('reloaded');
  });
});

describe('closing', () => {
  it('while a value is loaded still gives it to who waits for it', async () => {
    const engine = await startEngine();
    const slow = gatedLoader('late');
    const waiting = engine.defaultCache.getOrSet('k', slow.load);
    await eventually(() => slow.runs() === 1);
    await engine.close();
    slow.open();
    expect(await waiting).toBe('late');
  });

  it('while a value is read leaves nothing unhandled, and asks the loader', async () => {
    const engine = await startEngine();
    const waiting = engine.defaultCache.getOrSet('k', () => 'loaded', { tags: ['a', 'b'] });
    await engine.close();
    expect(await waiting).toBe('loaded');
  });

  it('makes invalidations fail: nothing would carry them out any more', async () => {
    const engine = await startEngine();
    await engine.close();
    await expect(engine.defaultCache.delete('k')).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(engine.defaultCache.invalidateTags(['t'])).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('twice is as good as once', async () => {
    const engine = await startEngine();
    await engine.close();
    await engine.close();
  });
});

describe('without a Redis', () => {
  it('start gives up within its time and every call is answered by its loader', async () => {
    const redis = await startRedis();
    await redis.stop();
    const { defaultCache: cache } = await startEngine({ connection: { url: redis.url }, startTimeout: 50 });
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(await cache.lookup('other')).toEqual({ isHit: false, reason: 'unavailable' });
    expect(await cache.delete('k')).toBe('queued');
    await expect(cache.delete('k', { strict: true })).rejects.toMatchObject({ code: 'NOT_INVALIDATED', key: 'k' });
    expect(await cache.set('k', 'value')).toBe('queued');
  });

  it('strictStart refuses to start', async () => {
    const redis = await startRedis();
    await redis.stop();
    await expect(
      startEngine({ connection: { url: redis.url }, startTimeout: 50, strictStart: true }),
    ).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE', message: expect.stringContaining('strictStart') });
  });
});
