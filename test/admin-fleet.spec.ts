import { setTimeout as sleep } from 'node:timers/promises';
import { countMatching, countTagged } from '../libs/redis-cache/src/admin/entry-count.js';
import { Fleet } from '../libs/redis-cache/src/admin/fleet.js';
import { type KeyPage, keyPage } from '../libs/redis-cache/src/admin/key-pages.js';
import { sampleTags } from '../libs/redis-cache/src/admin/tag-sample.js';
import { CacheDoctor } from '../libs/redis-cache/src/ops/doctor.js';
import { eventCountsOf } from '../libs/redis-cache/src/ops/event-counts.js';
import { foreignClient, startFleet } from './support/engines.js';

type Engine = Awaited<ReturnType<typeof startFleet>>[number];

describe('what the admin page learns from Redis', () => {
  it('is what every process counted, and one secret for all', async () => {
    const engines = await startFleet(3);
    const fleets = engines.map((engine) => new Fleet(engine, eventCountsOf(engine)));
    for (const [index, { defaultCache }] of engines.entries()) {
      for (let count = 0; count <= index; count += 1) await defaultCache.get(`missing:${count}`);
    }
    for (const fleet of [...fleets, ...fleets]) await fleet.exchange();
    for (const fleet of fleets) {
      expect(fleet.isWhole).toBe(true);
      expect(fleet.reports[0]?.id).toBe(fleet.id);
      expect(fleet.reports.map(({ caches }) => caches.default?.misses).sort()).toEqual([1, 2, 3]);
    }
    expect(new Set(fleets.map(({ secret }) => secret)).size).toBe(1);
  });

  it('leaves out what is no report, and processes that are gone', async () => {
    const [engine] = (await startFleet(1)) as [Engine];
    const fleet = new Fleet(engine, eventCountsOf(engine));
    const client = foreignClient();
    const index = `${engine.namespace}:i:{fleet}`;
    const own = { connections: [], holds: [], sessions: {} };
    const wrong = [
      { ...own, id: 'a', caches: { default: { requests: '<b>' } } },
      { ...own, id: 'b', caches: null },
      { ...own, id: 'c', caches: {}, sessions: null },
      { ...own, id: 'd', caches: {}, connections: [null] },
      { ...own, id: 'f', caches: {}, holds: [{ state: '<b>' }] },
      { ...own, id: 'e', caches: {}, sessions: { read: '<b>' } },
      null,
      'text',
    ].map((report) => JSON.stringify(report));
    const soonMs = Date.now() + 60_000;
    for (const [number, report] of [...wrong, '{'].entries()) {
      await client.zadd(index, soonMs, `wrong-${number}`);
      await client.set(`${index}:wrong-${number}`, report);
    }
    await client.zadd(index, soonMs, 'gone', 1, 'old');
    await client.set(`${index}:old`, '{}');
    await fleet.exchange();
    expect(fleet.reports.map(({ id }) => id)).toEqual([fleet.id]);
    expect(await client.zscore(index, 'old')).toBeNull();
    expect(await client.pttl(index)).toBeGreaterThan(0);
    expect(await client.pttl(`${index}:${fleet.id}`)).toBeGreaterThan(0);
  });

  it('is how many entries there are, on all nodes, without the leases', async () => {
    const [engine] = (await startFleet(1)) as [Engine];
    const cache = engine.defaultCache;
    for (let id = 0; id < 40; id += 1) await cache.set(`user:${id}`, id, { tags: id % 4 === 0 ? ['fourth'] : [] });
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const loading = cache.getOrSet('user:loading', () => gate);
    expect(await countMatching(engine, cache, 'user:*')).toMatchObject({ entries: 40, isEstimate: false });
    expect(await countMatching(engine, cache, 'user:?')).toMatchObject({ entries: 10, isEstimate: false });
    expect(await countMatching(engine, cache, '*')).toMatchObject({ entries: 40, isEstimate: true });
    expect(await countTagged(engine, 'default', 'fourth')).toMatchObject({ entries: 10, isEstimate: true });
    expect(await countTagged(engine, 'default', undefined)).toMatchObject({ entries: 40, isEstimate: true });
    open();
    await loading;
  });

  it('is every key once, over all pages and nodes', async () => {
    const [engine] = (await startFleet(1)) as [Engine];
    const cache = engine.defaultCache;
    for (let id = 0; id < 60; id += 1) await cache.set(`user:${id}`, id);
    const found: string[] = [];
    let after: string | undefined = '';
    while (after !== undefined) {
      const page: KeyPage | undefined = await keyPage(engine, cache, 'user:*', after);
      found.push(...(page?.keys ?? []));
      after = page?.next;
    }
    expect(new Set(found).size).toBe(60);
  });

  it('is which tags entries have, on all nodes', async () => {
    const [engine] = (await startFleet(1)) as [Engine];
    for (let id = 0; id < 20; id += 1) await engine.defaultCache.set(`user:${id}`, id, { tags: ['all', `own:${id}`] });
    const sample = await sampleTags(engine, engine.connection() as NonNullable<ReturnType<Engine['connection']>>);
    expect(sample).toMatchObject({ sampled: 20, isWhole: true });
    expect(sample?.tags).toHaveLength(21);
    expect(sample?.tags[0]).toEqual({ tag: 'all', id: expect.any(String), entries: 20, valid: 20 });
  });

  it('is what all are ordered to bypass, until that is over or ended', async () => {
    const engines = await startFleet(2);
    const [one, two] = engines.map((engine) => new Fleet(engine, eventCountsOf(engine))) as [Fleet, Fleet];
    expect(await one.order('users', 60_000)).toBe(true);
    expect(await one.order('short', 1)).toBe(true);
    expect(await two.order('prices', 30_000)).toBe(true);
    // A quick machine gets here before the shortest one is over.
    await sleep(10);
    const orders = await two.exchange();
    expect([...(orders ?? [])].map(([cache]) => cache).sort()).toEqual(['prices', 'users']);
    expect(orders?.get('users')).toBeGreaterThan(50_000);
    expect(orders?.get('users')).toBeLessThanOrEqual(60_000);
    await two.order('users', 0);
    expect([...((await one.exchange()) ?? [])].map(([cache]) => cache)).toEqual(['prices']);
    await one.order('prices', 0);
    expect(await foreignClient().exists(`${engines[0]?.namespace}:i:{fleet}:orders`)).toBe(0);
  });

  it('is an entry explained, wherever it is', async () => {
    const [engine] = (await startFleet(1)) as [Engine];
    for (let id = 0; id < 10; id += 1) {
      await engine.defaultCache.set(`user:${id}`, id, { tags: [`own:${id}`] });
      const { decision, redis } = await engine.defaultCache.inspect(`user:${id}`);
      expect([decision, redis?.tags.every(({ isCurrent }) => isCurrent)]).toEqual(['fresh', true]);
    }
  });

  it('is what the doctor finds on each node', async () => {
    const [engine] = (await startFleet(1)) as [Engine];
    const { findings, servers } = await new CacheDoctor(engine).examine();
    expect(findings.filter(({ level }) => level === 'error' || level === 'warning')).toEqual([]);
    expect(servers.map(({ node }) => node)).toEqual(engine.connection()?.shards.map(({ address }) => address));
    for (const server of servers) expect(server).toMatchObject({ version: expect.stringMatching(/^\d/) });
  });
});
