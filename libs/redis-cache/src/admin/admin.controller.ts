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
import type { Fields } from './action.js';
import {
  AdminService,
  type HistoryOverview,
  type Overview,
  type Preview,
  type WarmUpOverview,
} from './admin.service.js';
import type { AdminPrincipal } from './basic-auth.guard.js';
import { NO_ROOM } from './live-streams.js';
import { pageAt, type PageFile, pageFile } from './page-files.js';

/**
 * The controller of the admin page. A class of its own for each module, because path, versions and guards are those of its
 * options; being a controller like any other it stands under the global prefix, guards, filters and pipes.
 */
export function createAdminController({ path, version, guards }: ResolvedAdminOptions): Type {
  @NoHttpCache()
  @Controller({ path, version })
  @UseGuards(AdminShieldGuard, ...guards, AdminRightsGuard)
  @UseFilters(AdminErrorFilter)
  class AdminController {
    constructor(@Inject(AdminService) private readonly admin: AdminService) {}

    @Get()
    @FromAnywhere()
    async page(@Req() request: AdminRequest): Promise<StreamableFile> {
      return streamed(await pageAt(pathOf(request).replace(/\/+$/, '')));
    }

    @Get('assets/:name')
    async asset(@Param('name') name: string): Promise<StreamableFile> {
      const file = await pageFile(name);
      if (file === undefined) throw new NotFoundException();
      return streamed(file);
    }

    @Get('api/me')
    me(@Actor() { name, rights }: AdminPrincipal): AdminPrincipal {
      return { name, rights };
    }

    @Get('api/overview')
    overview(): Promise<Overview> {
      return this.admin.overview();
    }

    @Get('api/caches/:cache')
    cache(@Param('cache') cache: string): ReturnType<AdminService['cache']> {
      return this.admin.cache(cache);
    }

    @Get('api/history')
    history(@Query('span') span: unknown, @Query('cache') cache: unknown): HistoryOverview {
      return this.admin.history(span === 'coarse' ? 'coarse' : 'fine', typeof cache === 'string' ? cache : undefined);
    }

    @Get('api/tags')
    tags(): ReturnType<AdminService['tags']> {
      return this.admin.tags();
    }

    @Get('api/doctor')
    doctor(): ReturnType<AdminService['diagnosis']> {
      return this.admin.diagnosis();
    }

    /** Not a GET, nor are the next two: keys and ids may tell about people, and addresses are logged. */
    @Post('api/entry')
    @HttpCode(200)
    entry(@Body() body: unknown, @Actor() { name }: AdminPrincipal): ReturnType<AdminService['lookUp']> {
      return this.admin.lookUp(fieldsOf(body), name);
    }

    @Post('api/keys')
    @HttpCode(200)
    keys(@Body() body: unknown, @Actor() { name }: AdminPrincipal): ReturnType<AdminService['keys']> {
      return this.admin.keys(fieldsOf(body), name);
    }

    @Post('api/sessions')
    @HttpCode(200)
    sessions(@Body() body: unknown, @Actor() { name }: AdminPrincipal): ReturnType<AdminService['sessionsOf']> {
      return this.admin.sessionsOf(fieldsOf(body), name);
    }

    @Post('api/actions/preview')
    @HttpCode(200)
    @Needs('write')
    preview(@Body() body: unknown, @Actor() { name }: AdminPrincipal): Promise<Preview> {
      return this.admin.preview(fieldsOf(body), name);
    }

    @Post('api/actions')
    @HttpCode(200)
    @Needs('write')
    act(@Body() body: unknown, @Actor() { name }: AdminPrincipal): Promise<{ status: string }> {
      return this.admin.act(fieldsOf(body).token, name);
    }

    @Post('api/overrides/end')
    @HttpCode(200)
    @Needs('write')
    endOverride(@Body() body: unknown, @Actor() { name }: AdminPrincipal): Promise<{ status: string }> {
      return this.admin.endOverride(fieldsOf(body), name);
    }

    @Get('api/warm-ups')
    warmUps(): WarmUpOverview[] {
      return this.admin.warmUpStates();
    }

    @Post('api/warm-ups')
    @HttpCode(200)
    @Needs('write')
    warm(@Body() body: unknown, @Actor() { name }: AdminPrincipal): Promise<WarmUpOverview> {
      return this.admin.warm(fieldsOf(body).warmer, name);
    }

    @Post('api/warm-ups/cancel')
    @HttpCode(200)
    @Needs('write')
    cancel(@Body() body: unknown, @Actor() { name }: AdminPrincipal): { isCancelled: boolean } {
      return this.admin.cancelWarmUp(fieldsOf(body).warmer, name);
    }

    @Sse('api/events')
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
