import type { INestApplication } from '@nestjs/common';
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import { WarmUpService } from 'nestjs-rcache';
import { createApp } from '../../apps/reference/src/app.js';
import { rulesWarmer } from '../../apps/reference/src/caches.js';
import { openDatabase, selectRows, type Database } from '../../apps/reference/src/database/database.js';
import { migrateDatabase } from '../../apps/reference/src/database/migrate.js';
import type { HttpAdapterName } from '../../apps/reference/src/environment.js';
import { DEMO_PASSWORD, seedDatabase, TEST_SIZE } from '../../apps/reference/src/seed/seed-database.js';
import { Browser } from './browser.js';
import { eventually } from './eventually.js';
import { testDatabaseUrl, testRedisUrl, uniqueNamespace } from './servers.js';
import { sessionKeys } from './sessions.js';

const environment = { ...process.env };
const running: INestApplication[] = [];
let database: Database | undefined;

export interface Person {
  id: number;
  orgId: number;
  email: string;
}

/**
 * The database of the test run, migrated and seeded, closed after the spec. Other specs use it at the same time: write in
 * an organisation of your own.
 */
export async function openReferenceDatabase(): Promise<Database> {
  process.env.DATABASE_URL = await testDatabaseUrl();
  database = openDatabase({ url: process.env.DATABASE_URL, maxConnections: 1 });
  const redis = new Redis(testRedisUrl());
  const lock = 'reference-database';
  // Two that migrate at once would be in each other's way.
  await eventually(async () => (await redis.set(lock, '', 'PX', 60_000, 'NX')) === 'OK', 60_000);
  try {
    await migrateDatabase(database);
    await seedDatabase(database, TEST_SIZE, () => undefined);
  } finally {
    await redis.del(lock);
    redis.disconnect();
  }
  return database;
}

/** The first people of an organisation; the first two administer it. */
export async function peopleOf(db: Database, orgId: number): Promise<Person[]> {
  return selectRows<Person>(
    db,
    sql`select id, org_id as "orgId", email from users where org_id = ${orgId} order by id limit 20`,
  );
}

/** Applications that share database, namespace and session keys, like processes of one deployment; closed after the test. */
export async function start(
  adapter: HttpAdapterName,
  count = 1,
  variables: NodeJS.ProcessEnv = {},
): Promise<[Client, Client]> {
  Object.assign(process.env, {
    REDIS_URL: testRedisUrl(),
    CACHE_NAMESPACE: uniqueNamespace(),
    CACHE_ENABLED: 'true',
    SESSION_KEYS: sessionKeys.keys.join(','),
    SESSION_INDEX_KEY: sessionKeys.indexKey,
    ...variables,
  });
  const clients: Client[] = [];
  for (let index = 0; index < count; index++) {
    const app = await createApp({ adapter, logger: false });
    running.push(app);
    await app.listen(0, '127.0.0.1');
    clients.push(new Client(app));
  }
  for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, name);
  return clients as [Client, Client];
}

/** A browser of nobody yet. */
export class Client extends Browser {
  /** Another browser, logged in. */
  async logIn({ email }: Person, password = DEMO_PASSWORD, headers: Record<string, string> = {}): Promise<Browser> {
    const browser = new Browser(this.app);
    expect((await browser.post('/auth/login', { email, password }, headers)).status).toBe(200);
    return browser;
  }
}

/** SQL statements of all applications while `work` runs. */
export async function statementsOf(client: Client, work: () => Promise<unknown>): Promise<number> {
  const read = async () =>
    Number(/^complydesk_sql_statements_total (\d+)$/m.exec((await client.get('/metrics')).body)?.[1]);
  const before = await read();
  await work();
  return (await read()) - before;
}

/** Waits until the rules are read ahead, which takes statements of its own. */
export async function warm({ app }: Client): Promise<void> {
  expect((await app.get(WarmUpService).run(rulesWarmer).result).outcome).toMatch(/^(done|elsewhere)$/);
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((app) => app.close()));
});

afterAll(async () => {
  process.env = environment;
  await database?.$client.end();
});
