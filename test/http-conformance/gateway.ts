import {
  All,
  BadGatewayException,
  Controller,
  type INestApplication,
  Req,
  Res,
  StreamableFile,
  UseInterceptors,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { CacheEngine } from '../../libs/redis-cache/src/cache/engine.js';
import { HttpCache } from '../../libs/redis-cache/src/http/http-cache.decorator.js';
import { HttpCacheInterceptor } from '../../libs/redis-cache/src/http/http-cache.interceptor.js';
import { CACHE_ENGINE, HTTP_CACHE_OPTIONS } from '../../libs/redis-cache/src/tokens.js';

const OF_THE_BODY = ['content-length', 'transfer-encoding'];

/** An app that passes every request on to the origin of the suite, through the cache. */
export async function startGateway(
  engine: CacheEngine,
  adapter: AbstractHttpAdapter,
  originPort: number,
): Promise<INestApplication> {
  @Controller()
  @UseInterceptors(HttpCacheInterceptor)
  class GatewayController {
    @All(adapter instanceof FastifyAdapter ? '*' : '*path')
    @HttpCache({ scope: 'response', heuristic: true })
    async forward(
      @Req() incoming: IncomingMessage & { raw?: IncomingMessage },
      @Res({ passthrough: true }) outgoing: ServerResponse & { raw?: ServerResponse },
    ): Promise<StreamableFile> {
      const { status, headers, body } = await forward(incoming.raw ?? incoming, originPort);
      const response = outgoing.raw ?? outgoing;
      response.statusCode = status;
      for (const [name, value] of headers) response.setHeader(name, value);
      return new StreamableFile(body);
    }
  }

  const cache = {
    module: class CacheModule {},
    global: true,
    providers: [
      { provide: CACHE_ENGINE, useValue: engine },
      { provide: HTTP_CACHE_OPTIONS, useValue: { requestDirectives: true } },
    ],
    exports: [CACHE_ENGINE, HTTP_CACHE_OPTIONS],
  };
  const testing = await Test.createTestingModule({ imports: [cache], controllers: [GatewayController] }).compile();
  if (adapter instanceof FastifyAdapter) {
    const fastify = adapter.getInstance();
    fastify.addHttpMethod('M-SEARCH', { hasBody: true });
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('*', (_request: unknown, _payload: unknown, done: (error: null) => void) => {
      done(null);
    });
  } else adapter.getInstance().set('etag', false);
  const app = testing.createNestApplication(adapter, { bodyParser: false, logger: false });
  await app.listen(0, '127.0.0.1');
  return app;
}

async function forward(incoming: IncomingMessage, port: number) {
  const { method, url: path } = incoming;
  const headers = { ...incoming.headers, connection: 'close' };
  const outgoing = ask({ port, host: '127.0.0.1', method, path, headers, agent: false, insecureHTTPParser: true });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject);
  });
  if (method === 'GET' || method === 'HEAD') outgoing.end();
  else incoming.pipe(outgoing);
  try {
    const response = await answer;
    return { status: response.statusCode as number, headers: headersOf(response), body: await buffer(response) };
  } catch (cause) {
    throw new BadGatewayException('The origin closed the connection.', { cause });
  }
}

/** Each header once, with all its lines. */
function headersOf({ rawHeaders }: IncomingMessage): Map<string, string | string[]> {
  const headers = new Map<string, string | string[]>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    const before = headers.get(name);
    if (!OF_THE_BODY.includes(name)) headers.set(name, before === undefined ? value : [before, value].flat());
  }
  return headers;
}
