import { Controller, Get, Param } from '@nestjs/common';
import { ApiCookieAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Requires } from '../auth/access.decorators.js';
import { CurrentMember, type Member } from '../auth/member.js';
import { IdParam } from '../params.js';
import { OrganisationsService } from '../rules/organisations.service.js';
import { DailyStatistics } from './daily-statistics.js';
import { StatisticsRepository } from './statistics.repository.js';

@ApiTags('statistics')
@ApiCookieAuth()
@Controller('orgs/:id/statistics')
export class StatisticsController {
  constructor(
    private readonly organisations: OrganisationsService,
    private readonly statistics: StatisticsRepository,
  ) {}

  @Get('daily')
  @Requires('statistics:read')
  @ApiOkResponse({ type: DailyStatistics })
  async daily(@Param() { id }: IdParam, @CurrentMember() { orgId }: Member): Promise<DailyStatistics> {
    const { timeZone } = await this.organisations.findOwn(orgId, id);
    return this.statistics.today(id, timeZone);
  }
}
