import { startStandalone } from './lab/standalone.mjs';
import { connected, startEngine } from './support/engines.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';

jest.setTimeout(30_000);

type Lab = Awaited<ReturnType<typeof startStandalone>>;
let lab: Lab;
let namespace: string;

beforeEach(() => {
  namespace = uniqueNamespace();
});
afterEach(() => lab.stop());

const start = () => startEngine({ namespace, connection: lab.connection });

/** Redis dies and comes back with what it last saved. */
async function restart(): Promise<void> {
  await lab.nodes[0]!.kill();
  await lab.nodes[0]!.start();
}

describe('a server that starts from an old snapshot', () => {
  beforeEach(async () => {
    // A snapshot is made by hand, and never otherwise.
    lab = await startStandalone({ persistent: true, args: ['--save', '3600 1', '--dbfilename', 'dump.rdb'] });
  });

  it('brings nothing back that a process which is gone had invalidated', async () => {
    const [invalidating, reading] = [await start(), await start()];
    await invalidating.defaultCache.set('k', 'old', { ttl: '1h' });
    await lab.nodes[0]!.client.save();
    expect(await invalidating.defaultCache.delete('k')).toBe('applied');
    await invalidating.close();
    await restart();
    await eventually(() => !reading.connectionStates()[0]!.isUp);
    await connected(reading);
    expect(await lab.nodes[0]!.client.exists(`${namespace}:e:{default:k}`)).toBe(1);
    expect(await reading.defaultCache.lookup('k')).toMatchObject({ isHit: false, reason: 'invalidated' });
    const late = await start();
    expect(await late.defaultCache.get('k')).toBeUndefined();
  });

  it('brings nothing back for a process that starts after it', async () => {
    const before = await start();
    await before.defaultCache.set('k', 'old', { ttl: '1h' });
    await lab.nodes[0]!.client.save();
    await before.defaultCache.delete('k');
    await before.close();
    await restart();
    const after = await start();
    expect(await after.defaultCache.get('k')).toBeUndefined();
  });

  it('empties the cache once, not for each process that comes', async () => {
    const first = await start();
    await first.defaultCache.set('k', 'old', { ttl: '1h' });
    await lab.nodes[0]!.client.save();
    await restart();
    await eventually(() => first.connectionStates()[0]!.isUp);
    await eventually(async () => (await first.defaultCache.resolve('k', () => 'new')).source === 'loader');
    for (let process = 0; process < 3; process++) {
      expect(await (await start()).defaultCache.get('k')).toBe('new');
    }
  });
});

it('a server that keeps an append-only file is believed after a restart', async () => {
  lab = await startStandalone({ persistent: true, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const engine = await start();
  await engine.defaultCache.set('k', 'kept', { ttl: '1h' });
  await engine.close();
  await restart();
  expect(await (await start()).defaultCache.get('k')).toBe('kept');
});
