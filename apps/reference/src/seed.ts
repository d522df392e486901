import { openDatabase } from './database/database.js';
import { migrateDatabase } from './database/migrate.js';
import { readEnvironment } from './environment.js';
import { DEMO_SIZE, seedDatabase } from './seed/seed-database.js';

const startedMs = performance.now();
const report = (step: string) => {
  console.error(`[${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s] ${step}`);
};

const db = openDatabase({ url: readEnvironment(process.env).DATABASE_URL, maxConnections: 1 });
try {
  report('migrations');
  await migrateDatabase(db);
  await seedDatabase(db, DEMO_SIZE, report);
  report('done');
} finally {
  await db.$client.end();
}
