import type { INestApplication, NestInterceptor, Provider, Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { request, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { CacheEngine, CacheEngineOptions } from '../../libs/redis-cache/src/cache/engine.js';
import type { HttpCacheModuleOptions } from '../../libs/redis-cache/src/http/http-options.js';
import type { Clock } from '../../libs/redis-cache/src/time.js';
import { CACHE_ENGINE, HTTP_CACHE_OPTIONS } from '../../libs/redis-cache/src/tokens.js';
import { startEngine, trusted } from './engines.js';

/** Names of the adapters, with what makes one. */
export const ADAPTERS = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
] as const;
export type CreateAdapter = (typeof ADAPTERS)[number][1];

export interface HttpAppOptions {
  controllers: Type[];
  engine?: CacheEngineOptions;
  clock?: Clock;
  http?: HttpCacheModuleOptions;
  providers?: Provider[];
  global?: NestInterceptor[];
  /** Called with the app before it listens. */
  prepare?: (app: INestApplication) => void;
}

export interface HttpApp {
  app: INestApplication;
  engine: CacheEngine;
  ask(path: string, headers?: Record<string, string>, method?: string): Promise<Answer>;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
  /** `Cache-Status`. */
  cache: string;
}

const started: INestApplication[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});

/** An app of these controllers on an engine of its own, closed after the test. */
export async function startHttpApp(createAdapter: CreateAdapter, options: HttpAppOptions): Promise<HttpApp> {
  const engine = await startEngine(options.engine, options.clock);
  if (options.engine?.connection === undefined) await trusted(engine);
  const cache = {
    module: class CacheModule {},
    global: true,
    providers: [
      { provide: CACHE_ENGINE, useValue: engine },
      { provide: HTTP_CACHE_OPTIONS, useValue: options.http ?? {} },
    ],
    exports: [CACHE_ENGINE, HTTP_CACHE_OPTIONS],
  };
  const { controllers, providers = [] } = options;
  const testing = await Test.createTestingModule({
    imports: [cache, DiscoveryModule],
    controllers,
    providers,
  }).compile();
  const app = testing.createNestApplication(createAdapter() as ExpressAdapter, { logger: false });
  app.useGlobalInterceptors(...(options.global ?? []));
  options.prepare?.(app);
  started.push(app);
  await app.listen(0, '127.0.0.1');
  const port = Number(new URL(await app.getUrl()).port);
  return { app, engine, ask: (path, headers, method) => ask(port, path, headers, method) };
}

/** One request, its path sent as it is. */
export async function ask(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  const outgoing = request({ port, host: '127.0.0.1', method, path, headers: { host: 'shop.example', ...headers } });
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject).end();
  });
  const body = await buffer(response);
  const { statusCode: status = 0, headers: answered } = response;
  return { status, headers: answered, body, text: body.toString(), cache: String(answered['cache-status'] ?? '') };
}
