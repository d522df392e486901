import { Inject, Injectable } from '@nestjs/common';
import { eq } from 'drizzle-orm';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { preferencesCache, tagOf, userCache } from '../caches.js';
import { DATABASE, type Database } from '../database/database.js';
import { activity, preferences, users } from '../database/schema.js';
import { DEFAULT_PREFERENCES, type Preferences, type User } from './user.js';

@Injectable()
export class UsersRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Cacheable(userCache)
  async find(id: number): Promise<User | undefined> {
    const { id: userId, orgId, email, name, title } = users;
    const [user] = await this.db.select({ id: userId, orgId, email, name, title }).from(users).where(eq(userId, id));
    return user;
  }

  async findCredentials(email: string): Promise<{ id: number; orgId: number; passwordHash: string } | undefined> {
    const { id, orgId, passwordHash } = users;
    const [user] = await this.db.select({ id, orgId, passwordHash }).from(users).where(eq(users.email, email));
    return user;
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
