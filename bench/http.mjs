// @ts-check
// What a cached response costs one Nest application per adapter: a handler that returns a constant string with the same
// headers, one that asks Redis for that string with a plain GET of ioredis, the same response behind the cache (hit from
// memory, from Redis, 304), and a route that is not cached; each beside a handler without any interceptor, and beside one
// with an interceptor that does nothing. Interleaved rounds; a ratio is that of the CPU time the
// server's process takes per request, the median of the rounds, so that it does not depend on who else uses the machine.
// Requests per second are the best of the rounds.
//
//   npm run build && node bench/http.mjs [rounds, default 7] [seconds per window, default 1] [only names that hold this]
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { startRedis } from '../scripts/servers.mjs';

const CONNECTIONS = 16;
const WARM_MS = 1_000;
const BODY = JSON.stringify({ text: 'x'.repeat(500), list: Array.from({ length: 20 }, (_, index) => index) });

/** What is compared with what, in a process with a memory tier or without, and the least ratio wanted. */
const COMPARISONS = [
  { name: 'hit from memory', tier: 'l1', path: '/cached', with: '/constant', least: 0.9 },
  { name: 'hit, over any interceptor', tier: 'l1', path: '/cached', with: '/idle-constant', least: 0.9 },
  { name: 'hit from Redis', tier: 'l2', path: '/cached', with: '/constant', least: 0.8 },
  { name: 'hit from Redis, over a GET', tier: 'l2', path: '/cached', with: '/asked', least: 0.9 },
  { name: 'that, over any interceptor', tier: 'l2', path: '/cached', with: '/idle-asked', least: 0.9 },
  { name: 'a GET', tier: 'l2', path: '/asked', with: '/constant', least: 0 },
  { name: 'any interceptor', tier: 'l1', path: '/idle-constant', with: '/constant', least: 0 },
  { name: '304 from memory', tier: 'l1', path: '/cached', headers: 'if-none-match: *\r\n', with: '/cached', least: 1 },
  { name: '304 from Redis', tier: 'l2', path: '/cached', headers: 'if-none-match: *\r\n', with: '/cached', least: 1 },
  { name: 'not cached', tier: 'l1', path: '/passed', with: '/plain', least: 0.97 },
  { name: 'not cached, over any other', tier: 'l1', path: '/passed', with: '/idle', least: 0.97 },
];

const [adapter, url, tier] = process.argv.slice(2);
if (process.send && adapter && url) await serve(adapter, url, tier === 'l1');
else await main(Number(adapter ?? 7), Number(url ?? 1) * 1_000, tier ?? '');

/** @param {number} rounds @param {number} windowMs @param {string} filter */
async function main(rounds, windowMs, filter) {
  const redis = await startRedis();
  for (const name of ['express', 'fastify']) {
    const children = ['l1', 'l2'].map((tier) => ({ tier, child: fork(import.meta.filename, [name, redis.url, tier]) }));
    const servers = await Promise.all(
      children.map(async (each) => ({ ...each, port: (await once(each.child, 'message'))[0].port })),
    );
    for (const { name: what, tier, path, headers = '', with: other, least } of COMPARISONS) {
      if (!`${name} ${what}`.includes(filter)) continue;
      const server = servers.find((each) => each.tier === tier) ?? assert.fail();
      await measure(server, path, headers, WARM_MS);
      await measure(server, other, '', WARM_MS);
      const ratios = [];
      let best = 0;
      for (let round = 0; round < rounds; round++) {
        const mine = await measure(server, path, headers, windowMs);
        const its = await measure(server, other, '', windowMs);
        ratios.push(its.cpuMicros / mine.cpuMicros);
        best = Math.max(best, mine.perSecond);
      }
      ratios.sort((a, b) => a - b);
      const median = ratios[Math.floor(rounds / 2)] ?? 0;
      console.log(
        `${name.padEnd(8)} ${what.padEnd(27)} ${best.toFixed(0).padStart(6)} requests/s  ${(median * 100).toFixed(1).padStart(6)} % of ${other} ` +
          `(wanted ${least * 100} %; ${((ratios[0] ?? 0) * 100).toFixed(0)} to ${((ratios.at(-1) ?? 0) * 100).toFixed(0)})`,
      );
    }
    for (const { child } of children) child.kill();
  }
  await redis.stop();
}

/**
 * Load over plain sockets, each of which asks again when it has got an answer.
 * @param {{ child: import('node:child_process').ChildProcess, port: number }} server @param {string} path @param {string} headers @param {number} windowMs
 */
async function measure({ child, port }, path, headers, windowMs) {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: shop.example\r\n${headers}\r\n`);
  let answers = 0;
  let isOver = false;
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }),
  );
  const startedAtMs = performance.now();
  const cpuBefore = await cpuOf(child);
  const done = sockets.map(async (socket) => {
    let missing = 0;
    let head = '';
    socket.on('data', (data) => {
      let rest = data;
      if (missing === 0) {
        head += data.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
        missing = end + 4 + Number(length ?? 0);
        rest = Buffer.from(head, 'latin1');
        head = '';
      }
      missing -= rest.length;
      if (missing > 0) return;
      missing = 0;
      answers += 1;
      if (isOver) socket.end();
      else socket.write(request);
    });
    socket.write(request);
    await once(socket, 'close');
  });
  await new Promise((resolve) => setTimeout(resolve, windowMs));
  const counted = answers;
  const cpuMicros = ((await cpuOf(child)) - cpuBefore) / counted;
  const perSecond = (counted * 1000) / (performance.now() - startedAtMs);
  isOver = true;
  await Promise.all(done);
  return { perSecond, cpuMicros };
}

/** Microseconds a process has worked. @param {import('node:child_process').ChildProcess} child */
async function cpuOf(child) {
  child.send('cpu');
  return (await once(child, 'message'))[0].cpu;
}

/** @param {string} name @param {string} redisUrl @param {boolean} hasMemory */
async function serve(name, redisUrl, hasMemory) {
  const { Controller, Get, Res, UseInterceptors } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  const { HttpCache, HttpCacheInterceptor, NoHttpCache, RedisCacheModule } = await import('nestjs-rcache');
  const { Redis } = await import('ioredis');
  const redis = new Redis(redisUrl);
  await redis.set('asked', BODY);
  const Adapter =
    name === 'fastify'
      ? (await import('@nestjs/platform-fastify')).FastifyAdapter
      : (await import('@nestjs/platform-express')).ExpressAdapter;

  /** Headers of a hit, which the constant handler sets too. @type {Record<string, string>} */
  let headers = {};
  class PlainController {
    /** @param {{ header(name: string, value: string): unknown }} response */
    constant(response) {
      for (const each in headers) response.header(each, headers[each] ?? '');
      return BODY;
    }

    /** @param {{ header(name: string, value: string): unknown }} response */
    idleConstant(response) {
      return this.constant(response);
    }

    /** @param {{ header(name: string, value: string): unknown }} response */
    async asked(response) {
      for (const each in headers) response.header(each, headers[each] ?? '');
      return redis.get('asked');
    }

    /** @param {{ header(name: string, value: string): unknown }} response */
    idleAsked(response) {
      return this.asked(response);
    }

    plain() {
      return BODY;
    }

    idle() {
      return BODY;
    }
  }
  class CachedController {
    cached() {
      return JSON.parse(BODY);
    }

    passed() {
      return BODY;
    }
  }
  /** @param {object} target @param {string} key @param {...MethodDecorator} decorators */
  const route = (target, key, ...decorators) => {
    const path = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(target, key));
    for (const decorate of [Get(path), ...decorators]) decorate(target, key, descriptor);
  };
  const idle = { intercept: (/** @type {unknown} */ _context, /** @type {any} */ next) => next.handle() };
  route(PlainController.prototype, 'constant');
  Res({ passthrough: true })(PlainController.prototype, 'constant', 0);
  route(PlainController.prototype, 'idleConstant', UseInterceptors(idle));
  Res({ passthrough: true })(PlainController.prototype, 'idleConstant', 0);
  route(PlainController.prototype, 'asked');
  Res({ passthrough: true })(PlainController.prototype, 'asked', 0);
  route(PlainController.prototype, 'idleAsked', UseInterceptors(idle));
  Res({ passthrough: true })(PlainController.prototype, 'idleAsked', 0);
  route(PlainController.prototype, 'plain');
  route(PlainController.prototype, 'idle', UseInterceptors(idle));
  route(CachedController.prototype, 'cached', HttpCache({ ttl: '1h', scope: 'public' }));
  route(CachedController.prototype, 'passed', NoHttpCache());
  Controller()(PlainController);
  UseInterceptors(HttpCacheInterceptor)(CachedController);
  Controller()(CachedController);

  class AppModule {}
  const cache = RedisCacheModule.forRoot({ connection: { url: redisUrl }, namespace: name, l1: hasMemory });
  const controllers = [PlainController, CachedController];
  const app = await NestFactory.create({ module: AppModule, imports: [cache], controllers }, new Adapter(), {
    logger: false,
  });
  await app.listen(0, '127.0.0.1');
  const port = Number(new URL(await app.getUrl()).port);
  await fetch(`http://127.0.0.1:${port}/cached`);
  const { headers: sent } = await fetch(`http://127.0.0.1:${port}/cached`);
  const ofTheServer = ['connection', 'keep-alive', 'content-length', 'x-powered-by'];
  headers = Object.fromEntries([...sent].filter(([each]) => !ofTheServer.includes(each)));
  process.send?.({ port });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu: user + system });
  });
  process.on('disconnect', () => process.exit());
}
