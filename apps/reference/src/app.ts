import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { SessionService } from 'nestjs-rcache';
import { AppModule } from './app.module.js';
import { readEnvironment, type HttpAdapterName } from './environment.js';
import { createValidationPipe } from './validation.pipe.js';

export interface AppOptions {
  /** Default: `HTTP_ADAPTER` of the environment. */
  adapter?: HttpAdapterName;
  /** Default: Nest's logger. */
  logger?: false;
}

/** The application as `main.ts` serves it, for the caller to `init()` or `listen()`, and to `close()`. */
export async function createApp({ adapter, logger }: AppOptions = {}): Promise<INestApplication> {
  // First: it reads `.env`.
  const module = await AppModule.fromEnvironment();
  const { HTTP_ADAPTER, TRUSTED_PROXIES } = readEnvironment(process.env);
  const app = await NestFactory.create(module, newAdapter(adapter ?? HTTP_ADAPTER, TRUSTED_PROXIES), {
    logger,
    // Rejects instead of ending the process: what failed is for the caller to show.
    abortOnError: false,
    // Idle keep-alive connections would hold a shutdown up.
    forceCloseConnections: true,
  });
  app.useGlobalPipes(createValidationPipe());
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, openApi(app.get(SessionService))));
  return app;
}

/** With so many proxies in front, which each add an address to `X-Forwarded-For`. */
function newAdapter(name: HttpAdapterName, proxies: number) {
  const isTrusted = (_address: string, hop: number) => hop < proxies;
  if (name === 'fastify') return new FastifyAdapter({ trustProxy: isTrusted });
  const adapter = new ExpressAdapter();
  adapter.set('trust proxy', isTrusted);
  return adapter;
}

function openApi(sessions: SessionService) {
  return new DocumentBuilder()
    .setTitle('ComplyDesk')
    .setDescription('Log in first: the session cookie is sent along from then on.')
    .addCookieAuth(sessions.clearCookie().split('=', 1)[0])
    .build();
}
