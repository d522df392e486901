import {
  Controller,
  Get,
  Headers,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  UnauthorizedException,
} from '@nestjs/common';
import { RedisCacheModule } from 'nestjs-rcache';
import { Pool } from 'pg';
import { ruleCache } from './caches.js';
import { type Compliance, ComplianceController } from './compliance.controller.js';
import { PermissionsService } from './permissions.service.js';
import { ProductsService } from './products.service.js';
import { RulesService } from './rules.service.js';

/** Sessions as they were: a row each. */
@Injectable()
export class SessionTable {
  constructor(private readonly db: Pool) {}

  async userOf(sessionId: number): Promise<number | undefined> {
    const query = 'select user_id as "userId" from slow_sessions where id = $1';
    return (await this.db.query<{ userId: number }>(query, [sessionId])).rows[0]?.userId;
  }
}

@Controller('before')
class BeforeController {
  constructor(
    private readonly sessions: SessionTable,
    private readonly now: ComplianceController,
  ) {}

  @Get('products/:id/compliance')
  async compliance(@Headers('x-session') session: string, @Param('id', ParseIntPipe) id: number): Promise<Compliance> {
    const userId = await this.sessions.userOf(Number(session));
    if (userId === undefined) throw new UnauthorizedException();
    return this.now.compliance(String(userId), id);
  }
}

/** The same platform as it was: to be started with `enabled: false`, to compare with. */
@Module({
  imports: [RedisCacheModule.forFeature([ruleCache])],
  controllers: [BeforeController],
  providers: [ComplianceController, PermissionsService, ProductsService, RulesService, SessionTable],
})
export class BeforeModule {}
