import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
