import { CLIENT_KINDS, type ConnectionKind } from './connection-kind.mjs';
import type { FaultProxy } from './fault-proxy.mjs';
import type { Lab } from './lab.mjs';
import type { LabNode } from './lab-node.mjs';
import { RawClient } from './raw-client.js';
import { startStandalone } from './standalone.mjs';
import { eventually } from '../support/eventually.js';

let lab: Lab;
let node: LabNode;
let proxy: FaultProxy;

beforeAll(async () => {
  lab = await startStandalone();
  [node] = lab.nodes as [LabNode];
  proxy = node.proxy;
});
afterEach(async () => {
  proxy.heal();
  await node.client.flushall();
});
afterAll(() => lab.stop());

const PONG = '+PONG\r\n';
const data = (): Promise<RawClient> => RawClient.named(proxy.port, 'rcache:data');
const link = (): Promise<RawClient> => RawClient.named(proxy.port, 'rcache:link');

/** Resolves when Redis has answered what was sent before, whatever became of the answers. */
async function sentToRedis(): Promise<void> {
  const witness = await RawClient.named(proxy.port, 'sentinel-witness');
  expect(await witness.ask('PING')).toBe(PONG);
  expect(await witness.ask('PING')).toBe(PONG);
}

describe('the kind of a connection', () => {
  beforeEach(() => eventually(() => proxy.connections() === 0));

  const named: [ConnectionKind, string[][]][] = [
    ['data', [['CLIENT', 'SETNAME', 'rcache:data']]],
    ['control', [['CLIENT', 'SETNAME', 'rcache:control']]],
    ['admin', [['CLIENT', 'SETNAME', 'rcache:admin']]],
    ['link', [['CLIENT', 'SETNAME', 'rcache:link']]],
    ['link', [['INFO'], ['CLIENT', 'TRACKING', 'ON', 'BCAST']]],
    ['data', [['SELECT', '0'], ['client', 'setname', 'rcache:data'], ['INFO']]],
    ['data', [['HELLO', '2', 'SETNAME', 'rcache:data']]],
    ['sentinel', [['CLIENT', 'SETNAME', 'sentinel-1234abcd-cmd']]],
    ['replica', [['PING'], ['REPLCONF', 'listening-port', '1']]],
    ['other', [['CLIENT', 'SETNAME', 'somebody']]],
    ['other', [['SET', 'key', 'rcache:data']]],
    ['other', [['PING'], ['GET', 'k']]],
  ];
  it.each(named)('is %s after %j', async (kind, commands) => {
    const client = new RawClient(proxy.port);
    for (const command of commands) await client.ask(...command);
    expect(proxy.connections()).toBe(1);
    expect(proxy.connections(kind)).toBe(1);
  });

  it('is unknown as long as a connection only introduces itself', async () => {
    const client = new RawClient(proxy.port);
    await client.ask('SELECT', '0');
    expect(CLIENT_KINDS.map((kind) => proxy.connections(kind))).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('a fault for one kind', () => {
  it('latency: replies arrive later', async () => {
    const [slow, quick] = await Promise.all([data(), link()]);
    let given = 0;
    proxy.apply({ type: 'latency', ms: 200, onReply: () => (given += 1) }, ['data']);
    const startedAtMs = performance.now();
    slow.command('PING');
    expect(await quick.ask('PING')).toBe(PONG);
    await eventually(() => given === 1);
    expect(slow.received).toBe('');
    await eventually(() => slow.received === PONG);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(195);
  });

  it('latency: what comes later does not overtake', async () => {
    const slow = await data();
    const given = new Promise<void>((resolve) => {
      proxy.apply({ type: 'latency', ms: 100, onReply: resolve }, ['data']);
    });
    slow.command('ECHO', '1');
    await given;
    proxy.heal();
    slow.command('ECHO', '2');
    await eventually(() => slow.received === '$1\r\n1\r\n$1\r\n2\r\n');
  });

  it('black hole: nothing passes, and what was lost stays lost', async () => {
    const [lost, idle, other] = await Promise.all([data(), data(), link()]);
    proxy.apply({ type: 'black-hole' }, ['data']);
    lost.command('SET', 'k', 'v');
    const late = new RawClient(proxy.port);
    late.command('CLIENT', 'SETNAME', 'rcache:data');
    expect(await other.ask('GET', 'k')).toBe('$-1\r\n');
    expect(late.received).toBe('');
    proxy.heal();
    lost.command('PING');
    late.command('PING');
    expect(await idle.ask('GET', 'k')).toBe('$-1\r\n');
    expect(await (await data()).ask('PING')).toBe(PONG);
    expect([lost.received, lost.ended, late.received, late.ended]).toEqual(['', undefined, '', undefined]);
  });

  it('black hole: the end of the server is not heard of', async () => {
    const [lost, other] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'black-hole' }, ['data']);
    await node.kill();
    await other.end();
    await node.start();
    expect(await (await link()).ask('PING')).toBe(PONG);
    expect(lost.ended).toBeUndefined();
  });

  it('half-open: connections there are fall silent, new ones work', async () => {
    const [old, other] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'half-open' }, ['data']);
    old.command('PING');
    expect(await other.ask('PING')).toBe(PONG);
    expect(await (await data()).ask('PING')).toBe(PONG);
    expect([old.received, old.ended]).toEqual(['', undefined]);
  });

  it('refuse: connections are cut, new ones as soon as they say what they are', async () => {
    const [cut, other] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'refuse' }, ['data']);
    expect(await cut.end()).toBe('ECONNRESET');
    const late = new RawClient(proxy.port);
    late.command('CLIENT', 'SETNAME', 'rcache:data');
    expect(await late.end()).toBe('ECONNRESET');
    expect(await other.ask('PING')).toBe(PONG);
    expect(await (await link()).ask('PING')).toBe(PONG);
  });

  it('throttle: bytes pass slowly in either direction', async () => {
    const [slow, quick] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'throttle', bytesPerSecond: 50_000 }, ['data']);
    const value = 'x'.repeat(5_000);
    const startedAtMs = performance.now();
    slow.command('ECHO', value);
    expect(await quick.ask('ECHO', value)).toContain(value);
    expect(slow.received).toBe('');
    await eventually(() => slow.received === `$5000\r\n${value}\r\n`);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(195);
  });

  it('throttle: a sender is held back instead of filling memory', async () => {
    const [slow, quick] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'throttle', bytesPerSecond: 1_000 }, ['data']);
    const value = 'x'.repeat(32 * 1024 * 1024);
    slow.command('ECHO', value);
    quick.command('ECHO', value);
    await eventually(() => quick.received.length > value.length);
    expect(slow.unsentBytes).toBeGreaterThan(value.length / 2);
  });

  it('accept, then close: new connections end, those there are go on', async () => {
    const [old, other] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'accept-then-close' }, ['data']);
    const late = new RawClient(proxy.port);
    late.command('CLIENT', 'SETNAME', 'rcache:data');
    await late.end();
    expect(late.received).toBe('');
    expect(await old.ask('PING')).toBe(PONG);
    expect(await other.ask('PING')).toBe(PONG);
  });

  it('cut mid reply: half of the next reply passes, then the connection is cut', async () => {
    const [cut, other] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'cut-mid-reply' }, ['data']);
    expect(await other.ask('PING')).toBe(PONG);
    cut.command('PING');
    await cut.end();
    expect(PONG.startsWith(cut.received)).toBe(true);
    expect(cut.received.length).toBeGreaterThan(0);
    expect(cut.received.length).toBeLessThan(PONG.length);
    expect(await (await data()).ask('PING')).toBe(PONG);
  });

  it('cut mid reply: several replies if asked', async () => {
    const [first, second, third] = await Promise.all([data(), data(), data()]);
    proxy.apply({ type: 'cut-mid-reply', times: 2 }, ['data']);
    for (const client of [first, second]) {
      client.command('PING');
      await client.end();
      expect(client.received).not.toBe(PONG);
    }
    expect(await third.ask('PING')).toBe(PONG);
  });

  it('corrupt byte: the next reply does not begin like one', async () => {
    const [broken, other] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'corrupt-byte' }, ['data']);
    expect(await other.ask('PING')).toBe(PONG);
    expect(await broken.ask('PING')).toBe('?PONG\r\n');
    expect(await broken.ask('PING')).toBe(PONG);
  });

  it('corrupt byte: the payload of a reply in several packets stays as it is', async () => {
    const client = await data();
    const value = '+'.repeat(5_000_000);
    await node.client.set('long', value);
    // A packet of nothing but `+` looks like the beginning of a reply.
    proxy.apply({ type: 'throttle', bytesPerSecond: 20_000_000 });
    client.command('GET', 'long');
    await eventually(() => client.received.length > 0);
    proxy.apply({ type: 'corrupt-byte' }, ['data']);
    await eventually(() => client.received.length === value.length + 12);
    expect(client.received.includes('?')).toBe(false);
    client.received = '';
    expect(await client.ask('PING')).toBe('?PONG\r\n');
  });

  it('drop replies: requests reach Redis, and the connection stays deaf', async () => {
    const [deaf, other] = await Promise.all([data(), link()]);
    proxy.apply({ type: 'drop-replies' }, ['data']);
    deaf.command('SET', 'k', 'v');
    await eventually(async () => (await other.ask('GET', 'k')) === '$1\r\nv\r\n');
    proxy.heal();
    deaf.command('SET', 'k', 'w');
    await eventually(async () => (await other.ask('GET', 'k')) === '$1\r\nw\r\n');
    expect([deaf.received, deaf.ended]).toEqual(['', undefined]);
    expect(await (await data()).ask('PING')).toBe(PONG);
  });

  it('reset: connections are cut', async () => {
    const [cut, other] = await Promise.all([data(), link()]);
    proxy.reset(['data']);
    expect(await cut.end()).toBe('ECONNRESET');
    expect(await other.ask('PING')).toBe(PONG);
    expect(proxy.connections('data')).toBe(0);
  });
});

describe('a fault for every client', () => {
  it('refuse: nobody listens until it is healed', async () => {
    const old = await data();
    proxy.apply({ type: 'refuse' });
    expect(await old.end()).toBe('ECONNRESET');
    expect(await new RawClient(proxy.port).end()).toBe('ECONNREFUSED');
    proxy.heal();
    expect(await (await data()).ask('PING')).toBe(PONG);
  });

  it('black hole: new connections are accepted and stay silent from their first byte', async () => {
    proxy.apply({ type: 'black-hole' });
    const late = new RawClient(proxy.port);
    late.command('SELECT', '0');
    await eventually(() => proxy.connections() === 1);
    await sentToRedis();
    expect([late.received, late.ended]).toEqual(['', undefined]);
  });

  it('accept, then close: new connections end before they say anything', async () => {
    proxy.apply({ type: 'accept-then-close' });
    await new RawClient(proxy.port).end();
  });

  it('leaves servers alone that talk to each other', async () => {
    const watching = await RawClient.named(proxy.port, 'sentinel-1-cmd');
    const replicating = new RawClient(proxy.port);
    await replicating.ask('PING');
    for (const type of ['black-hole', 'drop-replies', 'accept-then-close'] as const) {
      proxy.apply({ type });
      proxy.reset();
      expect(await watching.ask('PING')).toBe(PONG);
      expect(await replicating.ask('REPLCONF', 'listening-port', '1')).toBe('+OK\r\n');
      proxy.heal();
    }
    proxy.apply({ type: 'black-hole' }, ['sentinel']);
    watching.command('PING');
    expect(await (await data()).ask('PING')).toBe(PONG);
    expect(watching.received).toBe('');
  });
});
