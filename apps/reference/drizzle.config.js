import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './apps/reference/src/database/schema.ts',
  out: './apps/reference/migrations',
});
