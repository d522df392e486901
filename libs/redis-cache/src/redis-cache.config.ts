import { registerAs } from '@nestjs/config';
import { shown } from './arguments.js';
import type { EntryOptions } from './cache/entry-options.js';
import { InvalidArgumentError, InvalidOptionsError } from './errors.js';
import { EnvironmentReader } from './redis-cache.environment.js';
import { MIN_STALENESS_MS, type RedisCacheModuleOptions } from './redis-cache.options.js';
import type { ConnectionOptions, RedisNode } from './redis/connection-options.js';
import { isName } from './redis/name.js';
import type { SessionOptions } from './session/session-options.js';
import type { DurationText } from './time.js';

/** Lifetimes that environments agree on by name: `CACHE_TTL_MEDIUM=10m` changes what `medium` means. */
export type TtlPreset = 'short' | 'medium' | 'long' | 'day';

export const DEFAULT_TTL_PRESETS: Readonly<Record<TtlPreset, DurationText>> = {
  short: '1m',
  medium: '15m',
  long: '1h',
  day: '1d',
};

/** The value of `REDIS_URL` that means: no Redis, values are kept in the memory of this process. */
const NO_REDIS = 'memory';
const PRESETS = Object.keys(DEFAULT_TTL_PRESETS) as TtlPreset[];
const TTL_PREFIX = 'CACHE_TTL_';

/**
 * The options of `RedisCacheModule` from the environment, as a namespace of `@nestjs/config`; `.env.example` documents
 * each variable.
 *
 *     imports: [ConfigModule.forRoot(), RedisCacheModule.forRootAsync(redisCacheConfig.asProvider())]
 */
export const redisCacheConfig = registerAs('redisCache', () => optionsFromEnvironment(process.env));

/**
 * A ttl that the environment decides: that of the preset in `CACHE_TTL_SHORT`, `…_MEDIUM`, `…_LONG` or `…_DAY`, or its
 * default. Read when a value is stored, since definitions and decorators run before a `.env` file is read; a wrong
 * variable is an InvalidOptionsError then, and at start where `redisCacheConfig` is used.
 *
 *     defineCache({ name: 'users', ttl: presetTtl('medium'), key: (id: number) => ['user', id] })
 *
 * @throws InvalidArgumentError at once for another preset.
 */
export function presetTtl(preset: TtlPreset): () => DurationText {
  if (!PRESETS.includes(preset)) {
    throw new InvalidArgumentError(`The preset of presetTtl is ${shown(preset)}. Allowed: ${PRESETS.join(', ')}.`);
  }
  return () => {
    const read = new EnvironmentReader(process.env);
    const ttl = read.duration(variableOf(preset)) ?? DEFAULT_TTL_PRESETS[preset];
    refuse(read.problems);
    return ttl;
  };
}

/** @throws InvalidOptionsError naming every wrong variable, its value (never a secret's) and the allowed form. */
export function optionsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): RedisCacheModuleOptions {
  const read = new EnvironmentReader(environment);
  const presets = { ...DEFAULT_TTL_PRESETS };
  for (const preset of PRESETS) presets[preset] = read.duration(variableOf(preset)) ?? presets[preset];
  const ttl = (name: string): DurationText | undefined => read.durationOr(name, presets);

  const defaultTtl = ttl('CACHE_DEFAULT_TTL');
  const caches: [name: string, options: EntryOptions<never>][] = [];
  for (const name of Object.keys(environment)) {
    if (!name.startsWith(TTL_PREFIX) || PRESETS.some((preset) => variableOf(preset) === name)) continue;
    const cacheTtl = ttl(name);
    if (cacheTtl === undefined) continue;
    const cacheName = name.slice(TTL_PREFIX.length);
    if (!isName(cacheName))
      read.problems.push(`${name} names no cache: after ${TTL_PREFIX} come 1 to 64 of A-Z 0-9 _ -.`);
    for (const cache of spellings(cacheName)) caches.push([cache, { ttl: cacheTtl }]);
  }
  const options: RedisCacheModuleOptions = {
    enabled: read.flag('CACHE_ENABLED'),
    namespace: read.name('CACHE_NAMESPACE'),
    maxStaleness: read.duration('CACHE_MAX_STALENESS', MIN_STALENESS_MS),
    ...(defaultTtl === undefined ? {} : { defaults: { ttl: defaultTtl } }),
    caches: Object.fromEntries(caches),
    connection: connectionFrom(read),
    session: sessionFrom(read),
  };
  refuse(read.problems);
  return options;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new InvalidOptionsError('Environment variables', problems);
}

/** Sessions are there where their keys are. */
function sessionFrom(read: EnvironmentReader): SessionOptions | undefined {
  const keys = read.text('SESSION_KEYS');
  const indexKey = read.text('SESSION_INDEX_KEY');
  const cookie = { name: read.text('SESSION_COOKIE_NAME'), secure: read.flag('SESSION_COOKIE_SECURE') };
  const timeouts = {
    idleTimeout: read.duration('SESSION_IDLE_TIMEOUT'),
    absoluteTimeout: read.duration('SESSION_ABSOLUTE_TIMEOUT'),
  };
  if (keys === undefined && indexKey === undefined) return undefined;
  if (keys === undefined || indexKey === undefined) {
    const [missing, given] =
      keys === undefined ? ['SESSION_KEYS', 'SESSION_INDEX_KEY'] : ['SESSION_INDEX_KEY', 'SESSION_KEYS'];
    read.problems.push(`${missing} is not set, and ${given} is. Set both, or none for no sessions.`);
    return undefined;
  }
  return { keys, indexKey, ...timeouts, cookie };
}

function connectionFrom(read: EnvironmentReader): ConnectionOptions | false {
  read.excludeEachOther(['REDIS_URL', 'REDIS_HOST', 'REDIS_SENTINELS', 'REDIS_CLUSTER_NODES']);
  read.excludeEachOther(['REDIS_URL', 'REDIS_PORT']);
  if (read.text('REDIS_URL') === NO_REDIS) return false;
  const sentinels: RedisNode[] | undefined = read.nodes('REDIS_SENTINELS');
  const connection: ConnectionOptions = {
    url: read.redisUrl('REDIS_URL', NO_REDIS),
    host: read.host('REDIS_HOST'),
    port: read.whole('REDIS_PORT', 1, 65_535),
    db: read.whole('REDIS_DB', 0),
    username: read.text('REDIS_USERNAME'),
    password: read.text('REDIS_PASSWORD'),
    tls: read.flag('REDIS_TLS'),
    sentinels,
    sentinelName: read.text('REDIS_SENTINEL_NAME'),
    sentinelUsername: read.text('REDIS_SENTINEL_USERNAME'),
    sentinelPassword: read.text('REDIS_SENTINEL_PASSWORD'),
    cluster: read.nodes('REDIS_CLUSTER_NODES'),
    maxConnections: read.whole('REDIS_MAX_CONNECTIONS', 1),
    connectTimeout: read.timeout('REDIS_CONNECT_TIMEOUT'),
    commandTimeout: read.timeout('REDIS_COMMAND_TIMEOUT'),
  };
  if (sentinels !== undefined && connection.sentinelName === undefined) {
    read.problems.push('REDIS_SENTINEL_NAME is not set. It must be the name of the primary that the sentinels watch.');
  }
  return connection;
}

function variableOf(preset: TtlPreset): string {
  return `${TTL_PREFIX}${preset.toUpperCase()}`;
}

/** A variable cannot say how a cache spells its name: `USER_PROFILES` is user_profiles, user-profiles, userProfiles, … */
function spellings(variable: string): string[] {
  const words = variable.toLowerCase().split('_');
  const capitalised = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  const pascal = capitalised.join('');
  return [words.join('_'), words.join('-'), pascal.charAt(0).toLowerCase() + pascal.slice(1), pascal];
}
