import type { CacheService } from '../cache/cache.service.js';
import { type AnyCacheDefinition, defineCache } from '../cache/definition.js';
import type { CacheEngine } from '../cache/engine.js';
import type { CallOptions, InvalidateOptions } from '../cache/entry-options.js';
import { encodeKey, type KeyPart } from '../cache/key.js';
import {
  entryOptions,
  type ErasedFinder,
  type ErasedStrategy,
  type ErasedWrite,
  finderOptions,
  isConventionalWrite,
  STRATEGY_NAMES,
} from './entity-strategy.js';
import { invalidateEach } from './invalidate-each.js';
import { isWithoutCache } from './without-cache.js';

/** What is stored when there are hooks: it says which of them made it. */
type Stored = { one: unknown } | { many: unknown[] } | { other: unknown };

// One definition per strategy, so that repositories made per request or per transaction share their cache.
const definitions = new WeakMap<ErasedStrategy, AnyCacheDefinition>();

/**
 * The entities of one repository in the cache. `findById` is found by id; every other finder may change with any write,
 * so all of them share one tag. Fails open like every read; writes wait for their invalidations.
 */
export class EntityCache {
  readonly cache: CacheService;

  /** Made by `cachedRepository`. */
  constructor(
    private readonly engine: CacheEngine,
    private readonly strategy: ErasedStrategy,
  ) {
    this.cache = engine.cache(definitionOf(strategy));
  }

  /**
   * Drops one entity and all lists, when it was changed by something else than this repository.
   *
   * @throws NotInvalidatedError with `strict` when Redis could not do it now
   */
  async invalidate(id: KeyPart, options?: InvalidateOptions): Promise<void> {
    await invalidateEach(this.cache, [this.#idTag(id), this.#listsTag], options);
  }

  /** Answers a finder; `load` asks the repository. */
  async find(method: string, finder: ErasedFinder, args: unknown[], load: () => Promise<unknown>): Promise<unknown> {
    if (!this.engine.isEnabled || isWithoutCache()) return load();
    const key = [method, ...(finder.key?.(...args) ?? (args as KeyPart[]))];
    const own = method === 'findById' ? this.#idTag(args[0] as KeyPart) : this.#listsTag;
    const tags = [...new Set([own, ...(finder.tags?.(...args) ?? [])])];
    const options: CallOptions = { ...(finderOptions(finder) as CallOptions), tags };
    const stored = await this.cache.getOrSet(key, async () => this.#serialise(await load(), finder), options);
    return this.#deserialise(stored, finder);
  }

  /** Invalidates what a write that has succeeded may have changed. */
  async written(method: string, write: ErasedWrite, args: unknown[], result: unknown): Promise<void> {
    // A method we know only by name may change anything, unless it says what.
    const ids = write.ids?.(result, ...args) ?? (isConventionalWrite(method) ? this.#idsIn(result, args[0]) : []);
    const entities = write.entities?.(result, ...args) ?? this.#entitiesIn(method, result, args[0]);
    const tags = entities.flatMap((entity) => this.strategy.tags?.(entity as never) ?? []);
    await Promise.all([
      ids.length === 0 ? this.cache.clear() : undefined,
      invalidateEach(this.cache, [...ids.map((id) => this.#idTag(id)), this.#listsTag, ...tags]),
    ]);
  }

  get #listsTag(): string {
    return `${this.strategy.name}:lists`;
  }

  /** The same for 7 and '7': an id that came from a URL names the row whose id is a number. */
  #idTag(id: KeyPart): string {
    const text = typeof id === 'object' && id !== null ? encodeKey([id]) : String(id);
    return `${this.strategy.name}:id:${text}`;
  }

  #idOf(value: unknown): KeyPart {
    if (typeof value !== 'object' || value === null) return undefined;
    const { idOf } = this.strategy;
    return idOf === undefined ? (value as { id?: KeyPart }).id : idOf(value as never);
  }

  #idsIn(result: unknown, argument: unknown): KeyPart[] {
    const inArgument = [argument].flat().map((item) => (isId(item) ? item : this.#idOf(item)));
    const inResult = [result].flat().map((item) => this.#idOf(item));
    return [...inArgument, ...inResult].filter((id) => id !== undefined && id !== null);
  }

  #entitiesIn(method: string, result: unknown, argument: unknown): unknown[] {
    const isEntity = (value: unknown): boolean => this.#idOf(value) !== undefined;
    const inResult = [result].flat().filter(isEntity);
    return inResult.length > 0 || method !== 'save' ? inResult : [argument].flat().filter(isEntity);
  }

  #serialise(result: unknown, finder: ErasedFinder): unknown {
    const { serialise } = this.strategy;
    // Absence has a ttl of its own, which the engine gives it only when it sees it.
    if (result === null || result === undefined) return result;
    if (finder.serialise !== undefined) return { other: finder.serialise(result) } satisfies Stored;
    if (serialise === undefined) return result;
    if (Array.isArray(result)) return { many: result.map((entity) => serialise(entity as never)) } satisfies Stored;
    if (this.#idOf(result) === undefined) return { other: result } satisfies Stored;
    return { one: serialise(result as never) } satisfies Stored;
  }

  #deserialise(value: unknown, finder: ErasedFinder): unknown {
    if (value === null || value === undefined) return value;
    if (this.strategy.serialise === undefined && finder.serialise === undefined) return value;
    const { deserialise = (plain: never): unknown => plain } = this.strategy;
    const stored = value as Stored;
    if ('one' in stored) return deserialise(stored.one as never);
    if ('many' in stored) return stored.many.map((entity) => deserialise(entity as never));
    return finder.deserialise === undefined ? stored.other : finder.deserialise(stored.other);
  }
}

function isId(value: unknown): value is string | number | bigint {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
}

function definitionOf(strategy: ErasedStrategy): AnyCacheDefinition {
  let definition = definitions.get(strategy);
  if (definition === undefined) {
    definition = defineCache({
      // Callers change entities before they save them.
      values: 'copy',
      ...(entryOptions(strategy, STRATEGY_NAMES) as { name: string }),
      key: (...parts: KeyPart[]) => parts,
    });
    definitions.set(strategy, definition);
  }
  return definition;
}
