import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Redis } from 'ioredis';
import { InjectRedis, RedisUnavailableError } from 'nestjs-rcache';
import { createHash } from 'node:crypto';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { SESSIONS } from '../cache.module.js';
import type { Environment } from '../environment.js';
import { networkOf } from './network.js';
import { TooManyAttemptsException } from './too-many-attempts.js';

const WINDOW_SECONDS = 15 * 60;

/**
 * Bounds how often a password may be guessed: per account from anywhere, and per address for any account. Counted in Redis
 * for all instances together, from the first failure for 15 minutes. Without Redis nobody can log in anyway, so nobody may
 * guess either: this fails closed.
 */
@Injectable()
export class LoginThrottle {
  private readonly accounts: RateLimiterRedis;
  private readonly addresses: RateLimiterRedis;

  constructor(@InjectRedis(SESSIONS) redis: Redis, config: ConfigService<Environment, true>) {
    const namespace = config.get('CACHE_NAMESPACE', { infer: true });
    const limiter = (of: string, points: number) =>
      new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: `${namespace}:login:${of}`,
        points,
        duration: WINDOW_SECONDS,
      });
    this.accounts = limiter('account', config.get('LOGIN_FAILURES_PER_ACCOUNT', { infer: true }));
    this.addresses = limiter('address', config.get('LOGIN_FAILURES_PER_ADDRESS', { infer: true }));
  }

  /**
   * Runs one check of a password. It counts before it runs, so that parallel guesses are no way around, and is taken back
   * when the password was right. An account that nobody has counts like any other.
   *
   * @returns what `check` found; `undefined` is a failure
   * @throws TooManyAttemptsException also for the right password
   * @throws RedisUnavailableError when Redis does not count
   */
  async guard<T>(email: string, address: string, check: () => Promise<T | undefined>): Promise<T | undefined> {
    const attempt = [
      { limiter: this.addresses, key: networkOf(address) },
      // Redis need not know who tries to log in.
      { limiter: this.accounts, key: createHash('sha256').update(email.toLowerCase()).digest('base64url') },
    ];
    // One after the other: an address that has to wait keeps no account from its owner.
    for (const { limiter, key } of attempt) await counted(limiter.consume(key));
    const found = await check();
    if (found !== undefined) {
      await counted(Promise.all(attempt.map(({ limiter, key }) => limiter.reward(key))));
    }
    return found;
  }
}

async function counted(count: Promise<unknown>): Promise<void> {
  try {
    await count;
  } catch (error) {
    if (error instanceof RateLimiterRes) throw new TooManyAttemptsException(Math.ceil(error.msBeforeNext / 1000));
    throw new RedisUnavailableError('Attempts to log in cannot be counted.', { cause: error });
  }
}
