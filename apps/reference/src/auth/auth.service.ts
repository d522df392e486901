import { Injectable, UnauthorizedException } from '@nestjs/common';
import { createHash, randomBytes } from 'node:crypto';
import { UsersRepository } from '../users/users.repository.js';
import type { LoginResult } from './auth.dto.js';
import { isPassword } from './password.js';
import { SessionRepository, type Session } from './session.repository.js';

export const SESSION_HOURS = 12;
const TOKEN_BYTES = 32;
// Compared where nobody has the address, so that the time of an answer does not tell who has an account.
const NOBODY = `${Buffer.alloc(16).toString('base64url')}.${Buffer.alloc(32).toString('base64url')}`;

@Injectable()
export class AuthService {
  constructor(
    private readonly users: UsersRepository,
    private readonly sessions: SessionRepository,
  ) {}

  /** @throws UnauthorizedException that does not say whether the address or the password is wrong */
  async login(email: string, password: string): Promise<LoginResult> {
    const user = await this.users.findCredentials(email);
    const matches = await isPassword(password, user?.passwordHash ?? NOBODY);
    if (!user || !matches) throw new UnauthorizedException('Wrong email or password');

    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const expiresAt = new Date(Date.now() + SESSION_HOURS * 3_600_000);
    const member = { userId: user.id, orgId: user.orgId };
    await this.sessions.create(hashOf(token), member, expiresAt);
    return { token, expiresAt: expiresAt.toISOString(), ...member };
  }

  async logout(token: string): Promise<void> {
    await this.sessions.delete(hashOf(token));
  }

  async sessionOf(token: string): Promise<Session | undefined> {
    return this.sessions.find(hashOf(token));
  }
}

// A token has 256 random bits: a plain hash cannot be reversed by trying, as that of a password could.
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
