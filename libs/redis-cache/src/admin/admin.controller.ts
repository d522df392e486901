import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Inject,
  type MessageEvent,
  NotFoundException,
  Param,
  Post,
  Query,
  Req,
  ServiceUnavailableException,
  Sse,
  StreamableFile,
  type Type,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import { NoHttpCache } from '../http/http-cache.decorator.js';
import { Actor, AdminRightsGuard, AdminShieldGuard, FromAnywhere, Needs } from './admin-access.guard.js';
import { AdminErrorFilter } from './admin-error.filter.js';
import type { ResolvedAdminOptions } from './admin-options.js';
import { type AdminRequest, pathOf } from './admin-request.js';
import { AdminService, type HistoryOverview, type Overview, type WarmUpOverview } from './admin.service.js';
import { type Fields, KINDS } from './action.js';
import { Described, InOpenApi, NotInOpenApi } from './openapi.decorator.js';
import type { AdminPrincipal } from './basic-auth.guard.js';
import { NO_ROOM } from './live-streams.js';
import type { Preview } from './two-steps.js';
import { pageAt, type PageFile, pageFile } from './page-files.js';

const CACHE = 'name of a cache';
const CONNECTION = 'name of a connection';
const KEY = 'text, or a list as JSON';
const WARMER = 'name of a warmer';
const ACTION_FIELDS = {
  kind: `one of ${KINDS.join(', ')}`,
  cache: CACHE,
  target: 'a key, a tag or a pattern',
  connection: CONNECTION,
  state: 'of a breaker: open or closed',
  seconds: 'how long, from 1 to 3600',
  user: 'id of a user',
  session: 'handle of a session',
};

/**
 * The controller of the admin page. A class of its own for each module, because path, versions and guards are those of its
 * options; being a controller like any other it stands under the global prefix, guards, filters and pipes.
 */
export function createAdminController({ path, version, guards }: ResolvedAdminOptions): Type {
  @NoHttpCache()
  @InOpenApi()
  @Controller({ path, version })
  @UseGuards(AdminShieldGuard, ...guards, AdminRightsGuard)
  @UseFilters(AdminErrorFilter)
  class AdminController {
    constructor(@Inject(AdminService) private readonly admin: AdminService) {}

    @Get()
    @FromAnywhere()
    @NotInOpenApi()
    async page(@Req() request: AdminRequest): Promise<StreamableFile> {
      return streamed(await pageAt(pathOf(request).replace(/\/+$/, '')));
    }

    @Get('assets/:name')
    @NotInOpenApi()
    async asset(@Param('name') name: string): Promise<StreamableFile> {
      const file = await pageFile(name);
      if (file === undefined) throw new NotFoundException();
      return streamed(file);
    }

    @Get('api/me')
    @Described('Who asks, and what he may do')
    me(@Actor() { name, rights }: AdminPrincipal): AdminPrincipal {
      return { name, rights };
    }

    @Get('api/overview')
    @Described('All there is to see at a glance')
    overview(): Promise<Overview> {
      return this.admin.overview();
    }

    @Get('api/caches/:cache')
    @Described('One cache')
    cache(@Param('cache') cache: string): ReturnType<AdminService['cache']> {
      return this.admin.cache(cache);
    }

    @Get('api/history')
    @Described('Figures over time: span is fine (10 minutes) or coarse (a day)')
    history(@Query('span') span: unknown, @Query('cache') cache: unknown): HistoryOverview {
      return this.admin.history(span === 'coarse' ? 'coarse' : 'fine', typeof cache === 'string' ? cache : undefined);
    }

    @Get('api/tags')
    @Described('The tags of some entries')
    tags(): ReturnType<AdminService['tags']> {
      return this.admin.tags();
    }

    @Get('api/doctor')
    @Described('What is wrong with Redis')
    doctor(): ReturnType<AdminService['diagnosis']> {
      return this.admin.diagnosis();
    }

    /** Not a GET, nor are the next two: keys and ids may tell about people, and addresses are logged. */
    @Post('api/entry')
    @HttpCode(200)
    @Described('One entry explained', { cache: CACHE, key: KEY, stored: 'instead of key: as it stands in Redis' })
    entry(@Body() body: unknown, @Actor() { name }: AdminPrincipal): ReturnType<AdminService['lookUp']> {
      return this.admin.lookUp(fieldsOf(body), name);
    }

    @Post('api/keys')
    @HttpCode(200)
    @Described('Some keys of a cache', {
      cache: CACHE,
      pattern: 'with * and ?',
      after: 'what the page before said is next',
    })
    keys(@Body() body: unknown, @Actor() { name }: AdminPrincipal): ReturnType<AdminService['keys']> {
      return this.admin.keys(fieldsOf(body), name);
    }

    @Post('api/sessions')
    @HttpCode(200)
    @Described('The sessions of a user', { user: 'id of the user' })
    sessions(@Body() body: unknown, @Actor() { name }: AdminPrincipal): ReturnType<AdminService['sessionsOf']> {
      return this.admin.sessionsOf(fieldsOf(body), name);
    }

    @Post('api/actions/preview')
    @HttpCode(200)
    @Described('What an action would do', ACTION_FIELDS)
    @Needs('write')
    preview(@Body() body: unknown, @Actor() { name }: AdminPrincipal): Promise<Preview> {
      return this.admin.preview(fieldsOf(body), name);
    }

    @Post('api/actions')
    @HttpCode(200)
    @Described('Does what was previewed', { token: 'of the preview, for a minute' })
    @Needs('write')
    act(@Body() body: unknown, @Actor() { name }: AdminPrincipal): Promise<{ status: string }> {
      return this.admin.act(fieldsOf(body).token, name);
    }

    @Post('api/overrides/end')
    @HttpCode(200)
    @Described('Ends a bypass, or lets a breaker go', {
      kind: 'bypass or breaker',
      cache: CACHE,
      connection: CONNECTION,
    })
    @Needs('write')
    endOverride(@Body() body: unknown, @Actor() { name }: AdminPrincipal): Promise<{ status: string }> {
      return this.admin.endOverride(fieldsOf(body), name);
    }

    @Get('api/warm-ups')
    @Described('The warmers, and how far they are')
    warmUps(): WarmUpOverview[] {
      return this.admin.warmUpStates();
    }

    @Post('api/warm-ups')
    @HttpCode(200)
    @Described('Begins a warm-up', { warmer: WARMER })
    @Needs('write')
    warm(@Body() body: unknown, @Actor() { name }: AdminPrincipal): Promise<WarmUpOverview> {
      return this.admin.warm(fieldsOf(body).warmer, name);
    }

    @Post('api/warm-ups/cancel')
    @HttpCode(200)
    @Described('Ends a warm-up of this process', { warmer: WARMER })
    @Needs('write')
    cancel(@Body() body: unknown, @Actor() { name }: AdminPrincipal): { isCancelled: boolean } {
      return this.admin.cancelWarmUp(fieldsOf(body).warmer, name);
    }

    @Sse('api/events')
    @Described('Server-sent events: the overview as it changes, and what happens')
    events(@Headers('last-event-id') lastId: unknown): Observable<MessageEvent> {
      if (!this.admin.hasRoomForStream) throw new ServiceUnavailableException(NO_ROOM);
      return this.admin.live(lastId);
    }
  }
  return AdminController;
}

function streamed({ body, type }: PageFile): StreamableFile {
  return new StreamableFile(body, { type, length: body.length });
}

function fieldsOf(body: unknown): Fields {
  if (typeof body !== 'object' || body === null) throw new BadRequestException('The body must be an object as JSON.');
  return body as Fields;
}
