// What an authenticated request costs with this library's sessions, and with express-session and connect-redis, which keep
// them in clear: the same Nest application on Express, the same Redis, the same data. The best of interleaved rounds, since
// whatever else a machine does only makes it slower.
//
//   npm run build && node bench/sessions.mjs [rounds, default 5] [seconds per round, default 2]
//
// `read` looks at the session, `write` changes it. CPU is that of the server's process, so that it does not depend on who
// else uses the machine; commands and their time are those Redis counts.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { Redis } from 'ioredis';
import { startRedis } from '../scripts/servers.mjs';

const CONNECTIONS = 32;
const WARM_MS = 1_000;
const KINDS = ['nestjs-rcache', 'express-session'];
const PATHS = ['/read', '/write'];
const DATA = { name: 'Ada Lovelace', roles: ['reader', 'editor'], note: randomBytes(300).toString('base64'), views: 0 };

const [kind, url] = process.argv.slice(2);
if (process.send && kind && url) await serve(kind, url);
else await main(Number(kind ?? 5), Number(url ?? 2) * 1_000);

/** @param {number} rounds @param {number} windowMs */
async function main(rounds, windowMs) {
  const redis = await startRedis();
  const admin = new Redis(redis.url);
  const servers = await Promise.all(KINDS.map((each) => startServer(each, redis.url)));
  /** @type {Map<string, { perSecond: number, cpuMicros: number, commands: number, redisMicros: number }[]>} */
  const measured = new Map();
  for (const server of servers) await load(server, PATHS[0] ?? '', WARM_MS);
  for (let round = 0; round < rounds; round++) {
    for (const path of PATHS) {
      for (const server of servers) {
        const name = `${path.slice(1).padEnd(5)} ${server.kind}`;
        measured.set(name, [...(measured.get(name) ?? []), await measure(server, path, windowMs, admin)]);
      }
    }
  }
  for (const [name, results] of measured) {
    const least = (/** @type {keyof typeof results[0]} */ field) => Math.min(...results.map((result) => result[field]));
    const most = Math.max(...results.map(({ perSecond }) => perSecond));
    console.log(
      `${name.padEnd(22)} ${most.toFixed(0).padStart(6)} requests/s  ${least('cpuMicros').toFixed(0).padStart(4)} µs CPU/request  ` +
        `${least('commands').toFixed(2)} commands and ${least('redisMicros').toFixed(1)} µs in Redis/request`,
    );
  }
  for (const server of servers) {
    const { bytes, keys } = await memoryOf(admin, server.kind);
    console.log(`${server.kind.padEnd(22)} ${bytes.toFixed(0)} bytes in Redis per session, in ${keys.toFixed(1)} keys`);
    server.child.kill();
  }
  admin.disconnect();
  await redis.stop();
}

/** @param {string} serverKind @param {string} redisUrl */
async function startServer(serverKind, redisUrl) {
  const child = fork(new URL(import.meta.url).pathname, [serverKind, redisUrl]);
  const [{ port }] = await once(child, 'message');
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  // A user per connection.
  const logins = await Promise.all(Array.from({ length: CONNECTIONS }, () => send({ port, agent }, '/login', '')));
  return { kind: serverKind, child, port, agent, cookies: logins.map(({ cookie }) => cookie) };
}

/** @typedef {Awaited<ReturnType<typeof startServer>>} Server */

/** @param {Server} server @param {string} path @param {number} windowMs @param {Redis} admin */
async function measure(server, path, windowMs, admin) {
  const cpu = async () => {
    server.child.send('cpu');
    const [{ micros }] = await once(server.child, 'message');
    return micros;
  };
  await admin.config('RESETSTAT');
  const cpuBefore = await cpu();
  const { requests, ms } = await load(server, path, windowMs);
  const cpuMicros = ((await cpu()) - cpuBefore) / requests;
  const stats = (await admin.info('commandstats')).matchAll(/cmdstat_(\S+?):calls=(\d+),usec=(\d+)/g);
  let [commands, micros] = [0, 0];
  for (const [, name = '', calls, usec] of stats) {
    // What a script calls is part of the script.
    if (!['get', 'set', 'expire', 'eval', 'evalsha'].includes(name)) continue;
    commands += Number(calls);
    micros += Number(usec);
  }
  return {
    perSecond: (requests / ms) * 1_000,
    cpuMicros,
    commands: commands / requests,
    redisMicros: micros / requests,
  };
}

/** @param {Server} server @param {string} path @param {number} windowMs */
async function load(server, path, windowMs) {
  const beganAtMs = performance.now();
  let requests = 0;
  await Promise.all(
    server.cookies.map(async (cookie) => {
      while (performance.now() - beganAtMs < windowMs) {
        await send(server, path, cookie);
        requests += 1;
      }
    }),
  );
  return { requests, ms: performance.now() - beganAtMs };
}

/** @param {{ port: number, agent: Agent }} server @param {string} path @param {string} cookie */
function send({ port, agent }, path, cookie) {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent, headers: cookie === '' ? {} : { cookie } }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path} was answered with ${response.statusCode}`));
      response.resume();
      response.on('end', () => resolve({ cookie: response.headers['set-cookie']?.[0]?.split(';')[0] ?? '' }));
    })
      .on('error', reject)
      .end();
  });
}

/** @param {Redis} admin @param {string} serverKind */
async function memoryOf(admin, serverKind) {
  const keys = await admin.keys(serverKind === 'nestjs-rcache' ? 'app:s*:*' : 'sess:*');
  const sizes = await Promise.all(keys.map((key) => admin.memory('USAGE', key)));
  return {
    bytes: sizes.reduce((sum, size) => Number(sum) + Number(size), 0) / CONNECTIONS,
    keys: keys.length / CONNECTIONS,
  };
}

/** The application. Decorators are called by hand, since nothing compiles this file. @param {string} serverKind @param {string} redisUrl */
async function serve(serverKind, redisUrl) {
  await import('reflect-metadata');
  const { Controller, Get, Module, Req } = await import('@nestjs/common');
  const { APP_GUARD, APP_INTERCEPTOR, NestFactory } = await import('@nestjs/core');
  const isOurs = serverKind === 'nestjs-rcache';
  const library = await import('../libs/redis-cache/dist/index.js');
  const { CurrentSession, Public, RedisCacheModule, SessionGuard, SessionInterceptor } = library;

  class AppController {
    async login(session) {
      if (isOurs) await session.login(randomBytes(8).toString('hex'), { ...DATA });
      else Object.assign(session.session, DATA, { userId: '42' });
      return {};
    }

    read(session) {
      const { name, views } = isOurs ? session.data : session.session;
      return { name, views };
    }

    write(session) {
      const data = isOurs ? session.data : session.session;
      data.views += 1;
      return { views: data.views };
    }
  }
  for (const route of ['login', 'read', 'write']) {
    const descriptor = Object.getOwnPropertyDescriptor(AppController.prototype, route);
    Get(route)(AppController.prototype, route, descriptor);
    (isOurs ? CurrentSession() : Req())(AppController.prototype, route, 0);
  }
  Public()(AppController.prototype, 'login', Object.getOwnPropertyDescriptor(AppController.prototype, 'login'));
  Controller()(AppController);
  /** Does for the rival what SessionGuard does. */
  class UserGuard {
    canActivate(context) {
      const incoming = context.switchToHttp().getRequest();
      return incoming.url === '/login' || incoming.session.userId !== undefined;
    }
  }
  class AppModule {}
  const secret = () => randomBytes(32).toString('base64');
  const session = { keys: [`k:${secret()}`], indexKey: secret() };
  Module({
    imports: isOurs ? [RedisCacheModule.forRoot({ connection: { url: redisUrl }, l1: false, session })] : [],
    controllers: [AppController],
    providers: isOurs
      ? [
          { provide: APP_GUARD, useClass: SessionGuard },
          { provide: APP_INTERCEPTOR, useClass: SessionInterceptor },
        ]
      : [{ provide: APP_GUARD, useClass: UserGuard }],
  })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: false });
  if (!isOurs) {
    const [{ default: expressSession }, { RedisStore }, { createClient }] = await Promise.all([
      import('express-session'),
      import('connect-redis'),
      import('redis'),
    ]);
    const client = createClient({ url: redisUrl });
    await client.connect();
    const store = new RedisStore({ client });
    app.use(expressSession({ store, secret: secret(), resave: false, saveUninitialized: false }));
  }
  await app.listen(0, '127.0.0.1');
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ micros: user + system });
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ port: app.getHttpServer().address().port });
}
