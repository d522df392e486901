import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import { ApiCookieAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { HttpCache } from 'nestjs-rcache';
import { Requires } from '../auth/access.decorators.js';
import { CurrentMember, type Member } from '../auth/member.js';
import { ruleResponses } from '../caches.js';
import { ControlParam, IdParam } from '../params.js';
import { OrganisationsService } from './organisations.service.js';
import { Rule, RuleOverride, RuleQuery, RuleWithStatement } from './rule.js';
import { RulesRepository } from './rules.repository.js';
import { RulesService } from './rules.service.js';

@ApiTags('rules')
@ApiCookieAuth()
@Controller('orgs/:id/rules')
export class RulesController {
  constructor(
    private readonly organisations: OrganisationsService,
    private readonly rules: RulesRepository,
    private readonly service: RulesService,
  ) {}

  @Get()
  @Requires('rules:read')
  @HttpCache(ruleResponses)
  @ApiOkResponse({ type: [Rule] })
  async list(
    @Param() { id }: IdParam,
    @Query() { baseline }: RuleQuery,
    @CurrentMember() { orgId }: Member,
  ): Promise<Rule[]> {
    const organisation = await this.organisations.findOwn(orgId, id);
    return this.rules.list(id, baseline ?? organisation.baseline);
  }

  @Get(':controlId')
  @Requires('rules:read')
  @HttpCache({ ...ruleResponses, query: [] })
  @ApiOkResponse({ type: RuleWithStatement })
  async find(@Param() { id, controlId }: ControlParam, @CurrentMember() { orgId }: Member): Promise<RuleWithStatement> {
    await this.organisations.findOwn(orgId, id);
    return this.service.find(id, controlId);
  }

  @Put(':controlId')
  @Requires('rules:write')
  @ApiOkResponse({ type: RuleWithStatement })
  async override(
    @Param() { id, controlId }: ControlParam,
    @Body() decision: RuleOverride,
    @CurrentMember() { orgId, userId }: Member,
  ): Promise<RuleWithStatement> {
    await this.organisations.findOwn(orgId, id);
    await this.service.find(id, controlId);
    await this.rules.override(id, controlId, decision, userId);
    return this.service.find(id, controlId);
  }
}
