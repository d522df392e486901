import { quoted } from '../arguments.js';
import { InvalidArgumentError, InvalidOptionsError, RedisUnavailableError } from '../errors.js';
import { EventChannel } from '../events.js';
import type { ConnectionOptions } from '../redis/connection-options.js';
import { isName } from '../redis/name.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { type Clock, type Duration, systemClock, toMs, toTimeoutMs } from '../time.js';
import { CacheCore } from './backend.js';
import { type BackendHost, type ConnectionStatus, LocalHost, RedisHost } from './backend-host.js';
import { CacheService } from './cache.service.js';
import {
  type AnyCacheDefinition,
  type CacheOf,
  type ContextProvider,
  DefinedCache,
  entryOptionsOf,
} from './definition.js';
import type { EntryOptions } from './entry-options.js';
import { type MemoryLimits, MemoryTier } from './memory-tier.js';
import { denyListOf } from './sensitive-data.js';
import { DEFAULT_MAX_TTL_MS, DEFAULT_POLICY, type Policy, resolvePolicy } from './policy.js';
import { CacheStats } from './stats.js';

export interface CacheEngineOptions {
  /** `false`: every call goes to its loader, and no cache is connected. Default `true`. */
  enabled?: boolean;
  /** First part of every key in Redis: 1 to 64 of `A-Z a-z 0-9 _ -`. Default `app`. */
  namespace?: string;
  /** Default `127.0.0.1:6379`; `false` keeps everything in the memory of this process. */
  connection?: ConnectionOptions | false;
  /** Further connections, for definitions that name one. */
  connections?: Record<string, ConnectionOptions>;
  /** Entry options of every cache, over the built-in ones. */
  defaults?: EntryOptions<never>;
  /** Entry options by cache name, over those of its definition. */
  caches?: Record<string, EntryOptions<never>>;
  /** The memory tier of each cache, default (`true`) 10,000 entries and 64 MiB; `false` for none. */
  l1?: boolean | Partial<MemoryLimits>;
  /** Longest time an invalidated value may be answered by a process that cannot hear of it. Default `'2s'`, at least 750 ms. */
  maxStaleness?: Duration;
  /** No entry lives longer. Default `'30d'`. */
  maxTtl?: Duration;
  /** Longest wait for Redis at start, default `'1s'`; connecting goes on in the background. */
  startTimeout?: Duration;
  /** Refuse to start without Redis. Default `false`. */
  strictStart?: boolean;
  context?: ContextProvider;
}

export const DEFAULT_CACHE_NAME = 'default';
const DEFAULT_CONNECTION_NAME = 'default';
const DEFAULT_MEMORY: MemoryLimits = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 };
const HEARTBEAT_MS = { least: 250, most: 500 };
const HEARTBEATS_PER_STALENESS = 3;

/** Everything behind the caches of one module: its connections, its named caches, its events. */
export class CacheEngine {
  readonly events = new EventChannel();
  readonly isEnabled: boolean;
  readonly namespace: string;
  readonly #hosts = new Map<string, BackendHost>();
  readonly #caches = new Map<string, { definition: AnyCacheDefinition | undefined; cache: CacheService }>();
  readonly #basePolicy: Policy;
  readonly #maxTtlMs: number;

  /**
   * @param shared names of connections that not only caches use: with `enabled: false` they are there nevertheless
   * @throws InvalidOptionsError or InvalidArgumentError naming the option. Connects to nothing before `start`.
   */
  constructor(
    private readonly options: CacheEngineOptions = {},
    clock: Clock = systemClock,
    shared: readonly string[] = [],
  ) {
    this.isEnabled = options.enabled ?? true;
    const namespace = options.namespace ?? 'app';
    if (!isName(namespace)) {
      throw new InvalidOptionsError('RedisCacheModule', [
        `namespace is ${quoted(namespace)}; allowed are 1 to 64 of A-Z a-z 0-9 _ -`,
      ]);
    }
    this.namespace = namespace;
    this.#maxTtlMs = options.maxTtl === undefined ? DEFAULT_MAX_TTL_MS : toMs(options.maxTtl, 'maxTtl');
    this.#basePolicy = resolvePolicy(DEFAULT_POLICY, options.defaults, this.#maxTtlMs, 'RedisCacheModule defaults');
    const maxStalenessMs = toMs(options.maxStaleness ?? 2000, 'maxStaleness');
    const common = {
      namespace,
      clock,
      events: this.events,
      maxTtlMs: this.#maxTtlMs,
      maxStalenessMs,
      heartbeatMs: heartbeatFor(maxStalenessMs),
    };
    const connections = { ...options.connections, [DEFAULT_CONNECTION_NAME]: options.connection ?? {} };
    for (const [name, connection] of Object.entries(connections)) {
      const isUsed = connection !== false && (this.isEnabled || shared.includes(name));
      this.#hosts.set(name, isUsed ? new RedisHost(name, connection, common) : new LocalHost(name, common));
    }
  }

  /** The longest time an entry may stay. */
  get maxTtlMs(): number {
    return this.#maxTtlMs;
  }

  get defaultCache(): CacheService {
    return this.#caches.get(DEFAULT_CACHE_NAME)?.cache ?? this.#createDefault();
  }

  /**
   * The cache of a definition, always the same one.
   *
   * @throws InvalidOptionsError when another definition has the same name, or names a connection there is not.
   */
  cache<Definition extends AnyCacheDefinition>(definition: Definition): CacheOf<Definition> {
    const known = this.#caches.get(definition.name);
    if (known !== undefined) {
      if (known.definition === definition) return known.cache as CacheOf<Definition>;
      throw new InvalidOptionsError(`Cache "${definition.name}"`, [
        'name is taken by another definition; share one definition between readers and evictors, or rename one',
      ]);
    }
    const host = this.#hosts.get(definition.connection ?? DEFAULT_CONNECTION_NAME);
    if (host === undefined) {
      throw new InvalidOptionsError(`Cache "${definition.name}"`, [
        `connection is ${quoted(definition.connection)}; the module has ${[...this.#hosts.keys()].join(', ')}`,
      ]);
    }
    const own = resolvePolicy(
      this.#basePolicy,
      entryOptionsOf(definition),
      this.#maxTtlMs,
      `Cache "${definition.name}"`,
    );
    const policy = this.#configured(definition.name, own);
    policy.denied?.checkName(`Cache "${definition.name}"`, definition.name);
    const core = this.#core(host, definition.name, storedName(definition));
    // What the module says of a cache by name wins over its definition, a ttl made by a function included.
    const isTtlConfigured = this.#optionsOf(definition.name)?.ttl !== undefined;
    const effective = isTtlConfigured ? Object.freeze({ ...definition, ttl: undefined }) : definition;
    const cache = new DefinedCache(core, policy, this.isEnabled, effective, this.options.context) as CacheService;
    this.#caches.set(definition.name, { definition, cache });
    return cache as CacheOf<Definition>;
  }

  /** All caches made so far. */
  caches(): readonly CacheService[] {
    return [...this.#caches.values()].map(({ cache }) => cache);
  }

  /** `undefined` where the memory of this process is the store. @throws InvalidArgumentError for an unknown name. */
  connection(name: string = DEFAULT_CONNECTION_NAME): RedisConnection | undefined {
    const host = this.#hosts.get(name);
    if (host !== undefined) return host.connection;
    throw new InvalidArgumentError(
      `There is no connection "${name}"; the module has ${[...this.#hosts.keys()].join(', ')}.`,
    );
  }

  connectionStates(): ConnectionStatus[] {
    return [...this.#hosts.values()].flatMap((host) => host.status() ?? []);
  }

  /** @throws RedisUnavailableError with `strictStart` when Redis cannot be used within `startTimeout`. */
  async start(): Promise<void> {
    const budgetMs = toTimeoutMs(this.options.startTimeout ?? 1000, 'startTimeout');
    const areUp = await Promise.all([...this.#hosts.values()].map((host) => host.start(budgetMs)));
    if (this.options.strictStart !== true || areUp.every(Boolean)) return;
    await this.close();
    throw new RedisUnavailableError(
      `Redis could not be reached within ${budgetMs} ms (strictStart). Check the address, or start without strictStart to run on the loaders until it is there.`,
    );
  }

  /**
   * Takes over credentials that have changed, without a restart: asks each connection's `credentials` anew and proves them
   * on the connections that are open. Rejects with what the provider throws, or when Redis refuses them.
   */
  async rotateCredentials(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map(async (host) => host.connection?.rotateCredentials()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.close()));
  }

  /**
   * @internal for what makes keys of names
   * @throws InvalidOptionsError for a name that the option `sensitive` denies; the module's unless given
   */
  checkName(subject: string, name: string, sensitive?: EntryOptions['sensitive']): void {
    const denied = sensitive === undefined ? this.#basePolicy.denied : denyListOf(sensitive);
    denied?.checkName(subject, name);
  }

  #createDefault(): CacheService {
    const host = this.#hosts.get(DEFAULT_CONNECTION_NAME) as BackendHost;
    const policy = this.#configured(DEFAULT_CACHE_NAME, this.#basePolicy);
    const cache = new CacheService(this.#core(host, DEFAULT_CACHE_NAME, DEFAULT_CACHE_NAME), policy, this.isEnabled);
    this.#caches.set(DEFAULT_CACHE_NAME, { definition: undefined, cache });
    return cache;
  }

  /** What the module says of a cache by name, over what its definition says. */
  #configured(name: string, policy: Policy): Policy {
    return resolvePolicy(policy, this.#optionsOf(name), this.#maxTtlMs, `RedisCacheModule caches.${name}`);
  }

  #optionsOf(name: string): EntryOptions<never> | undefined {
    const { caches = {} } = this.options;
    return Object.hasOwn(caches, name) ? caches[name] : undefined;
  }

  #core(host: BackendHost, name: string, stored: string): CacheCore {
    const stats = new CacheStats();
    const { l1 } = this.options;
    const memory =
      l1 === false || !this.isEnabled
        ? undefined
        : new MemoryTier({ ...DEFAULT_MEMORY, ...(l1 === true ? {} : l1) }, (key) => {
            stats.evictions += 1;
            this.events.emit('eviction', { cache: name, key });
          });
    return new CacheCore(name, stored, host.backend, memory, stats);
  }
}

/** The name of a cache in keys. */
export function storedName({ name, version = 1 }: AnyCacheDefinition): string {
  return version === 1 ? name : `${name}.${version}`;
}

function heartbeatFor(maxStalenessMs: number): number {
  const least = HEARTBEAT_MS.least * HEARTBEATS_PER_STALENESS;
  if (maxStalenessMs < least) {
    throw new InvalidOptionsError('RedisCacheModule', [
      `maxStaleness is ${maxStalenessMs} ms; it must be at least ${least} ms, three heartbeats of the link`,
    ]);
  }
  return Math.min(HEARTBEAT_MS.most, Math.max(HEARTBEAT_MS.least, maxStalenessMs / 5));
}
