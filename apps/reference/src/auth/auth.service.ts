import { Injectable, UnauthorizedException } from '@nestjs/common';
import { type RequestSession, SessionService } from 'nestjs-rcache';
import { UsersRepository, type Account } from '../users/users.repository.js';
import type { Credentials } from './auth.dto.js';
import { LoginThrottle } from './login-throttle.js';
import type { Member, SessionContent } from './member.js';
import { hashPassword, isOutdated, isPassword } from './password.js';

@Injectable()
export class AuthService {
  constructor(
    private readonly users: UsersRepository,
    private readonly throttle: LoginThrottle,
    private readonly sessions: SessionService<SessionContent>,
  ) {}

  /** @throws UnauthorizedException that does not say whether the address or the password is wrong */
  async login(session: RequestSession<SessionContent>, credentials: Credentials, ip: string): Promise<Member> {
    const account = await this.accountOf(credentials, ip);
    if (!account) throw wrongPassword();
    const { id, orgId } = account;
    if (isOutdated(account.passwordHash)) {
      await this.users.replaceHash(account, await hashPassword(credentials.password));
    }
    await session.login(String(id), { orgId });
    // Somebody who changed the password in this moment has ended the sessions there were, and this one just began.
    if (await this.users.recordLogin(account)) return { userId: id, orgId };
    await session.logout();
    throw wrongPassword();
  }

  /**
   * Ends all other sessions of the user with it, or changes nothing.
   *
   * @returns `false` for a wrong password
   */
  async changePassword(
    session: RequestSession<SessionContent>,
    credentials: Credentials,
    ip: string,
    newPassword: string,
  ): Promise<boolean> {
    const account = await this.accountOf(credentials, ip);
    if (!account) return false;
    const hash = await hashPassword(newPassword);
    await this.users.changePassword(account, hash, () =>
      this.sessions.destroyAllOf(String(account.id), { except: session.stored }),
    );
    return true;
  }

  private accountOf({ email, password }: Credentials, ip: string): Promise<Account | undefined> {
    return this.throttle.guard(email, ip, async () => {
      const account = await this.users.findAccount(email);
      return (await isPassword(password, account?.passwordHash)) ? account : undefined;
    });
  }
}

function wrongPassword(): UnauthorizedException {
  return new UnauthorizedException('Wrong email or password');
}
