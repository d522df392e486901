// @ts-check
// Runs a Nest application whose cache is busy all the time, and answers questions about it over IPC: `[question, argument]`
// is answered by `{ answer }` or `{ error }`. Ends by itself when the parent disconnects and nothing keeps it alive.
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CACHE_ENGINE, RedisCacheModule } from 'nestjs-rcache';
import { CacheLoad } from './cache-load.mjs';

/** Longer than any budget of a connection. */
const LEAVE_WITHIN_MS = 4_000;

/** @type {string[]} */
const alarms = [];
for (const alarm of ['unhandledRejection', 'uncaughtException', 'warning']) {
  process.on(alarm, (reason) => alarms.push(`${alarm}: ${reason?.stack ?? reason}`));
}

/** @type {import('@nestjs/common').INestApplication} */
let app;
/** @type {CacheLoad} */
let load;

const answers = {
  /** How long it took until it listened. @param {object} options of RedisCacheModule */
  start: async (options) => {
    class AppModule {}
    Module({ imports: [RedisCacheModule.forRoot(options)] })(AppModule);
    const startedAtMs = performance.now();
    app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
    await app.listen(0, '127.0.0.1');
    const listeningAfterMs = performance.now() - startedAtMs;
    alarms.length = 0;
    load = new CacheLoad(app.get(CACHE_ENGINE));
    return listeningAfterMs;
  },
  notes: () => ({ ...load.notes, alarms }),
  beginAnew: () => load.beginAnew(),
  /** Whether a value was stored in Redis and read from there, and memory may answer. */
  usesRedis: async () => {
    const key = `probe ${performance.now()}`;
    const { isStored } = await load.cache.resolve(key, () => key);
    const found = await load.cache.get(key, { l1: false });
    return isStored && found === key && load.engine.connectionStates()[0]?.link === 'trusted';
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
  /** What still keeps this process alive a while later, apart from the channel to its parent. */
  leftovers: async () => {
    const giveUpAtMs = performance.now() + LEAVE_WITHIN_MS;
    while (leftovers().length > 0 && performance.now() < giveUpAtMs) await sleep(5, undefined, { ref: false });
    return leftovers();
  },
};

process.on('message', async (/** @type {[keyof typeof answers, any]} */ [question, argument]) => {
  try {
    process.send?.({ answer: await answers[question](argument) });
  } catch (error) {
    process.send?.({ error: String(error) });
  }
});

function leftovers() {
  // The channel is a pipe, and so are stdout and stderr.
  return process.getActiveResourcesInfo().filter((resource) => !resource.startsWith('Pipe'));
}
