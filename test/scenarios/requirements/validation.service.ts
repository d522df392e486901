import { Injectable } from '@nestjs/common';
import { Cacheable } from 'nestjs-rcache';
import * as v from 'valibot';
import { validationCache } from './caches.js';
import type { Requirement } from './requirements.service.js';

const RequirementDocument = v.object({
  priority: v.picklist(['must', 'should', 'could']),
  rationale: v.pipe(v.string(), v.minLength(1)),
});

export interface ValidationResult {
  isValid: boolean;
  problems: string[];
}

@Injectable()
export class ValidationService {
  /** How often a document was really looked at. */
  validations = 0;

  @Cacheable(validationCache)
  async validate({ document }: Requirement): Promise<ValidationResult> {
    this.validations += 1;
    const { issues = [] } = v.safeParse(RequirementDocument, document);
    return { isValid: issues.length === 0, problems: issues.map(({ message }) => message) };
  }
}
