import { migrate } from 'drizzle-orm/node-postgres/migrator';
import { resolve } from 'node:path';
import type { Database } from './database.js';

// The compiler does not copy SQL files, so they are read from the source tree: every npm script runs at its root.
const MIGRATIONS = resolve('apps/reference/migrations');

export async function migrateDatabase(db: Database): Promise<void> {
  await migrate(db, { migrationsFolder: MIGRATIONS });
}
