import { Inject, Injectable } from '@nestjs/common';
import { and, eq, gt, lt, sql } from 'drizzle-orm';
import { Cacheable, CacheEvict } from 'nestjs-rcache';
import { AT_ONCE, sessionCache, tagOf } from '../caches.js';
import { DATABASE, type Database } from '../database/database.js';
import { activity, sessions, users } from '../database/schema.js';

/** A user, and the organisation the user belongs to. */
export interface Member {
  userId: number;
  orgId: number;
}

export interface Session extends Member {
  expiresAtMs: number;
}

@Injectable()
export class SessionRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Cacheable({ cache: sessionCache, ...AT_ONCE })
  async find(tokenHash: string): Promise<Session | undefined> {
    const [session] = await this.db
      .select({ userId: users.id, orgId: users.orgId, expiresAt: sessions.expiresAt })
      .from(sessions)
      .innerJoin(users, eq(users.id, sessions.userId))
      .where(and(eq(sessions.tokenHash, tokenHash), gt(sessions.expiresAt, sql`now()`)));
    return session && { userId: session.userId, orgId: session.orgId, expiresAtMs: session.expiresAt.getTime() };
  }

  /** Starts a session, and forgets those of the user that have ended. */
  @CacheEvict({ tags: (_tokenHash: string, { orgId }: Member) => [tagOf.activity(orgId)] })
  async create(tokenHash: string, { userId, orgId }: Member, expiresAt: Date): Promise<void> {
    await this.db.transaction(async (tx) => {
      await tx.delete(sessions).where(and(eq(sessions.userId, userId), lt(sessions.expiresAt, sql`now()`)));
      await tx.insert(sessions).values({ tokenHash, userId, expiresAt });
      await tx.insert(activity).values({ orgId, userId, kind: 'login' });
    });
  }

  @CacheEvict(sessionCache)
  async delete(tokenHash: string): Promise<void> {
    await this.db.delete(sessions).where(eq(sessions.tokenHash, tokenHash));
  }
}
