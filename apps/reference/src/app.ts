import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { AppModule } from './app.module.js';
import { SESSION_COOKIE } from './auth/access.guard.js';
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
  // First: the configuration module adds the variables of `.env` to the environment.
  const module = AppModule.fromEnvironment();
  const name = adapter ?? readEnvironment(process.env).HTTP_ADAPTER;
  const app = await NestFactory.create(module, name === 'fastify' ? new FastifyAdapter() : new ExpressAdapter(), {
    logger,
    // Idle keep-alive connections would hold a shutdown up.
    forceCloseConnections: true,
  });
  app.useGlobalPipes(createValidationPipe());
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, openApi()));
  return app;
}

function openApi() {
  return new DocumentBuilder()
    .setTitle('ComplyDesk')
    .setDescription('Log in first: the session cookie is sent along from then on.')
    .addCookieAuth(SESSION_COOKIE)
    .addBearerAuth({ type: 'http', bearerFormat: 'opaque' })
    .build();
}
