import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { startPostgres, startRedis } from '../scripts/servers.mjs';
import { eventually } from './support/eventually.js';

const SERVERS = pathToFileURL(resolve(__dirname, '../scripts/servers.mjs')).href;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program that starts a server, says its process id and then kills itself; answers that process id. */
function startAndDie(start: string): Promise<number> {
  const program = `
    import * as servers from '${SERVERS}';
    const server = await ${start};
    process.stdout.write(String(server.pid), () => process.kill(process.pid, 'SIGKILL'));`;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--input-type=module', '-e', program], (error, stdout, stderr) => {
      if (error?.signal === 'SIGKILL') resolve(Number(stdout));
      else reject(new Error(`The program did not come to kill itself: ${stderr}`));
    });
  });
}

describe('a private server', () => {
  it.each([
    ['Redis', 'servers.startRedis()'],
    ['PostgreSQL', 'servers.startPostgres()'],
  ])(
    'ends when the process that started it is killed: %s',
    async (_name, start) => {
      const pid = await startAndDie(start);
      expect(pid).toBeGreaterThan(1);
      await eventually(() => !isAlive(pid));
    },
    60_000,
  );

  it('ends even when it was paused', async () => {
    const pid = await startAndDie(`servers.startRedis().then(async (redis) => (await redis.pause(), redis))`);
    await eventually(() => !isAlive(pid));
  });

  it('takes its folder along', async () => {
    const redis = await startRedis();
    const client = new Redis(redis.url);
    const [, folder] = (await client.config('GET', 'dir')) as [string, string];
    client.disconnect();
    expect(existsSync(folder)).toBe(true);
    await redis.stop();
    expect(existsSync(folder)).toBe(false);
  });

  it('can be stopped twice', async () => {
    const postgres = await startPostgres();
    await postgres.stop();
    await postgres.stop();
    expect(isAlive(postgres.pid)).toBe(false);
  }, 60_000);
});

describe('a private Redis', () => {
  it('can be killed and started again on the same port', async () => {
    const first = await startRedis();
    await first.kill();
    const second = await startRedis({ port: first.port });
    expect(second).toMatchObject({ port: first.port, url: first.url });
    expect(second.pid).not.toBe(first.pid);
    await second.stop();
  });

  it('is refused on a port that is taken', async () => {
    const redis = await startRedis();
    await expect(startRedis({ port: redis.port })).rejects.toThrow(/address already in use/i);
    await redis.stop();
  });

  it('shows the log of a server that does not start', async () => {
    await expect(startRedis({ args: ['--no-such-option', 'yes'] })).rejects.toThrow(/no-such-option/);
  });
});

describe('an embedded PostgreSQL', () => {
  it('has its folder for itself, and leaves what it holds to the next', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rcache-test-'));
    const start = () => startPostgres({ dataDir: join(folder, 'data'), isEmbedded: true });
    const query = async (url: string, statement: string) => {
      const client = new Client(url);
      await client.connect();
      return client.query(statement).finally(() => client.end());
    };
    try {
      const first = await start();
      await query(first.url, 'create table kept (id integer)');
      await expect(start()).rejects.toThrow(/another demo/);
      await first.stop();
      const second = await start();
      expect((await query(second.url, 'select * from kept')).rows).toEqual([]);
      await second.stop();
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 120_000);
});
