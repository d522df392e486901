import { checkList, shown } from '../arguments.js';
import type { CacheService } from '../cache/cache.service.js';
import { type AnyCacheDefinition, defineCache } from '../cache/definition.js';
import type { CacheEngine } from '../cache/engine.js';
import type { CallOptions, InvalidateOptions } from '../cache/entry-options.js';
import { encodeKey, type KeyPart } from '../cache/key.js';
import { InvalidArgumentError } from '../errors.js';
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
   * @throws InvalidArgumentError for an id that is none; NotInvalidatedError with `strict` when Redis could not do it now
   */
  async invalidate(id: KeyPart, options?: InvalidateOptions): Promise<void> {
    await invalidateEach(this.cache, [this.#idTag(checkId(id)), this.#listsTag], options);
  }

  /** Answers a finder; `load` asks the repository. */
  async find(method: string, finder: ErasedFinder, args: unknown[], load: () => Promise<unknown>): Promise<unknown> {
    if (!this.engine.isEnabled || isWithoutCache()) return load();
    const parts =
      finder.key === undefined ? (args as KeyPart[]) : checkList(finder.key(...args), 'what key returns', 'parts');
    const key = [method, ...parts];
    const own = method === 'findById' ? this.#idTag(args[0] as KeyPart) : this.#listsTag;
    const more = finder.tags === undefined ? [] : checkList(finder.tags(...args), 'what tags returns', 'strings');
    const tags = [...new Set([own, ...more])];
    const options: CallOptions = { ...(finderOptions(finder) as CallOptions), tags };
    const stored = await this.cache.getOrSet(key, async () => this.#serialise(await load(), finder), options);
    return this.#deserialise(stored, finder);
  }

  /** Invalidates what a write that has succeeded may have changed. */
  async written(method: string, write: ErasedWrite, args: unknown[], result: unknown): Promise<void> {
    const { ids, tags } = await this.#changed(method, write, args, result);
    await Promise.all([
      // A method we know only by name may change anything, unless it says what.
      ids.length === 0 ? this.cache.clear() : undefined,
      invalidateEach(this.cache, [...ids, this.#listsTag, ...tags]),
    ]);
  }

  get #listsTag(): string {
    return `${this.strategy.name}:lists`;
  }

  /** The tags of the ids and of the entities that a write has changed. */
  async #changed(method: string, write: ErasedWrite, args: unknown[], result: unknown) {
    try {
      const ids = this.#idsOf(method, write, args, result).map((id) => this.#idTag(id));
      return { ids, tags: this.#entitiesOf(method, write, args, result).flatMap((entity) => this.#tagsOf(entity)) };
    } catch (error) {
      // The write has happened, and what it changed is not known.
      await this.cache.clear();
      throw error;
    }
  }

  #idsOf(method: string, write: ErasedWrite, args: unknown[], result: unknown): readonly KeyPart[] {
    if (write.ids !== undefined) return checkList(write.ids(result, ...args), 'what ids returns', 'ids').map(checkId);
    return isConventionalWrite(method) ? this.#idsIn(result, args[0]) : [];
  }

  #entitiesOf(method: string, write: ErasedWrite, args: unknown[], result: unknown): readonly unknown[] {
    if (write.entities === undefined) return this.#entitiesIn(method, result, args[0]);
    return checkList(write.entities(result, ...args), 'what entities returns', 'entities');
  }

  #tagsOf(entity: unknown): readonly string[] {
    const { tags } = this.strategy;
    return tags === undefined ? [] : checkList(tags(entity as never), 'what tags returns', 'strings');
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

/** @throws InvalidArgumentError for what no entity has as its id: nothing would be invalidated. */
function checkId(id: KeyPart): KeyPart {
  if (id !== undefined && id !== null && id !== '' && !Number.isNaN(id)) return id;
  throw new InvalidArgumentError(`id is ${shown(id)}. It must be the id of an entity.`);
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
