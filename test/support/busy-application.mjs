// @ts-check
// A Nest application whose cache is busy all the time: takes the options of RedisCacheModule as JSON, answers questions
// over IPC, and ends by itself once it was closed, or failed to start, and nothing keeps it alive.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CACHE_ENGINE, RedisCacheModule } from 'nestjs-rcache';
import { CacheLoad } from './cache-load.mjs';

/** @type {string[]} */
const alarms = [];
for (const alarm of ['unhandledRejection', 'uncaughtException', 'warning']) {
  process.on(alarm, (reason) => alarms.push(`${alarm}: ${reason?.stack ?? reason}`));
}
const endWithParent = () => process.exit(1);
process.on('disconnect', endWithParent);

class AppModule {}
Module({ imports: [RedisCacheModule.forRoot(JSON.parse(process.argv[2] ?? '{}'))] })(AppModule);

const startedAtMs = performance.now();
try {
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  serve(app, performance.now() - startedAtMs);
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
  letEnd();
}

/**
 * @param {import('@nestjs/common').INestApplication} app
 * @param {number} listeningAfterMs
 */
function serve(app, listeningAfterMs) {
  const engine = app.get(CACHE_ENGINE);
  const load = new CacheLoad(engine);
  const answers = {
    listeningAfterMs: () => listeningAfterMs,
    notes: () => ({ ...load.notes, alarms }),
    beginAnew: () => load.beginAnew(),
    /** Whether a value was stored in Redis and read from there, and memory may answer. */
    usesRedis: async () => {
      const key = `probe ${performance.now()}`;
      const { isStored } = await load.cache.resolve(key, () => key);
      const found = await load.cache.get(key, { l1: false });
      return isStored && found === key && engine.connectionStates()[0]?.link === 'trusted';
    },
    /** How long it took, in the midst of calls. */
    close: async () => {
      const stopped = load.stop();
      const askedAtMs = performance.now();
      await app.close();
      const closedAfterMs = performance.now() - askedAtMs;
      await stopped;
      return closedAfterMs;
    },
  };
  process.on('message', async (/** @type {keyof typeof answers} */ question) => {
    const answer = await answers[question]();
    process.send?.({ answer }, () => {
      if (question === 'close') letEnd();
    });
  });
  process.send?.({ answer: 'ready' });
}

/** The channel to the parent would keep this process alive. */
function letEnd() {
  process.off('disconnect', endWithParent);
  process.disconnect();
}
