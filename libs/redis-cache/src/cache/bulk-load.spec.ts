import { AsyncLocalStorage } from 'node:async_hooks';
import { BulkLoad } from './bulk-load.js';
import type { LoadContext } from './entry-options.js';

const context = { signal: new AbortController().signal } as LoadContext;

describe('a bulk load', () => {
  it('runs in the async context of who asks for it, whoever decides the last key', async () => {
    const request = new AsyncLocalStorage<string>();
    let within: string | undefined;
    const bulk = new BulkLoad(['missing', 'present'], (missing) => {
      within = request.getStore();
      return new Map(missing.map((key) => [key, 'loaded']));
    });
    const loaded = request.run('the caller', () => bulk.load(0, context));
    request.run('somebody else', () => {
      bulk.arrived(1, 'stored');
    });
    bulk.arrived(0, await loaded);
    await bulk.done;
    expect(bulk.values).toEqual(['loaded', 'stored']);
    expect(within).toBe('the caller');
  });

  it('is asked again for a key that has to be loaded after all', async () => {
    const asked: string[][] = [];
    const bulk = new BulkLoad(['a', 'b'], (missing: readonly string[]) => {
      asked.push([...missing]);
      return new Map(missing.map((key) => [key, `${key}!`]));
    });
    bulk.waits(1);
    expect(await bulk.load(0, context)).toBe('a!');
    expect(await bulk.load(1, context)).toBe('b!');
    expect(asked).toEqual([['a'], ['b']]);
  });

  it('of no keys is done', async () => {
    await expect(new BulkLoad([], () => new Map()).done).resolves.toBeUndefined();
  });
});
