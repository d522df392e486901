import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { makeCounterProvider, getToken } from '@willsoto/nestjs-prometheus';
import type { Counter } from 'prom-client';
import type { Environment } from '../environment.js';
import { DATABASE, openDatabase, type Database } from './database.js';

const SQL_STATEMENTS = 'complydesk_sql_statements_total';

@Global()
@Module({
  providers: [
    makeCounterProvider({ name: SQL_STATEMENTS, help: 'SQL statements sent to PostgreSQL.' }),
    {
      provide: DATABASE,
      inject: [ConfigService, getToken(SQL_STATEMENTS)],
      useFactory: (config: ConfigService<Environment, true>, statements: Counter) =>
        openDatabase({
          url: config.get('DATABASE_URL'),
          maxConnections: config.get('DATABASE_MAX_CONNECTIONS'),
          onStatement: () => {
            statements.inc();
          },
        }),
    },
  ],
  exports: [DATABASE],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  async onApplicationShutdown(): Promise<void> {
    await this.db.$client.end();
  }
}
