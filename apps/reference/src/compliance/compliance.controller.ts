import { Body, Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiCookieAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { HttpCache, HttpInvalidate } from 'nestjs-rcache';
import { Requires } from '../auth/access.decorators.js';
import { CurrentMember, type Member } from '../auth/member.js';
import { familyPermission } from '../authz/permissions.js';
import { complianceResponses, tagOf } from '../caches.js';
import { ControlParam, IdParam } from '../params.js';
import { RulesService } from '../rules/rules.service.js';
import { ComplianceSummary, EvidenceDocument, StoredEvidence, ValidationResult } from './compliance.dto.js';
import { ComplianceService } from './compliance.service.js';

@ApiTags('compliance')
@ApiCookieAuth()
@Controller('products/:id')
export class ComplianceController {
  constructor(
    private readonly compliance: ComplianceService,
    private readonly rules: RulesService,
  ) {}

  @Get('compliance')
  @Requires('compliance:read', { product: 'id' })
  @HttpCache(complianceResponses)
  @ApiOkResponse({ type: ComplianceSummary })
  async summary(@Param() { id }: IdParam, @CurrentMember() { orgId }: Member): Promise<ComplianceSummary> {
    return this.compliance.summary(await this.compliance.productIn(orgId, id));
  }

  @Post('validate')
  @HttpCode(200)
  @Requires('products:validate', { product: 'id' })
  @ApiOkResponse({ type: ValidationResult })
  async validate(@Param() { id }: IdParam, @CurrentMember() { orgId }: Member): Promise<ValidationResult> {
    return this.compliance.validate(await this.compliance.productIn(orgId, id));
  }

  @Put('evidence/:controlId')
  @Requires(({ controlId = '' }) => familyPermission(controlId.slice(0, 2), 'evidence:write'), { product: 'id' })
  @HttpInvalidate({ tags: (_request, { productId }: StoredEvidence) => [tagOf.evidence(productId)] })
  @ApiOkResponse({
    type: StoredEvidence,
    description: 'Needs evidence:write of the family, such as ac.evidence:write.',
  })
  async saveEvidence(
    @Param() { id, controlId }: ControlParam,
    @Body() document: EvidenceDocument,
    @CurrentMember() { orgId, userId }: Member,
  ): Promise<StoredEvidence> {
    const product = await this.compliance.productIn(orgId, id);
    await this.rules.find(orgId, controlId);
    return this.compliance.saveEvidence(product, controlId, document, userId);
  }
}
