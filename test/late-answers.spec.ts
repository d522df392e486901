import type { CacheEngine } from '../libs/redis-cache/src/cache/engine.js';
import type { CacheService } from '../libs/redis-cache/src/cache/cache.service.js';
import { systemClock } from '../libs/redis-cache/src/time.js';
import { startStandalone } from './lab/standalone.mjs';
import { gatedLoader, inMemory, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { holdReply } from './support/held-reply.js';
import { uniqueNamespace } from './support/servers.js';

/** Below the time after which a link that does not answer counts as lost. */
const LATE_MS = 400;

let lab: Awaited<ReturnType<typeof startStandalone>>;
let namespace: string;

beforeEach(async () => {
  lab = await startStandalone();
  namespace = uniqueNamespace();
});
afterEach(() => lab.stop());

/** A process with faults on its way to Redis, and one without. */
async function startPair(): Promise<[far: CacheEngine, near: CacheEngine]> {
  const near = await startEngine({ namespace, connection: { url: lab.nodes[0]!.url } });
  return [await startEngine({ namespace, connection: lab.connection }), near];
}

describe('an announcement that is late', () => {
  it('keeps a value from being stored that one of the tags it tells was invalidated for', async () => {
    const [far, near] = await startPair();
    await Promise.all([far, near].map(trusted));
    const old = gatedLoader('old');
    const loading = far.defaultCache.getOrSet('k', old.load, { tags: () => ['t'] });
    await eventually(() => old.runs() === 1);
    lab.nodes[0]!.proxy.apply({ type: 'latency', ms: LATE_MS }, ['link']);
    await near.defaultCache.invalidateTags(['t']);
    old.open();
    await loading;
    expect(await near.defaultCache.get('k')).toBeUndefined();
  });

  it('drops what is set meanwhile, and brings nothing back', async () => {
    const [far, near] = await startPair();
    await trusted(far);
    await inMemory(far.defaultCache, 'k', 'old', ['t']);
    lab.nodes[0]!.proxy.apply({ type: 'black-hole' }, ['link']);
    await near.defaultCache.invalidateTags(['t']);
    await far.defaultCache.set('other', 'set', { tags: ['t'] });
    expect(await near.defaultCache.getMany(['k', 'other'])).toEqual([undefined, undefined]);
  });

  const INVALIDATIONS: Record<string, (cache: CacheService) => Promise<unknown>> = {
    'a tag': (cache) => cache.invalidateTags(['t']),
    'the cache': (cache) => cache.clear(),
    'the namespace': (cache) => cache.clearNamespace(),
  };
  for (const [what, invalidate] of Object.entries(INVALIDATIONS)) {
    it(`of ${what} does not matter to a strong call, which believes no id this process knows`, async () => {
      const [far, near] = await startPair();
      await trusted(far);
      await inMemory(far.defaultCache, 'k', 'old', ['t']);
      // Now every id is known.
      await far.defaultCache.getMany(['another', 'k']);
      lab.nodes[0]!.proxy.apply({ type: 'black-hole' }, ['link']);
      await invalidate(near.defaultCache);
      expect(await far.defaultCache.get('k', { consistency: 'strong' })).toBeUndefined();
    });
  }
});

describe('a reply that is late', () => {
  it('with the id of a tag is not shared with a strong call that came after the tag was invalidated', async () => {
    lab.nodes[0]!.proxy.apply({ type: 'black-hole' }, ['link']);
    const [deaf, near] = await startPair();
    const old = gatedLoader('old');
    const loading = near.defaultCache.getOrSet('k', old.load, { tags: ['t'] });
    await eventually(() => old.runs() === 1);
    // Somebody here has asked for the id, and is still waiting when the tag is invalidated elsewhere.
    const held = holdReply(deaf, 'ensureTag', 't:{u:t}');
    const asking = deaf.defaultCache.set('other', 1, { tags: ['t'] });
    await eventually(() => held.isHeld());
    expect(await near.defaultCache.invalidateTags(['t'])).toBe('applied');
    const { missesL2 } = deaf.defaultCache.stats;
    const answer = deaf.defaultCache.getOrSet('k', () => 'new', { tags: ['t'], consistency: 'strong' });
    await eventually(() => deaf.defaultCache.stats.missesL2 > missesL2);
    old.open();
    await loading;
    held.release();
    await asking;
    expect(await answer).toBe('new');
  });
});

it('a set that Redis comes to when nobody waits for it any more is queued, and the old value goes', async () => {
  let behindMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() - behindMs };
  const late = await startEngine({ namespace, connection: lab.connection }, clock);
  const other = await startEngine({ namespace, connection: lab.connection });
  await eventually(async () => {
    await other.defaultCache.set('k', 'old');
    // Until it asks Redis for the time again, this process sets instants that have passed there.
    behindMs += 10_000;
    return (await late.defaultCache.set('k', 'late')) === 'queued';
  });
  await eventually(() => late.connectionStates()[0]!.journaled === 0);
  expect(await other.defaultCache.get('k', { consistency: 'strong' })).toBeUndefined();
});
