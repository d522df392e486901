import type { SQL } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import * as schema from './schema.js';

export const DATABASE = Symbol('Database');

export type Database = NodePgDatabase<typeof schema> & { $client: Pool };

export interface DatabaseOptions {
  url: string;
  maxConnections: number;
  /** Called with every statement, `begin` and `commit` included. */
  onStatement?: (statement: string) => void;
}

/** Opens no connection until the first statement. The caller ends `$client`. */
export function openDatabase({ url, maxConnections, onStatement }: DatabaseOptions): Database {
  const pool = new Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: 5_000,
    // The planner overestimates recursion by far, and compiling such a plan takes longer than running it.
    options: '-c jit=off',
  });
  // The server may close an idle connection at any time; the pool has replaced it by the time anybody asks.
  pool.on('error', () => undefined);
  // Also one that is inside of a transaction: the next statement on it fails.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return drizzle(pool, { schema, logger: { logQuery: (statement) => onStatement?.(statement) } });
}

/** Runs a statement written by hand. `Row` is the caller's word: name and cast the columns accordingly. */
export async function selectRows<Row extends object>(db: Database, query: SQL): Promise<Row[]> {
  const { rows } = await db.execute(query);
  return rows as Row[];
}
