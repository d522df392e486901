import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'pg';
import { ROOT } from '../../support/pages.js';
import { testDatabaseUrl } from '../../support/servers.js';

/** Connections of one spec; the database of the test run is shared. */
const MAX_CONNECTIONS = 10;

/** A schema of its own in the PostgreSQL of the test run, filled by the `schema.sql` of a scenario. */
export class ScenarioDatabase {
  /** How often the application has asked; a transaction counts once. */
  queries = 0;

  private constructor(
    readonly pool: Pool,
    private readonly schema: string,
  ) {}

  /** @param scenario name of its folder */
  static async open(scenario: string): Promise<ScenarioDatabase> {
    const schema = `${scenario.replaceAll('-', '_')}_${process.pid}`;
    const pool = new Pool({
      connectionString: await testDatabaseUrl(),
      max: MAX_CONNECTIONS,
      // Compiling the plan of a small query takes longer than running it.
      options: `-c search_path=${schema} -c jit=off`,
    });
    const definition = readFileSync(join(ROOT, 'test/scenarios', scenario, 'schema.sql'), 'utf8');
    await pool.query(`drop schema if exists ${schema} cascade; create schema ${schema}; ${definition}; analyze`);
    const database = new ScenarioDatabase(pool, schema);
    pool.on('acquire', () => (database.queries += 1));
    return database;
  }

  /** How often the application asks while `work` runs. */
  async queriesDuring(work: () => Promise<unknown>): Promise<number> {
    const before = this.queries;
    await work();
    return this.queries - before;
  }

  async close(): Promise<void> {
    await this.pool.query(`drop schema ${this.schema} cascade`);
    await this.pool.end();
  }
}
