import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ADMIN_OPTIONS } from '../tokens.js';
import type { ResolvedAdminOptions } from './admin-options.js';

interface FastifyRequest {
  readonly url: string;
  readonly is404: boolean;
}

interface FastifyReply {
  code(status: number): this;
  header(name: string, value: string): this;
  send(): unknown;
}

interface FastifyInstance {
  addHook(name: 'onRequest', hook: (request: FastifyRequest, reply: FastifyReply, done: () => void) => void): unknown;
}

/** Leads to the page from its address with a slash at the end, which is another path to Fastify, as it is not to Express. */
@Injectable()
export class TrailingSlash implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
  ) {}

  onModuleInit(): void {
    // Without HTTP there is no adapter.
    if ((this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined)?.getType() !== 'fastify') return;
    const segments = this.options.path.split('/').filter((segment) => segment !== '');
    const end = `/${segments.join('/')}/`;
    this.host.httpAdapter.getInstance<FastifyInstance>().addHook('onRequest', (request, reply, done) => {
      if (!request.is404 || request.url.split('?')[0]?.endsWith(end) !== true) done();
      // Relative, so that no path makes it lead to another host.
      else
        reply
          .code(302)
          .header('location', `../${segments.at(-1) ?? ''}`)
          .send();
    });
  }
}
