import { Injectable, NotFoundException } from '@nestjs/common';
import type { User } from './user.js';
import { UsersRepository } from './users.repository.js';

@Injectable()
export class UsersService {
  constructor(private readonly users: UsersRepository) {}

  /** @throws NotFoundException for a user of another organisation, too: its ids are nobody else's business */
  async findIn(orgId: number, id: number): Promise<User> {
    const user = await this.users.find(id);
    if (user?.orgId !== orgId) throw new NotFoundException(`User ${id} does not exist`);
    return user;
  }
}
