// The four demonstrations on private servers:
// node --import ./test/support/typescript.mjs test/scenarios/library/run.ts
import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { NestFactory } from '@nestjs/core';
import { RedisCacheModule } from 'nestjs-rcache';
import { Pool } from 'pg';
import { startPostgres, startRedis } from '../../../scripts/servers.mjs';
import { demonstrate } from './demonstrations.js';
import { LibraryModule } from './library.module.js';

const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
const pool = new Pool({ connectionString: postgres.url, max: 2 });
let queries = 0;
await pool.query(await readFile(new URL('schema.sql', import.meta.url), 'utf8'));
// Connections that are being closed may still hear that the server stops.
pool.on('error', () => undefined);
pool.on('acquire', () => (queries += 1));

async function start(enabled: boolean) {
  const database = {
    module: class DatabaseModule {},
    global: true,
    providers: [{ provide: Pool, useValue: pool }],
    exports: [Pool],
  };
  const cache = RedisCacheModule.forRoot({ enabled, connection: { url: redis.url }, namespace: 'library' });
  const library = { module: class App {}, imports: [database, cache, LibraryModule] };
  const app = await NestFactory.create(library, { logger: ['error', 'warn'] });
  return app.init();
}

const [without, app] = [await start(false), await start(true)];
await demonstrate(
  without,
  app,
  () => redis.kill(),
  () => queries,
  (line) => {
    console.log(line);
  },
);
await Promise.all([without.close(), app.close(), pool.end()]);
await Promise.all([postgres.stop(), redis.stop()]);
