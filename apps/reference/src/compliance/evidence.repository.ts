import { Inject, Injectable } from '@nestjs/common';
import { CacheEvict } from 'nestjs-rcache';
import { tagOf, validationCache } from '../caches.js';
import { DATABASE, type Database } from '../database/database.js';
import { activity, evidence } from '../database/schema.js';
import type { EvidenceDocument } from './compliance.dto.js';
import type { Product } from './products.repository.js';

@Injectable()
export class EvidenceRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  /** Adds the document, or replaces the one of the same kind and day of issue. */
  @CacheEvict({
    cache: validationCache,
    args: (product: Product) => [product],
    tags: ({ orgId }: Product) => [tagOf.activity(orgId)],
  })
  async save(product: Product, controlId: string, document: EvidenceDocument, actorId: number): Promise<void> {
    const { kind, issuedOn, expiresOn, status, title } = document;
    await this.db.transaction(async (tx) => {
      await tx
        .insert(evidence)
        .values({ productId: product.id, controlId, kind, issuedOn, expiresOn, status, title })
        .onConflictDoUpdate({
          target: [evidence.productId, evidence.controlId, evidence.kind, evidence.issuedOn],
          set: { expiresOn, status, title },
        });
      await tx.insert(activity).values({ orgId: product.orgId, userId: actorId, kind: 'evidence' });
    });
  }
}
