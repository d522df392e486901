import { Injectable } from '@nestjs/common';
import { Cacheable, CacheEvict, Sensitive } from 'nestjs-rcache';
import { Pool } from 'pg';
import { conversationCache, profileCache, subscriptionCache, usageCache } from './caches.js';

export interface Profile {
  id: number;
  name: string;
  email: string;
}

export interface Subscription {
  plan: string;
  renewsOn: string;
}

/** What an invoice is made of. The mark keeps it out of every cache, whatever the field is called. */
export class BillingDetails {
  plan!: string;

  @Sensitive()
  taxNumber!: string;
}

export interface Conversation {
  id: number;
  subject: string;
  messages: number;
}

export type UsageStatistics = Record<string, number>;

const ofAccount = (accountId: number): [number] => [accountId];

// Each query names its columns: what is not selected, such as a password hash or a card, cannot end up in the cache.
@Injectable()
export class AccountsService {
  constructor(private readonly db: Pool) {}

  @Cacheable(profileCache)
  async profile(accountId: number): Promise<Profile | undefined> {
    const query = 'select id, name, email from accounts where id = $1';
    return (await this.db.query<Profile>(query, [accountId])).rows[0];
  }

  @CacheEvict({ cache: profileCache, args: ofAccount })
  async rename(accountId: number, name: string): Promise<void> {
    await this.db.query('update accounts set name = $2 where id = $1', [accountId, name]);
  }

  @Cacheable(subscriptionCache)
  async subscription(accountId: number): Promise<Subscription | undefined> {
    const query = `select plan, renews_on::text as "renewsOn" from subscriptions where account_id = $1`;
    return (await this.db.query<Subscription>(query, [accountId])).rows[0];
  }

  @CacheEvict({ cache: subscriptionCache, args: ofAccount })
  async subscribe(accountId: number, plan: string): Promise<void> {
    await this.db.query('update subscriptions set plan = $2 where account_id = $1', [accountId, plan]);
  }

  @Cacheable(conversationCache)
  async conversations(accountId: number): Promise<Conversation[]> {
    const query = 'select id, subject, messages from conversations where account_id = $1 order by id';
    return (await this.db.query<Conversation>(query, [accountId])).rows;
  }

  @CacheEvict({ cache: conversationCache, args: ofAccount })
  async say(accountId: number, conversationId: number): Promise<void> {
    const update = 'update conversations set messages = messages + 1 where account_id = $1 and id = $2';
    await this.db.query(update, [accountId, conversationId]);
  }

  @Cacheable(usageCache)
  async usage(accountId: number): Promise<UsageStatistics> {
    const query = 'select kind, count(*)::int as count from usage_events where account_id = $1 group by kind';
    const { rows } = await this.db.query<{ kind: string; count: number }>(query, [accountId]);
    return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
  }

  @CacheEvict({ cache: usageCache, args: ofAccount })
  async use(accountId: number, kind: string): Promise<void> {
    await this.db.query('insert into usage_events (account_id, kind) values ($1, $2)', [accountId, kind]);
  }
}
