import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import express from 'express';
import session from 'express-session';
import Fastify from 'fastify';
import { redisSessionStore } from '../libs/redis-cache/src/session/redis-session-store.js';
import { eventually } from './support/eventually.js';
import { uniqueNamespace } from './support/servers.js';
import { dump, type SessionProcess, startSessions } from './support/sessions.js';

interface Visitor {
  get(path: string, cookie?: string): Promise<{ status: number; body: unknown; cookie: string | undefined }>;
  close(): Promise<unknown>;
}

const SECRET = 'a secret of at least thirty-two characters';
const MARKER = 'MARKER-b52c';
let gates: (() => void)[] = [];
const visitors: Visitor[] = [];

beforeEach(() => {
  gates = [];
});
afterEach(async () => {
  for (const open of gates) open();
  await Promise.all(visitors.splice(0).map((visitor) => visitor.close()));
});

type Handler = (
  session: Record<string, any>,
  end: { destroy(): Promise<void>; regenerate(): Promise<void> },
) => unknown;

/** What both applications do. */
const routes: Record<string, Handler> = {
  '/look': ({ cookie: _cookie, ...data }) => data,
  '/visit': (data) => (data.views = Number(data.views ?? 0) + 1),
  '/mark': (data) => (data.note = MARKER),
  '/theme': async (data) => {
    data.theme = 'dark';
    await new Promise<void>((resolve) => gates.push(resolve));
  },
  '/logout': async (_data, { destroy }) => destroy(),
  '/login': async (_data, { regenerate }) => regenerate(),
  '/nothing': () => 'nothing',
};

function listening(server: Server): Visitor {
  const visitor: Visitor = {
    get: async (path, cookie) => {
      const { port } = server.address() as AddressInfo;
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: cookie === undefined ? {} : { cookie },
      });
      const text = await response.text();
      return {
        status: response.status,
        body: text === '' ? undefined : JSON.parse(text),
        cookie: response.headers.get('set-cookie')?.split(';')[0],
      };
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  visitors.push(visitor);
  return visitor;
}

async function startExpress({ sessions }: SessionProcess<object>): Promise<Visitor> {
  const app = express();
  const store = redisSessionStore(session.Store, sessions);
  app.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false }));
  app.use(async (request, response) => {
    const done = (act: (callback: (error?: unknown) => void) => void): Promise<void> =>
      new Promise((resolve, reject) => {
        act((error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    const end = {
      destroy: () => done((callback) => request.session.destroy(callback)),
      regenerate: () => done((callback) => request.session.regenerate(callback)),
    };
    const result = await routes[request.path]!(request.session as never, end);
    if (request.path === '/login') (request.session as unknown as { user: string }).user = '42';
    response.json(result ?? null);
  });
  app.use(
    (
      error: { code?: string },
      _request: IncomingMessage,
      response: ServerResponse & { status(code: number): { json(body: unknown): void } },
      _next: unknown,
    ) => {
      response.status(error.code === 'REDIS_UNAVAILABLE' ? 503 : 500).json(null);
    },
  );
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return listening(server);
}

async function startFastify({ sessions }: SessionProcess<object>): Promise<Visitor> {
  const app = Fastify({ forceCloseConnections: true });
  await app.register(fastifyCookie);
  const store = redisSessionStore(EventEmitter, sessions);
  await app.register(fastifySession, { store, secret: SECRET, saveUninitialized: false, cookie: { secure: false } });
  for (const [path, handle] of Object.entries(routes)) {
    app.get(path, async (request) => {
      const current = request.session;
      const end = {
        destroy: async () => {
          await current.destroy();
        },
        regenerate: async () => {
          await current.regenerate();
          (request.session as unknown as { user: string }).user = '42';
        },
      };
      return JSON.stringify((await handle(current as never, end)) ?? null);
    });
  }
  await app.listen({ port: 0, host: '127.0.0.1' });
  return listening(app.server);
}

describe.each([
  ['express-session', startExpress],
  ['@fastify/session', startFastify],
])('redisSessionStore under %s', (library, startApp) => {
  it('keeps a session over requests and instances, and makes none where nothing is stored', async () => {
    const namespace = uniqueNamespace();
    const processes = [await startSessions({ namespace }), await startSessions({ namespace })] as const;
    const [one, other] = [await startApp(processes[0]), await startApp(processes[1])];
    await one.get('/nothing');
    expect(await processes[0].sessions.count()).toBe(0);
    const { cookie } = await one.get('/visit');
    expect((await other.get('/visit', cookie)).body).toBe(2);
    expect((await one.get('/look', cookie)).body).toMatchObject({ views: 2 });
    expect(await processes[0].sessions.count()).toBe(1);
  });

  it('holds neither ids nor data in Redis', async () => {
    const process = await startSessions();
    const visitor = await startApp(process);
    const { cookie } = await visitor.get('/mark');
    const sid = decodeURIComponent(cookie!.split('=')[1]!).replace(/^s:/, '').split('.')[0]!;
    const held = await dump(process);
    expect(held.size).toBe(1);
    const bytes = Buffer.concat([...held].flatMap(([key, values]) => [Buffer.from(key), ...values]));
    for (const secret of [sid, MARKER]) expect(bytes.includes(secret)).toBe(false);
  });

  it('never brings a session back by a late save', async () => {
    const process = await startSessions();
    const visitor = await startApp(process);
    const { cookie } = await visitor.get('/visit');
    const slow = visitor.get('/theme', cookie);
    await eventually(() => gates.length === 1);
    await visitor.get('/logout', cookie);
    gates[0]!();
    await slow;
    expect(await process.sessions.count()).toBe(0);
    expect((await visitor.get('/look', cookie)).body).not.toMatchObject({ views: 1 });
  });

  it(
    library === 'express-session' ? 'keeps what parallel requests wrote to other fields' : 'lets the last request win',
    async () => {
      const process = await startSessions();
      const visitor = await startApp(process);
      const { cookie } = await visitor.get('/visit');
      const slow = visitor.get('/theme', cookie);
      await eventually(() => gates.length === 1);
      await visitor.get('/visit', cookie);
      gates[0]!();
      await slow;
      const views = library === 'express-session' ? 2 : 1;
      expect((await visitor.get('/look', cookie)).body).toMatchObject({ theme: 'dark', views });
    },
  );

  it('ends the id from before when it is regenerated', async () => {
    const process = await startSessions();
    const visitor = await startApp(process);
    const { cookie: before } = await visitor.get('/visit');
    const { cookie: after } = await visitor.get('/login', before);
    expect(after).toBeDefined();
    expect(after).not.toBe(before);
    expect((await visitor.get('/look', after)).body).toMatchObject({ user: '42' });
    expect((await visitor.get('/look', before)).body).not.toMatchObject({ user: '42' });
    expect(await process.sessions.count()).toBe(1);
  });

  it('fails a request whose session Redis does not tell', async () => {
    const process = await startSessions();
    const visitor = await startApp(process);
    const { cookie } = await visitor.get('/visit');
    process.connection.close();
    const { status, cookie: given } = await visitor.get('/look', cookie);
    expect(status).toBe(500);
    expect(given).toBeUndefined();
  });
});

it('a session of redisSessionStore cannot be had by presenting its id as one of ours', async () => {
  const process = await startSessions();
  const store = redisSessionStore(EventEmitter, process.sessions);
  const sid = 'S'.repeat(45);
  await new Promise<void>((resolve) => store.set(sid, { user: '42' }, () => resolve()));
  expect(await process.sessions.count()).toBe(1);
  for (const id of [sid, `~${sid}`]) expect(await process.sessions.get(id)).toBeUndefined();
});
