import { startStandalone } from './lab/standalone.mjs';
import { startCluster } from './lab/cluster.mjs';
import { startSentinel } from './lab/sentinel.mjs';
import type { Lab } from './lab/lab.mjs';
import { connected, inMemory, startEngine, trusted } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

jest.setTimeout(60_000);
const SLACK_MS = 8_000;

let lab: Lab;
afterEach(() => lab.stop());

describe('with TLS', () => {
  const TOPOLOGIES = { standalone: startStandalone, sentinel: startSentinel, cluster: startCluster };
  for (const [name, start] of Object.entries(TOPOLOGIES)) {
    it(`${name}: everything passes encrypted, sentinels and announcements included`, async () => {
      lab = await start({ tls: true });
      const engine = await startEngine({
        connection: lab.connection,
        namespace: uniqueNamespace(),
        startTimeout: SLACK_MS,
      });
      await trusted(engine);
      await inMemory(engine.defaultCache, 'k', 'v', ['t']);
      expect(await engine.defaultCache.invalidateTags(['t'])).toBe('applied');
      expect((await engine.defaultCache.invalidatePattern('*')).status).toBe('applied');
    });
  }

  it('a server whose certificate nobody vouches for is not used', async () => {
    lab = await startStandalone({ tls: true });
    const { ca: _ca, ...unknown } = lab.connection.tls as { ca: string };
    const engine = await startEngine({ connection: { ...lab.connection, tls: unknown }, startTimeout: 500 });
    expect(engine.connectionStates()[0]!.isUp).toBe(false);
    expect(await engine.defaultCache.getOrSet('k', () => 'loaded')).toBe('loaded');
  });
});

describe('credentials that change while the application runs', () => {
  it('are proven on what is connected, used for what connects later, and no read fails meanwhile', async () => {
    lab = await startStandalone({ acl: ['user app on >first ~* &* +@all'] });
    let password = 'first';
    const engine = await startEngine({
      namespace: uniqueNamespace(),
      connection: { ...lab.connection, credentials: () => ({ username: 'app', password }) },
    });
    await trusted(engine);
    const failures: unknown[] = [];
    engine.events.on('breaker', (event) => failures.push(event));
    engine.events.on('redis-error', (event) => failures.push(event));
    const { client } = lab.nodes[0]!;
    await client.acl('SETUSER', 'app', '>second', '<first');
    password = 'second';
    await engine.rotateCredentials();
    for (let read = 0; read < 50; read++) await engine.defaultCache.getOrSet(`k${read}`, () => read);
    expect(failures).toEqual([]);
    expect(engine.defaultCache.stats.errorsL2).toBe(0);
    // What connects from now on knows the new password only.
    await client.client('KILL', 'USER', 'app');
    await eventually(() => failures.length > 0);
    await connected(engine);
    await trusted(engine);
  });

  it('are asked for again when Redis refuses the old ones, without a call', async () => {
    lab = await startStandalone({ acl: ['user app on >first ~* &* +@all'] });
    let password = 'first';
    const credentials = () => Promise.resolve({ username: 'app', password });
    const engine = await startEngine({ connection: { ...lab.connection, credentials } });
    await connected(engine);
    const { client } = lab.nodes[0]!;
    await client.acl('SETUSER', 'app', '>second', '<first');
    await client.client('KILL', 'USER', 'app');
    await eventually(() => !engine.connectionStates()[0]!.isUp);
    password = 'second';
    await connected(engine);
  });

  it('reject a rotation that Redis refuses, and go on with the connections there are', async () => {
    lab = await startStandalone({ acl: ['user app on >first ~* &* +@all'] });
    let password = 'first';
    const engine = await startEngine({
      connection: { ...lab.connection, credentials: () => ({ username: 'app', password }) },
    });
    await connected(engine);
    password = 'SECRET-wrong';
    const refusal: unknown = await engine.rotateCredentials().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'REDIS_UNAVAILABLE', message: expect.stringContaining('WRONGPASS') });
    expect(JSON.stringify(refusal) + String((refusal as Error).stack)).not.toContain('SECRET');
    expect((await engine.defaultCache.resolve('k', () => 1)).isStored).toBe(true);
  });
});

describe("durability: 'replicated'", () => {
  it('calls an invalidation applied when a replica has it, and queued as long as none has', async () => {
    lab = await startSentinel();
    const [primary, replica] = lab.nodes;
    const connection = { ...lab.connection, durability: 'replicated', controlTimeout: 400 } as const;
    const engine = await startEngine({ connection, namespace: uniqueNamespace() });
    await connected(engine);
    const cache = engine.defaultCache;
    await cache.set('k', 'old');
    expect(await cache.delete('k')).toBe('applied');
    await cache.set('k', 'old');
    primary!.proxy.apply({ type: 'black-hole' }, ['replica']);
    expect(await cache.delete('k')).toBe('queued');
    expect(await cache.get('k')).toBeUndefined();
    await expect(cache.invalidateTags(['t'], { strict: true })).rejects.toMatchObject({ code: 'NOT_INVALIDATED' });
    primary!.proxy.heal();
    primary!.proxy.reset(['replica']);
    expect(replica!.isRunning()).toBe(true);
    await eventually(() => engine.connectionStates()[0]!.journaled === 0, 20_000);
    expect(await cache.delete('k')).toBe('applied');
  });
});
