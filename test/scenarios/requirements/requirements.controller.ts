import {
  Body,
  Controller,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Put,
  UnauthorizedException,
} from '@nestjs/common';
import { CurrentSession, CurrentUserId, Public, type RequestSession } from 'nestjs-rcache';
import { Pool } from 'pg';
import type { RequirementsSession } from './cache-admin.controller.js';
import { type Preferences, PreferencesService } from './preferences.service.js';
import { type FeatureCoverage, QueriesService } from './queries.service.js';
import { type Feature, type Requirement, RequirementsService } from './requirements.service.js';
import { type ValidationResult, ValidationService } from './validation.service.js';

@Controller()
export class RequirementsController {
  constructor(
    private readonly db: Pool,
    private readonly requirements: RequirementsService,
    private readonly validation: ValidationService,
    private readonly queries: QueriesService,
    private readonly preferences: PreferencesService,
  ) {}

  /** Your login checks the password first. */
  @Public()
  @Post('login')
  @HttpCode(204)
  async login(
    @CurrentSession() session: RequestSession<RequirementsSession>,
    @Body() { email }: { email: string },
  ): Promise<void> {
    const query = 'select id, is_admin as "isAdmin" from users where email = $1';
    const { rows } = await this.db.query<{ id: number; isAdmin: boolean }>(query, [email]);
    if (rows[0] === undefined) throw new UnauthorizedException();
    await session.login(String(rows[0].id), { isAdmin: rows[0].isAdmin });
  }

  @Public()
  @Post('logout')
  @HttpCode(204)
  logout(@CurrentSession() session: RequestSession<RequirementsSession>): Promise<void> {
    return session.logout();
  }

  @Get('requirements/:id')
  async find(@Param('id', ParseIntPipe) id: number): Promise<Requirement> {
    const requirement = await this.requirements.find(id);
    if (requirement === undefined) throw new NotFoundException(`Requirement ${id} does not exist`);
    return requirement;
  }

  @Put('requirements/:id')
  async change(
    @Param('id', ParseIntPipe) id: number,
    @Body() { title, document }: { title: string; document: unknown },
  ): Promise<void> {
    await this.requirements.change(id, title, document);
  }

  @Get('requirements/:id/validation')
  async validate(@Param('id', ParseIntPipe) id: number): Promise<ValidationResult> {
    return this.validation.validate(await this.find(id));
  }

  @Get('projects/:id/features')
  features(@Param('id', ParseIntPipe) projectId: number): Promise<Feature[]> {
    return this.requirements.features(projectId);
  }

  @Get('projects/:id/coverage')
  coverage(@Param('id', ParseIntPipe) projectId: number): Promise<FeatureCoverage[]> {
    return this.queries.coverage(projectId);
  }

  @Get('preferences')
  preferencesOf(@CurrentUserId() userId: string): Promise<Preferences | undefined> {
    return this.preferences.of(Number(userId));
  }

  @Put('preferences')
  async savePreferences(@CurrentUserId() userId: string, @Body() preferences: Preferences): Promise<void> {
    await this.preferences.save(Number(userId), preferences);
  }
}
