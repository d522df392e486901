// @ts-check
// A process with an HTTP application whose one handler takes its time and says who ran it. Its parent gives it the Redis
// and the namespace and hears the port, then on which side it has trusted its link.
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CACHE_ENGINE, HttpCache, HttpCacheInterceptor, RedisCacheModule } from 'nestjs-rcache';

const [url, namespace] = process.argv.slice(2);
let runs = 0;

class SlowController {
  async slow() {
    runs += 1;
    await sleep(300);
    return { by: process.pid };
  }
}
const slow = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(SlowController.prototype, 'slow'));
Get('slow')(SlowController.prototype, 'slow', slow);
HttpCache({ ttl: '1m' })(SlowController.prototype, 'slow', slow);
UseInterceptors(HttpCacheInterceptor)(SlowController);
Controller()(SlowController);

const cache = RedisCacheModule.forRoot({ connection: { url }, namespace });
class AppModule {}
const app = await NestFactory.create(
  { module: AppModule, imports: [cache], controllers: [SlowController] },
  new FastifyAdapter(),
  { logger: false },
);
await app.listen(0, '127.0.0.1');
const engine = app.get(CACHE_ENGINE);
while (!engine.connectionStates().every((/** @type {any} */ { link }) => link === 'trusted')) await sleep(5);
process.send?.({ port: Number(new URL(await app.getUrl()).port) });
process.on('message', () => process.send?.({ runs }));
process.on('disconnect', () => process.exit());
