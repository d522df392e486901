import { Injectable, NotFoundException } from '@nestjs/common';
import type { Organisation } from './organisation.js';
import { OrganisationsRepository } from './organisations.repository.js';

@Injectable()
export class OrganisationsService {
  constructor(private readonly organisations: OrganisationsRepository) {}

  /** @throws NotFoundException for an organisation that is not one's own, too */
  async findOwn(ownId: number, id: number): Promise<Organisation> {
    const organisation = id === ownId ? await this.organisations.find(id) : undefined;
    if (!organisation) throw new NotFoundException(`Organisation ${id} does not exist`);
    return organisation;
  }
}
