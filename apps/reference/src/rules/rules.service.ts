import { Injectable, NotFoundException } from '@nestjs/common';
import type { RuleWithStatement } from './rule.js';
import { RulesRepository } from './rules.repository.js';

@Injectable()
export class RulesService {
  constructor(private readonly rules: RulesRepository) {}

  /** @throws NotFoundException for a control that NIST does not have, or has withdrawn */
  async find(orgId: number, controlId: string): Promise<RuleWithStatement> {
    const rule = await this.rules.find(orgId, controlId);
    if (!rule) throw new NotFoundException(`Control ${controlId} does not exist`);
    return rule;
  }
}
