import { Inject, Injectable } from '@nestjs/common';
import { and, eq, gt, lt, sql } from 'drizzle-orm';
import { DATABASE, type Database } from '../database/database.js';
import { activity, sessions, users } from '../database/schema.js';

export interface Session {
  userId: number;
  orgId: number;
}

@Injectable()
export class SessionRepository {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  async find(tokenHash: string): Promise<Session | undefined> {
    const [session] = await this.db
      .select({ userId: users.id, orgId: users.orgId })
      .from(sessions)
      .innerJoin(users, eq(users.id, sessions.userId))
      .where(and(eq(sessions.tokenHash, tokenHash), gt(sessions.expiresAt, sql`now()`)));
    return session;
  }

  /** Starts a session, and forgets those of the user that have ended. */
  async create(tokenHash: string, { userId, orgId }: Session, expiresAt: Date): Promise<void> {
    await this.db.transaction(async (tx) => {
      await tx.delete(sessions).where(and(eq(sessions.userId, userId), lt(sessions.expiresAt, sql`now()`)));
      await tx.insert(sessions).values({ tokenHash, userId, expiresAt });
      await tx.insert(activity).values({ orgId, userId, kind: 'login' });
    });
  }

  async delete(tokenHash: string): Promise<void> {
    await this.db.delete(sessions).where(eq(sessions.tokenHash, tokenHash));
  }
}
