import { Controller, Get, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiCookieAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { CurrentSession, Requires } from '../auth/access.decorators.js';
import type { Session } from '../auth/session.repository.js';
import { IdParam } from '../params.js';
import { OrganisationsService } from '../rules/organisations.service.js';
import { DailyStatistics } from './daily-statistics.js';
import { StatisticsRepository } from './statistics.repository.js';

@ApiTags('statistics')
@ApiBearerAuth()
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
  async daily(@Param() { id }: IdParam, @CurrentSession() { orgId }: Session): Promise<DailyStatistics> {
    const { timeZone } = await this.organisations.findOwn(orgId, id);
    return this.statistics.today(id, timeZone);
  }
}
