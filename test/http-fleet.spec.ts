import { Controller, Get, UseInterceptors } from '@nestjs/common';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { HttpCache } from '../libs/redis-cache/src/http/http-cache.decorator.js';
import { HttpCacheInterceptor } from '../libs/redis-cache/src/http/http-cache.interceptor.js';
import { Redis } from 'ioredis';
import { startRedis } from '../scripts/servers.mjs';
import { ADAPTERS, ask, startHttpApp } from './support/http-app.js';
import { ON_SOURCES } from './support/on-sources.js';
import { ROOT } from './support/pages.js';
import { testConnection, uniqueNamespace } from './support/servers.js';

const PROGRAM = join(ROOT, 'test/support/http-process.mjs');
const PROCESSES = 4;
const REQUESTS = 200;

async function hear<T>(child: ChildProcess): Promise<T> {
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`It exited with ${String(code)}.`))),
  ])) as [T];
  return message;
}

describe('several processes', () => {
  it(`run the handler once for ${REQUESTS} requests at a time that find nothing stored`, async () => {
    const { url = '' } = testConnection();
    const args = [url, uniqueNamespace()];
    const children = Array.from({ length: PROCESSES }, () => fork(PROGRAM, args, { execArgv: ON_SOURCES }));
    try {
      const ports = await Promise.all(children.map(async (child) => (await hear<{ port: number }>(child)).port));
      const asking = Array.from({ length: REQUESTS }, (_, index) => ask(ports[index % PROCESSES] as number, '/slow'));
      const answers = await Promise.all(asking);
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      const runs = await Promise.all(
        children.map(async (child) => {
          child.send('runs');
          return (await hear<{ runs: number }>(child)).runs;
        }),
      );
      expect(runs.reduce((sum, each) => sum + each)).toBe(1);
    } finally {
      for (const child of children) child.kill();
    }
  }, 60_000);
});

/** Lets it refuse whatever needs memory. */
async function fill(url: string): Promise<void> {
  const client = new Redis(url);
  await client.config('SET', 'maxmemory', '1');
  client.disconnect();
}

let runs = 0;

@Controller()
@UseInterceptors(HttpCacheInterceptor)
class OutageController {
  @Get('item/:id')
  @HttpCache({ ttl: '1m', tags: ['items'] })
  one() {
    runs += 1;
    return { text: 'x'.repeat(10_000) };
  }
}

describe.each(ADAPTERS)('a Redis that is of no use on %s', (_name, createAdapter) => {
  it.each(['full', 'hanging', 'gone'] as const)(
    'never fails a request, and each runs its handler once: %s',
    async (how) => {
      const redis = await startRedis();
      try {
        const { ask: askApp } = await startHttpApp(createAdapter, {
          controllers: [OutageController],
          engine: { connection: { url: redis.url }, l1: false },
        });
        await askApp('/item/0');
        if (how === 'full') await fill(redis.url);
        if (how === 'hanging') await redis.pause();
        if (how === 'gone') await redis.kill();
        runs = 0;
        for (let id = 1; id <= 5; id++) {
          const answer = await askApp(`/item/${id}`);
          expect([answer.status, runs]).toEqual([200, id]);
        }
      } finally {
        if (how === 'hanging') await redis.resume();
        await redis.stop();
      }
    },
    30_000,
  );
});
