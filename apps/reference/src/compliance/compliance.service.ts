import { Injectable, NotFoundException } from '@nestjs/common';
import { Cacheable } from 'nestjs-rcache';
import { validationCache } from '../caches.js';
import { invalidInput } from '../validation.pipe.js';
import type {
  ComplianceSummary,
  EvidenceDocument,
  FamilyCompliance,
  Finding,
  ScoreOnDay,
  StoredEvidence,
  ValidationResult,
} from './compliance.dto.js';
import { ComplianceRepository, type FamilyOnDay, type RuleCoverage } from './compliance.repository.js';
import { EvidenceRepository } from './evidence.repository.js';
import { ProductsRepository, type Product } from './products.repository.js';

@Injectable()
export class ComplianceService {
  constructor(
    private readonly products: ProductsRepository,
    private readonly evidence: EvidenceRepository,
    private readonly repository: ComplianceRepository,
  ) {}

  /** @throws NotFoundException for a product of another organisation, too */
  async productIn(orgId: number, id: number): Promise<Product> {
    const product = await this.products.find(id);
    if (product?.orgId !== orgId) throw new NotFoundException(`Product ${id} does not exist`);
    return product;
  }

  async summary(product: Product): Promise<ComplianceSummary> {
    const rows = await this.repository.trend(product);
    const on = (day: string) => rows.filter((row) => row.day === day);
    const days = [...new Set(rows.map(({ day }) => day))];
    const trend = days.map((day): ScoreOnDay => ({ day, score: scoreOf(on(day)) }));
    const today = on(days.at(-1) ?? '');
    return {
      productId: product.id,
      baseline: product.baseline,
      score: scoreOf(today),
      families: today.map(familyCompliance),
      trend,
    };
  }

  @Cacheable(validationCache)
  async validate(product: Product): Promise<ValidationResult> {
    const findings = (await this.repository.coverage(product)).map(findingOf);
    const passed = findings.filter((finding) => finding.passed).length;
    const { id: productId, baseline } = product;
    return { productId, baseline, passed, failed: findings.length - passed, findings };
  }

  /** @throws BadRequestException for a document that expires before it was issued */
  async saveEvidence(
    product: Product,
    controlId: string,
    document: EvidenceDocument,
    actorId: number,
  ): Promise<StoredEvidence> {
    const { kind, status, title, issuedOn, expiresOn } = document;
    if (expiresOn <= issuedOn) {
      throw invalidInput([{ field: 'expiresOn', reason: 'expiresOn must be later than issuedOn' }]);
    }
    await this.evidence.save(product, controlId, document, actorId);
    return { productId: product.id, controlId, kind, status, title, issuedOn, expiresOn };
  }
}

function familyCompliance(row: FamilyOnDay): FamilyCompliance {
  const { family, compliant, partial, missing } = row;
  return { family, compliant, partial, missing, score: scoreOf([row]) };
}

function scoreOf(families: FamilyOnDay[]): number {
  const weight = families.reduce((sum, family) => sum + family.weight, 0);
  const earned = families.reduce((sum, family) => sum + family.earned, 0);
  return weight === 0 ? 100 : Math.round((earned / weight) * 1000) / 10;
}

function findingOf(rule: RuleCoverage): Finding {
  const { controlId, requiredKinds, validKinds } = rule;
  if (validKinds >= requiredKinds) return { controlId, passed: true, problems: [] };
  return {
    controlId,
    passed: false,
    problems: [
      `${requiredKinds - validKinds} of ${requiredKinds} kinds of evidence are not in force`,
      ...rule.expiredKinds.map((kind) => `the latest ${kind} has expired`),
      ...rule.rejectedKinds.map((kind) => `the latest ${kind} was rejected`),
      ...rule.unreviewedKinds.map((kind) => `the latest ${kind} was not reviewed yet`),
    ],
  };
}
