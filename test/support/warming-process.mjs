// @ts-check
// A process that runs one warmer as soon as it is told to, and tells its parent of each event of that and of its result.
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { CACHE_ENGINE, defineCache, defineWarmer, RedisCacheModule, WarmUpService } from 'nestjs-rcache';

const LOAD_MS = 60;
const [url, namespace, entries] = process.argv.slice(2);
const pages = defineCache({ name: 'pages', key: (/** @type {number} */ id) => ['page', id], ttl: '1h' });

class AppModule {}
const imports = [RedisCacheModule.forRoot({ connection: { url }, namespace, startTimeout: '5s' })];
const app = await NestFactory.createApplicationContext({ module: AppModule, imports }, { logger: false });
let loads = 0;
app.get(WarmUpService).use(defineWarmer(pages, { concurrency: 2 }), {
  entries: () => Array.from({ length: Number(entries) }, (_, id) => id),
  load: async (id) => {
    await sleep(LOAD_MS);
    loads += 1;
    process.send?.({ loads });
    return id;
  },
});
process.on('message', async () => {
  process.send?.({ result: await app.get(WarmUpService).run('pages').result, loads });
});
process.on('disconnect', () => process.exit());
while (
  !app
    .get(CACHE_ENGINE)
    .connectionStates()
    .every((/** @type {any} */ { isUp }) => isUp)
)
  await sleep(5);
process.send?.({ isReady: true });
