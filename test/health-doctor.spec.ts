import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import {
  CacheDoctor,
  CacheEngine,
  type CacheEngineOptions,
  type Diagnosis,
  RedisCacheHealthIndicator,
} from 'nestjs-rcache';
import { serverFindings } from '../libs/redis-cache/src/ops/findings.js';
import { freePort, startRedis } from '../scripts/servers.mjs';
import { publishedUsers } from './lab/acl.mjs';
import { startStandalone } from './lab/standalone.mjs';
import { eventually } from './support/eventually.js';
import { ROOT } from './support/pages.js';
import { uniqueNamespace } from './support/servers.js';

jest.setTimeout(60_000);
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function redis(...args: string[]): Promise<Awaited<ReturnType<typeof startRedis>>> {
  const server = await startRedis({ args });
  ends.push(() => server.stop());
  return server;
}

/** Starts an engine, lets `prepare` do harm, and asks the doctor. */
async function examine(
  options: CacheEngineOptions,
  sessions?: string,
  prepare: (engine: CacheEngine) => unknown = () => undefined,
): Promise<Diagnosis & { codes: string[] }> {
  const engine = new CacheEngine({ namespace: uniqueNamespace(), startTimeout: '1s', ...options });
  ends.unshift(() => engine.close());
  const doctor = new CacheDoctor(engine, sessions);
  await engine.start();
  await prepare(engine);
  const startedAtMs = performance.now();
  const diagnosis = await doctor.examine();
  expect(performance.now() - startedAtMs).toBeLessThan(8_000);
  return { ...diagnosis, codes: diagnosis.findings.map(({ level, code }) => `${level} ${code}`) };
}

describe('the doctor', () => {
  it('finds a Redis that is well, and says who it is', async () => {
    const { url } = await redis('--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lfu');
    const { codes, servers, findings } = await examine({ connection: { url } });
    expect(codes).toEqual(['ok well']);
    expect(findings[0]?.message).toMatch(/^Connection "default" is well: redis \d+\.\d+\.\d+, [\d.]+ ms away\.$/);
    expect(servers).toEqual([
      expect.objectContaining({
        connection: 'default',
        evictionPolicy: 'allkeys-lfu',
        maxMemoryBytes: 100 * 1024 * 1024,
        clients: expect.any(Number),
        slowLogLength: expect.any(Number),
        fragmentation: expect.any(Number),
      }),
    ]);
  });

  it('leaves nothing behind, and is no request', async () => {
    const { url } = await redis();
    const client = new Redis(url);
    ends.push(() => {
      client.disconnect();
    });
    await examine({ connection: { url }, namespace: 'looked-at' }, undefined, async ({ defaultCache }) => {
      await defaultCache.set('key', 1);
    });
    const own = (await client.keys('looked-at:*')).filter((key) => !/:(?:t|g|e):/.test(key));
    expect(own).toEqual([]);
  });

  it.each([
    ['a port nobody listens at', async () => ({ port: await freePort() }), 'error refused'],
    ['a name nobody knows', () => ({ host: 'no-such-host.invalid' }), 'error unknown-host'],
    ['a port of somebody else', async () => ({ port: await httpPort() }), 'error no-redis-there'],
    [
      'a wrong password',
      async () => ({ port: (await redis('--requirepass', 'right')).port, password: 'wrong' }),
      'error not-admitted',
    ],
    ['no password', async () => ({ port: (await redis('--requirepass', 'right')).port }), 'error not-admitted'],
    ['TLS to a Redis without', async () => ({ port: (await redis()).port, tls: true }), 'error tls-unexpected'],
    [
      'a replica',
      async () => ({ port: (await redis('--replicaof', '127.0.0.1', String(await freePort()))).port }),
      'error no-primary',
    ],
    ['a Redis that hangs', async () => ({ port: (await frozen()).port }), 'error no-answer'],
  ] as const)('finds %s', async (_what, connectionOf, code) => {
    const { codes, findings } = await examine({ connection: { host: '127.0.0.1', ...(await connectionOf()) } });
    expect(codes).toEqual([code]);
    expect(findings[0]?.advice).not.toBe('');
  });

  it('finds nothing wrong with the users of docs/acl.md, who may all it needs', async () => {
    const lab = await startStandalone({ acl: publishedUsers() });
    ends.push(() => lab.stop());
    const { codes, servers } = await examine({ connection: lab.connection, namespace: 'shop' });
    expect(codes.filter((code) => !code.startsWith('note'))).toEqual(['ok well']);
    expect(servers[0]).toMatchObject({ version: expect.any(String), latencyMs: expect.any(Number) });
    expect(servers[0]).toHaveProperty('slowLogLength');
  });

  it('finds that a server wants TLS', async () => {
    const lab = await startStandalone({ tls: true });
    ends.push(() => lab.stop());
    const { tls: _tls, ...plain } = lab.connection;
    expect((await examine({ connection: plain })).codes).toEqual(['error tls-expected']);
  });

  it.each([
    [
      'sessions that may be evicted',
      ['--maxmemory-policy', 'volatile-lru', '--maxmemory', '50mb'],
      'default',
      'error sessions-evicted',
    ],
    ['sessions that a restart ends', ['--maxmemory', '50mb'], 'default', 'note sessions-not-kept'],
    ['a cache that will refuse writes', ['--maxmemory', '50mb'], undefined, 'warning cache-not-evicted'],
    ['a Redis without a limit', [], undefined, 'note no-memory-limit'],
  ] as const)('finds %s', async (_what, args, sessions, code) => {
    const { url } = await redis(...args);
    expect((await examine({ connection: { url } }, sessions)).codes).toContain(code);
  });

  it('finds that memory is full', async () => {
    const { url } = await redis('--maxmemory', '3mb');
    const client = new Redis(url);
    ends.push(() => {
      client.disconnect();
    });
    const { codes } = await examine({ connection: { url } }, undefined, async () => {
      for (let index = 0; index < 60; index += 1) {
        await client.set(`filler:${index}`, 'x'.repeat(100_000)).catch(() => undefined);
      }
    });
    expect(codes[0]).toBe('error memory-full');
    expect(codes).toContain('warning nearly-full');
  });

  it.each([
    ['may not run scripts', '-eval -evalsha', 'error acl-gap'],
    ['may not read', '-mget -get', 'error acl-gap'],
    ['may not hear of changes', '-client|tracking', 'warning link-not-trusted'],
    ['may not SCAN', '-scan', 'warning acl-no-scan'],
  ])('finds a user who %s', async (_what, rules, code) => {
    const { port } = await redis('--user', ...`app on >secret ~* &* +@all ${rules}`.split(' '));
    const { codes } = await examine({ connection: { host: '127.0.0.1', port, username: 'app', password: 'secret' } });
    expect(codes).toContain(code);
  });

  it('finds invalidations that wait, and that replicas are missing', async () => {
    const { url } = await redis();
    const connection = { url, durability: 'replicated', controlTimeout: 300 } as const;
    const { codes } = await examine({ connection }, undefined, async ({ defaultCache }) => {
      expect(await defaultCache.delete('key')).toBe('queued');
    });
    expect(codes).toEqual(expect.arrayContaining(['error no-replicas', 'warning invalidations-waiting']));
  });

  it('makes nobody less ready', async () => {
    const { port } = await redis('--user', ...'app on >secret ~* &* +@all -scan -slowlog'.split(' '));
    const engine = new CacheEngine({ connection: { host: '127.0.0.1', port, username: 'app', password: 'secret' } });
    ends.unshift(() => engine.close());
    await engine.start();
    const health = new RedisCacheHealthIndicator(engine);
    await eventually(async () => (await health.check('cache')).cache.status === 'up');
    await new CacheDoctor(engine).examine();
    expect((await health.check('cache')).cache.status).toBe('up');
  });

  it('says that there is no Redis by configuration', async () => {
    expect((await examine({ connection: false })).codes).toEqual(['note no-redis']);
    expect((await examine({ enabled: false })).codes).toEqual(['note disabled']);
  });
});

describe('what a server says of itself', () => {
  const well = {
    connection: 'default',
    node: '',
    version: '7.2.4',
    evictionPolicy: 'allkeys-lru',
    maxMemoryBytes: 1e9,
  };
  const use = { holdsSessions: false, options: {} };

  it.each([
    [{ version: '6.2.14' }, 'error old-version'],
    [{ version: '7.0.0' }, undefined],
    [{ version: undefined }, 'note acl-no-info'],
    [{ quickestMs: 12 }, 'warning slow'],
    [{ quickestMs: 2 }, undefined],
    [{ usedMemoryBytes: 0.95e9 }, 'note evicting'],
    [{ usedMemoryBytes: 0.95e9, evictionPolicy: 'noeviction' }, 'warning nearly-full'],
    [{ usedMemoryBytes: 0.5e9, fragmentation: 1.8 }, 'note fragmented'],
    [{ usedMemoryBytes: 1e6, fragmentation: 8 }, undefined],
    [{ rejectedConnections: 3 }, 'warning connections-rejected'],
    [{ clients: 95, maxClients: 100 }, 'warning many-clients'],
    [{ isSnapshotWritten: false }, 'warning snapshot-failed'],
    [{ clockAheadMs: -90_000 }, 'note clocks-differ'],
  ])('is weighed: %j', (said, code) => {
    const found = serverFindings({ ...well, ...said }, use).map((each) => `${each.level} ${each.code}`);
    if (code === undefined) expect(found).toEqual([]);
    else expect(found).toContain(code);
  });
});

async function httpPort(): Promise<number> {
  const server: Server = createServer((_, response) => response.end());
  ends.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function frozen(): Promise<Awaited<ReturnType<typeof startRedis>>> {
  const server = await redis();
  await server.pause();
  ends.unshift(() => server.resume());
  return server;
}

it('finds nothing that its page does not list', () => {
  const sources = ['findings', 'doctor'].map((file) =>
    readFileSync(join(ROOT, `libs/redis-cache/src/ops/${file}.ts`), 'utf8'),
  );
  const codes = sources.flatMap((source) => [
    ...source.matchAll(/(?:code: |return \[|refused\(|find\(\s*'\w+',\s*)'([a-z-]+)'/g),
  ]);
  const page = readFileSync(join(ROOT, 'docs/health-and-metrics.md'), 'utf8');
  const [, table = ''] = /## Doctor\n[^]*?\n(\| `error`[^]*?)\n## /.exec(page) ?? [];
  const listed = [...table.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code as string);
  const levels = ['ok', 'note', 'warning', 'error'];
  expect([...new Set(listed.filter((code) => !levels.includes(code)))].sort()).toEqual(
    [...new Set(codes.map(([, code]) => code as string))].sort(),
  );
});
