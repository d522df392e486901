// @ts-check
// The reference application as `npm run demo:load` measures it, in a process of its own. CACHE says with which cache:
// `none`, `ours` or `cache-manager`.
import { NestFactory } from '@nestjs/core';
import { baselineModule } from './demo-load-baseline.mjs';

const { CACHE, PORT, REDIS_URL: url = '', BASELINE_MEMORY } = process.env;

process.env.CACHE_ENABLED = String(CACHE === 'ours');
const compiled = '../dist/apps/reference';
const { AppModule } = await import(`${compiled}/app.module.js`);
const { createValidationPipe } = await import(`${compiled}/validation.pipe.js`);

const imports = [await AppModule.fromEnvironment()];
if (CACHE === 'cache-manager') imports.push(await baselineModule({ url, hasMemory: BASELINE_MEMORY !== 'false' }));

const root = { module: class MeasuredApplication {}, imports };
const app = await NestFactory.create(root, { logger: ['warn', 'error'], forceCloseConnections: true });
app.useGlobalPipes(createValidationPipe());
app.enableShutdownHooks();
await app.listen(Number(PORT));
