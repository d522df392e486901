import type { Entry, Grounds } from './entry.js';
import { MemoryTier } from './memory-tier.js';

function entry({ bytes = 100, ...grounds }: Partial<Grounds> & { bytes?: number } = {}): Entry {
  return { bytes, grounds: { isOutage: false, ids: [], ...grounds } } as unknown as Entry;
}

describe('the memory tier', () => {
  let evicted: string[];
  const tier = (limits: { maxEntries?: number; maxBytes?: number } = {}): MemoryTier => {
    evicted = [];
    return new MemoryTier({ maxEntries: 3, maxBytes: 1_000_000, ...limits }, (key) => evicted.push(key));
  };

  it('keeps as many entries as it may, dropping the least recently used', () => {
    const memory = tier();
    for (const key of ['a', 'b', 'c']) memory.set(key, entry());
    memory.get('a');
    memory.set('d', entry());
    expect([...memory.keys()].sort()).toEqual(['a', 'c', 'd']);
    expect(evicted).toEqual(['b']);
  });

  it('keeps as many bytes as it may, and nothing that is larger than all', () => {
    const memory = tier({ maxEntries: 100, maxBytes: 10_000 });
    for (let id = 0; id < 20; id++) memory.set(`k${id}`, entry({ bytes: 1_000 }));
    expect(memory.bytes).toBeLessThanOrEqual(10_000);
    expect(memory.size).toBeGreaterThan(1);
    memory.set('huge', entry({ bytes: 10_000 }));
    expect(memory.get('huge')).toBeUndefined();
    expect(memory.size).toBeGreaterThan(1);
  });

  it('calls only what it had to drop an eviction', () => {
    const memory = tier();
    memory.set('a', entry());
    memory.set('a', entry());
    memory.delete('a');
    memory.set('b', entry());
    memory.deleteWhere(() => true);
    expect(evicted).toEqual([]);
    expect([memory.size, memory.bytes]).toEqual([0, 0]);
  });

  it('drops entries of an outage by tag, whatever happened to others of them', () => {
    const memory = tier();
    const tagged = (tag: string, isOutage = true): Entry => entry({ isOutage, ids: [{ tag, id: '' }] });
    memory.set('a', tagged('u:t'));
    memory.set('a', tagged('u:t'));
    memory.set('b', tagged('u:t', false));
    memory.set('c', tagged('u:other'));
    memory.delete('c');
    memory.set('c', tagged('u:other'));
    memory.deleteOutageEntries('u:t');
    expect([...memory.keys()].sort()).toEqual(['b', 'c']);
    memory.deleteOutageEntries('u:other');
    expect([...memory.keys()]).toEqual(['b']);
  });
});
