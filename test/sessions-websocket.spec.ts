import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Inject, type INestApplication, Module, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  CurrentSession,
  CurrentUserId,
  Public,
  RedisCacheModule,
  type RequestSession,
  SessionGuard,
  SessionService,
} from 'nestjs-rcache';
import WebSocket from 'ws';
import { testRedisUrl, uniqueNamespace } from './support/servers.js';
import { sessionKeys } from './support/sessions.js';

type Client = WebSocket & { upgradeReq?: IncomingMessage };

@UseGuards(SessionGuard)
@WebSocketGateway()
class NewsGateway implements OnGatewayConnection {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  async handleConnection(client: Client, request: IncomingMessage): Promise<void> {
    client.upgradeReq = request;
    const id = this.sessions.readCookie(request.headers.cookie);
    const session = id === undefined ? undefined : await this.sessions.get(id);
    client.send(JSON.stringify({ event: 'welcome', data: session?.userId ?? 'stranger' }));
  }

  @SubscribeMessage('who') who(@CurrentUserId() userId: string): object {
    return { event: 'you', data: userId };
  }

  @SubscribeMessage('data') data(@CurrentSession() session: RequestSession): object {
    return { event: 'data', data: session.data };
  }

  @Public() @SubscribeMessage('echo') echo(@MessageBody() text: string): object {
    return { event: 'echo', data: text };
  }
}

let app: INestApplication;
let sessions: SessionService;
const sockets: WebSocket[] = [];

beforeEach(async () => {
  const options = {
    namespace: uniqueNamespace(),
    connection: { url: testRedisUrl() },
    startTimeout: '5s',
    session: sessionKeys,
  } as const;
  @Module({ imports: [RedisCacheModule.forRoot(options)], providers: [NewsGateway] })
  class NewsModule {}
  const silence = { log: () => {}, warn: () => {}, error: () => {} };
  const module = await Test.createTestingModule({ imports: [NewsModule] })
    .setLogger(silence)
    .compile();
  app = module.createNestApplication();
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
  sessions = app.get(SessionService);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await app.close();
});

/** A connection whose first message, and the answers to what is sent, can be awaited. */
async function connect(
  cookie?: string,
): Promise<{ welcome: unknown; ask(event: string, data?: unknown): Promise<unknown> }> {
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: cookie === undefined ? {} : { cookie } });
  sockets.push(socket);
  const next = async (): Promise<{ event: string; data: unknown }> => {
    const [message] = (await once(socket, 'message')) as [Buffer];
    return JSON.parse(message.toString()) as { event: string; data: unknown };
  };
  const { data: welcome } = await next();
  return {
    welcome,
    ask: async (event, data = null) => {
      const answer = next();
      socket.send(JSON.stringify({ event, data }));
      const { event: kind, data: answered } = await answer;
      return kind === 'exception' ? 'refused' : answered;
    },
  };
}

describe('a WebSocket', () => {
  it('belongs to the session of its handshake', async () => {
    const session = await sessions.create({ theme: 'dark' }, { userId: '42' });
    const socket = await connect(sessions.setCookie(session).split(';')[0]);
    expect(socket.welcome).toBe('42');
    expect(await socket.ask('who')).toBe('42');
    expect(await socket.ask('data')).toEqual({ theme: 'dark' });
  });

  it('is refused what needs a user when it has none', async () => {
    const socket = await connect();
    expect(socket.welcome).toBe('stranger');
    expect(await socket.ask('who')).toBe('refused');
    expect(await socket.ask('echo', 'hello')).toBe('hello');
  });

  it('loses its user with the session, at the next message', async () => {
    const session = await sessions.create({}, { userId: '42' });
    const socket = await connect(sessions.setCookie(session).split(';')[0]);
    expect(await socket.ask('who')).toBe('42');
    await sessions.update(session, { theme: 'light' });
    expect(await socket.ask('data')).toEqual({ theme: 'light' });
    await sessions.destroyAllOf('42');
    expect(await socket.ask('who')).toBe('refused');
  });
});
