import { Inject, Injectable } from '@nestjs/common';
import { and, eq, sql } from 'drizzle-orm';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { preferencesCache, tagOf, userCache } from '../caches.js';
import { DATABASE, type Database } from '../database/database.js';
import { activity, preferences, users } from '../database/schema.js';
import { DEFAULT_PREFERENCES, type Preferences, type User } from './user.js';

/** What is asked at a login; never cached. */
export interface Account {
  id: number;
  orgId: number;
  passwordHash: string;
}

@Injectable()
export class UsersRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Cacheable(userCache)
  async find(id: number): Promise<User | undefined> {
    const { id: userId, orgId, email, name, title } = users;
    const [user] = await this.db.select({ id: userId, orgId, email, name, title }).from(users).where(eq(userId, id));
    return user;
  }

  async findAccount(email: string): Promise<Account | undefined> {
    const { id, orgId, passwordHash } = users;
    const [user] = await this.db.select({ id, orgId, passwordHash }).from(users).where(eq(users.email, email));
    return user;
  }

  /** The same password at another cost; does nothing where it was changed meanwhile. Updates `account`. */
  async replaceHash(account: Account, passwordHash: string): Promise<void> {
    const isAsRead = and(eq(users.id, account.id), eq(users.passwordHash, account.passwordHash));
    const { rowCount } = await this.db.update(users).set({ passwordHash }).where(isAsRead);
    if (rowCount === 1) account.passwordHash = passwordHash;
  }

  /**
   * Notes that somebody has logged in. Waits for a change of the password that is under way.
   *
   * @returns `false`, and nothing noted, when the password is no longer the one that was checked
   */
  @CacheEvict({ tags: ({ orgId }: Account) => [tagOf.activity(orgId)] })
  async recordLogin({ id, passwordHash }: Account): Promise<boolean> {
    const { rowCount } = await this.db.execute(sql`
      insert into activity (org_id, user_id, kind)
      select org_id, id, 'login' from users where id = ${id} and password_hash = ${passwordHash} for share`);
    return rowCount === 1;
  }

  /** @param before when it fails, the password stays; until it is done, nobody can log in with either */
  async changePassword({ id }: Account, passwordHash: string, before: () => Promise<unknown>): Promise<void> {
    await this.db.transaction(async (tx) => {
      await tx.update(users).set({ passwordHash }).where(eq(users.id, id));
      await before();
    });
  }

  @Cacheable(preferencesCache)
  async findPreferences(userId: number): Promise<Preferences> {
    const { locale, theme, digest, pageSize } = preferences;
    const [found] = await this.db
      .select({ locale, theme, digest, pageSize })
      .from(preferences)
      .where(eq(preferences.userId, userId));
    return found ?? DEFAULT_PREFERENCES;
  }

  @CacheEvict({
    cache: preferencesCache,
    args: ({ id }: User) => [id],
    tags: ({ orgId }: User) => [tagOf.activity(orgId)],
  })
  async savePreferences(user: User, { locale, theme, digest, pageSize }: Preferences): Promise<void> {
    const values = { locale, theme, digest, pageSize };
    await this.db.transaction(async (tx) => {
      await tx
        .insert(preferences)
        .values({ userId: user.id, ...values })
        .onConflictDoUpdate({ target: preferences.userId, set: values });
      await tx.insert(activity).values({ orgId: user.orgId, userId: user.id, kind: 'preferences' });
    });
  }
}
