import { sql } from 'drizzle-orm';
import { Client } from 'pg';
import { type Database, openDatabase } from '../apps/reference/src/database/database.js';
import { migrateDatabase } from '../apps/reference/src/database/migrate.js';
import { seedDatabase, TEST_SIZE } from '../apps/reference/src/seed/seed-database.js';
import { eventually } from './support/eventually.js';
import { testDatabaseUrl } from './support/servers.js';

const CONSTRAINTS = `
  select conrelid::regclass::text as "table", conname as name, pg_get_constraintdef(oid) as definition, convalidated
    from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2`;

let server: Client;
let db: Database;
const name = `reference_app_database_${process.pid}`;

beforeAll(async () => {
  server = new Client(await testDatabaseUrl());
  await server.connect();
  await server.query(`create database ${name}`);
  const url = new URL(await testDatabaseUrl());
  url.pathname = `/${name}`;
  db = openDatabase({ url: url.href, maxConnections: 1 });
  await migrateDatabase(db);
}, 60_000);
afterAll(async () => {
  await db.$client.end();
  await server.query(`drop database ${name} with (force)`);
  await server.end();
});

describe('the database of the reference app', () => {
  it('keeps every constraint as the migrations made it when it is filled', async () => {
    const { rows: before } = await db.$client.query(CONSTRAINTS);
    expect(before.length).toBeGreaterThan(20);
    await seedDatabase(db, TEST_SIZE, () => undefined);
    expect((await db.$client.query(CONSTRAINTS)).rows).toEqual(before);
  }, 60_000);

  it('may close a connection between the statements of a transaction: that one fails, and the process lives', async () => {
    const transaction = db.transaction(async (tx) => {
      const { rows } = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      await server.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
      await eventually(async () => {
        await expect(tx.execute(sql`select 1`)).rejects.toThrow();
      });
      await tx.execute(sql`select 1`);
    });
    await expect(transaction).rejects.toThrow();
    expect((await db.execute(sql`select 1 as answer`)).rows).toEqual([{ answer: 1 }]);
  });
});
