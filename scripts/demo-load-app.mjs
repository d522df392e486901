// @ts-check
// The reference application as `npm run demo:load` measures it, in a process of its own. CACHE says with which cache:
// `none`, `ours` or `cache-manager`. Sessions are on the Redis of REDIS_URL, and the cache on that of CACHE_REDIS_URL, so
// that what is measured while the latter is away is the cache.
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { redisCacheConfig } from 'nestjs-rcache/config';
import { baselineModule } from './demo-load-baseline.mjs';

const { CACHE, PORT, CACHE_REDIS_URL: url = '', BASELINE_MEMORY } = process.env;

process.env.CACHE_ENABLED = String(CACHE === 'ours');
const compiled = '../dist/apps/reference';
const { AppModule } = await import(`${compiled}/app.module.js`);
const { createValidationPipe } = await import(`${compiled}/validation.pipe.js`);

const imports = [await AppModule.fromEnvironment()];
if (CACHE === 'cache-manager') imports.push(await baselineModule({ url, hasMemory: BASELINE_MEMORY !== 'false' }));

const options = await redisCacheConfig();
const { connection } = options;
const apart = {
  connection: { url },
  connections: { sessions: connection || {} },
  session: options.session && { ...options.session, connection: 'sessions' },
};
const module = await Test.createTestingModule({ imports })
  .overrideProvider(redisCacheConfig.KEY)
  .useValue({ ...options, ...(CACHE === 'ours' && apart) })
  .compile();
const app = module.createNestApplication(new ExpressAdapter(), { forceCloseConnections: true });
app.useGlobalPipes(createValidationPipe());
app.enableShutdownHooks();
await app.listen(Number(PORT));
