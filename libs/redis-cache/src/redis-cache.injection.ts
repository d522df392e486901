import { Inject } from '@nestjs/common';
import type { InjectionToken } from '@nestjs/common';
import { isOptions, shown } from './arguments.js';
import { CacheService } from './cache/cache.service.js';
import { InvalidArgumentError } from './errors.js';
import { isName } from './redis/name.js';

/** Whatever has the name of a cache: a definition, or the name itself. */
export type NamedCache = string | { readonly name: string };

/** The token of a named cache, for `overrideProvider` in tests and for factories; without a name, the default cache's. */
export function getCacheToken(cache?: NamedCache): InjectionToken {
  if (cache === undefined) return CacheService;
  const name: unknown = isOptions(cache) ? cache.name : cache;
  if (isName(name)) return `nestjs-rcache:cache:${name}`;
  throw new InvalidArgumentError(`The cache to inject is ${shown(cache)}. It must be a definition, or a cache's name.`);
}

/** The token of the raw ioredis client of a connection; without a name, the default connection's. */
export function getRedisToken(connection = 'default'): InjectionToken {
  if (isName(connection)) return `nestjs-rcache:redis:${connection}`;
  throw new InvalidArgumentError(
    `The connection to inject is ${shown(connection)}. It must be the name of a connection of the module.`,
  );
}

/**
 * Injects a named cache, whose definition stands in a `RedisCacheModule.forFeature` that the module imports; without
 * an argument, the default cache.
 *
 *     constructor(@InjectCache(users) private readonly users: CacheOf<typeof users>) {}
 */
export function InjectCache(cache?: NamedCache): ReturnType<typeof Inject> {
  return Inject(getCacheToken(cache));
}

/**
 * Injects the raw ioredis client of a connection, for commands of your own: failures and deadlines are yours.
 * With `connection: false` there is none, and `undefined` is injected.
 */
export function InjectRedis(connection?: string): ReturnType<typeof Inject> {
  return Inject(getRedisToken(connection));
}
