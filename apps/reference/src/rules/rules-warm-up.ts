import { Injectable } from '@nestjs/common';
import { WarmUpService, withoutCache } from 'nestjs-rcache';
import { rulesWarmer } from '../caches.js';
import type { Baseline } from '../database/schema.js';
import { OrganisationsRepository } from './organisations.repository.js';
import { RulesRepository } from './rules.repository.js';

/** Has the rules of every organisation in the cache soon after the start; one instance reads them for all. */
@Injectable()
export class RulesWarmUp {
  constructor(warmUps: WarmUpService, organisations: OrganisationsRepository, rules: RulesRepository) {
    warmUps.use(rulesWarmer, {
      entries: async () =>
        (await organisations.all()).map(({ id, baseline }): [orgId: number, baseline: Baseline] => [id, baseline]),
      load: (orgId, baseline) => withoutCache(() => rules.list(orgId, baseline)),
    });
  }
}
