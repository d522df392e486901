import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiCookieAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Requires } from '../auth/access.decorators.js';
import { CurrentMember, type Member } from '../auth/member.js';
import { IdParam } from '../params.js';
import { BaselineChoice, Organisation } from './organisation.js';
import { OrganisationsRepository } from './organisations.repository.js';
import { OrganisationsService } from './organisations.service.js';

@ApiTags('rules')
@ApiCookieAuth()
@Controller('orgs/:id')
export class OrganisationsController {
  constructor(
    private readonly service: OrganisationsService,
    private readonly organisations: OrganisationsRepository,
  ) {}

  @Get()
  @ApiOkResponse({ type: Organisation })
  async find(@Param() { id }: IdParam, @CurrentMember() { orgId }: Member): Promise<Organisation> {
    return this.service.findOwn(orgId, id);
  }

  @Put('baseline')
  @Requires('rules:write')
  @ApiOkResponse({ type: Organisation })
  async choose(
    @Param() { id }: IdParam,
    @Body() { baseline }: BaselineChoice,
    @CurrentMember() { orgId, userId }: Member,
  ): Promise<Organisation> {
    const { name, timeZone } = await this.service.findOwn(orgId, id);
    await this.organisations.chooseBaseline(id, baseline, userId);
    return { id, name, timeZone, baseline };
  }
}
