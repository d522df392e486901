import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { openDatabase } from '../../apps/reference/src/database/database.js';
import { migrateDatabase } from '../../apps/reference/src/database/migrate.js';
import { seedDatabase, TEST_SIZE } from '../../apps/reference/src/seed/seed-database.js';
import { eventually } from './eventually.js';
import { ROOT } from './pages.js';
import { testDatabaseUrl, testRedisUrl } from './servers.js';

export interface ScriptResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs one of `scripts/` to its end, as npm would. */
export async function runScript(file: string, args: readonly string[] = []): Promise<ScriptResult> {
  const child = spawn(process.execPath, [join(ROOT, file), ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const result = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (result[name] += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...result };
}

export interface RunningScript {
  /** Resolves once the script has written that, to stdout or stderr. */
  wrote(text: string): Promise<void>;
  /** Sends one signal, to the process that was started and no other. @returns what became of it */
  end(signal: NodeJS.Signals): Promise<ScriptResult>;
  /** Resolves once all its servers are gone, with their folders. */
  gone(): Promise<void>;
}

/** Starts a command on that database, and on servers of its own besides. */
export async function startScript(
  command: string,
  args: readonly string[],
  databaseUrl: string,
): Promise<RunningScript> {
  // Each server has a folder in there, which goes with it.
  const folder = await mkdtemp(join(tmpdir(), 'rcache-demo-'));
  const own = { DATABASE_URL: databaseUrl, REDIS_URL: '', SESSION_REDIS_URL: '', PORT: '', TMPDIR: folder };
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...own },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as in another terminal.
    detached: true,
  });
  const result = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (result[name] += text));
  }
  const closed = once(child, 'close') as Promise<[number | null]>;
  return {
    wrote: (text) =>
      eventually(() => {
        if (child.exitCode !== null) throw new Error(`It has ended: ${result.stderr}`);
        expect(result.stdout + result.stderr).toContain(text);
      }, 120_000),
    end: async (signal) => {
      child.kill(signal);
      const [code] = await closed;
      return { code, ...result };
    },
    gone: () =>
      eventually(() => {
        expect(readdirSync(folder)).toEqual([]);
        rmdirSync(folder);
      }),
  };
}

/** Compiles what the scripts run. Two compilers at once would be in each other's way. */
export async function buildOnce(): Promise<void> {
  const redis = new Redis(testRedisUrl());
  const lock = 'build';
  await eventually(async () => (await redis.set(lock, '', 'PX', 120_000, 'NX')) === 'OK', 120_000);
  try {
    const { code, stdout } = await runScript('node_modules/typescript/bin/tsc', ['-b', 'tsconfig.build.json']);
    expect([code, stdout]).toEqual([0, '']);
  } finally {
    await redis.del(lock);
    redis.disconnect();
  }
}

/** A small ComplyDesk in a database of its own, in which nobody else writes. */
export async function openDemoDatabase(name: string): Promise<{ url: string; drop: () => Promise<void> }> {
  const server = new Client(await testDatabaseUrl());
  await server.connect();
  const database = `${name}_${process.pid}`;
  await server.query(`drop database if exists ${database}`);
  await server.query(`create database ${database}`);
  const url = new URL(await testDatabaseUrl());
  url.pathname = `/${database}`;
  const db = openDatabase({ url: url.href, maxConnections: 1 });
  await migrateDatabase(db);
  await seedDatabase(db, TEST_SIZE, () => undefined);
  await db.$client.end();
  return {
    url: url.href,
    drop: async () => {
      await server.query(`drop database ${database} with (force)`);
      await server.end();
    },
  };
}
