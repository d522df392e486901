import { isOptions, shown } from '../arguments.js';
import type { EntryOptions } from '../cache/entry-options.js';
import type { KeyPart } from '../cache/key.js';
import { DEFAULT_POLICY, ENTRY_OPTION_NAMES, resolvePolicy } from '../cache/policy.js';
import { InvalidOptionsError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { isName } from '../redis/name.js';
import type { Duration } from '../time.js';
import type { AsyncMethod } from './method-fit.js';

/** A repository that can be cached: anything with a `findById`. */
export interface RepositoryLike {
  findById(...args: never[]): Promise<unknown>;
}

/** What a repository holds: what its `findById` answers when there is one. */
export type EntityOf<Repository extends RepositoryLike> = NonNullable<Awaited<ReturnType<Repository['findById']>>>;

type AsyncMethodName<Repository> = {
  [Name in keyof Repository]: Repository[Name] extends AsyncMethod ? Name : never;
}[keyof Repository];

type Args<Method> = Method extends (...args: infer Given) => unknown ? Given : never;
type Result<Method> = Method extends (...args: never[]) => infer Returned ? Awaited<Returned> : never;

type FixedEntryOptions = Omit<EntryOptions<never>, 'ttl' | 'tags'>;

export interface FinderOptions<Method> extends FixedEntryOptions {
  ttl?: Duration | Date;
  /** What of the arguments the result depends on. Default: all of them, which must then be plain data. */
  key?: (...args: Args<Method>) => readonly KeyPart[];
  /** Further tags, by which others can invalidate the result. */
  tags?: (...args: Args<Method>) => readonly string[];
  /** The result as plain data, for results that are neither an entity nor a list of them. */
  serialise?: (result: NonNullable<Result<Method>>) => unknown;
  deserialise?: (stored: never) => NonNullable<Result<Method>>;
}

export interface WriteOptions<Entity, Method> {
  /** The ids of what was written. Default, for `save`, `update` and `delete`: those of entities in the result and in the
   * first argument, or that itself; for other writes: any entity may have changed, and the whole cache is cleared. */
  ids?: (result: Result<Method>, ...args: Args<Method>) => readonly KeyPart[];
  /** What was written, for its `tags`. Default: entities in the result, and in the argument of `save`. */
  entities?: (result: Result<Method>, ...args: Args<Method>) => readonly Entity[];
}

interface SerialiseHooks<Entity, Stored> {
  /** The entity as plain data. Default: its own fields. */
  serialise: (entity: Entity) => Stored;
  /** The entity again, with its class, its value objects, its enums. Default: plain data. */
  deserialise: (stored: Stored) => Entity;
}

type HasMethods<Entity> = true extends {
  [Name in keyof Entity]: Entity[Name] extends (...args: never[]) => unknown ? true : false;
}[keyof Entity]
  ? true
  : false;

// Plain data has no methods: without the hooks the type of the finders would promise what is not there.
type Hooks<Entity, Stored> =
  HasMethods<Entity> extends true ? SerialiseHooks<Entity, Stored> : Partial<SerialiseHooks<Entity, Stored>>;

/**
 * How the entities of a repository are cached. Keep it in a constant: the repositories that share it share a cache.
 */
export type EntityStrategy<Repository extends RepositoryLike, Stored = unknown> = FixedEntryOptions &
  Hooks<EntityOf<Repository>, Stored> & {
    /** Name of the cache, 1 to 64 of `A-Z a-z 0-9 _ -`; it begins the tags `<name>:id:<id>` and `<name>:lists`. */
    name: string;
    /** Change it when the shape of the entities changes: the old ones are then not found. Default 1. */
    version?: number;
    connection?: string;
    /** Names of context values, such as the tenant, that become segments of every key. */
    context?: readonly string[];
    ttl?: Duration | Date;
    /** What identifies an entity; asked of whatever writes take and answer. Default: its `id`. */
    idOf?: (entity: EntityOf<Repository>) => KeyPart;
    /** Tags that others use and that a write of this entity invalidates, such as `language:en`. */
    tags?: (entity: EntityOf<Repository>) => readonly string[];
    /** Methods that are answered from the cache, besides `findById` and `list`. */
    finders?: { [Name in AsyncMethodName<Repository>]?: FinderOptions<Repository[Name]> };
    /** Methods that change entities, besides `save`, `update` and `delete`. All others pass through. */
    writes?: { [Name in AsyncMethodName<Repository>]?: WriteOptions<EntityOf<Repository>, Repository[Name]> };
  };

type Call<R> = (...args: unknown[]) => R;

/** A strategy with the types of its repository forgotten. */
export interface ErasedStrategy extends FixedEntryOptions {
  name: string;
  ttl?: Duration | Date;
  idOf?: (entity: never) => KeyPart;
  tags?: (entity: never) => readonly string[];
  serialise?: (entity: never) => unknown;
  deserialise?: (stored: never) => unknown;
  finders?: Record<string, ErasedFinder>;
  writes?: Record<string, ErasedWrite>;
}

export interface ErasedFinder extends FixedEntryOptions {
  ttl?: Duration | Date;
  key?: Call<readonly KeyPart[]>;
  tags?: Call<readonly string[]>;
  serialise?: Call<unknown>;
  deserialise?: Call<unknown>;
}

export interface ErasedWrite {
  ids?: Call<readonly KeyPart[]>;
  entities?: Call<readonly unknown[]>;
}

export const STRATEGY_NAMES = ['idOf', 'tags', 'serialise', 'deserialise', 'finders', 'writes'];
const FINDER_NAMES = ['key', 'tags', 'serialise', 'deserialise'];
const WRITE_NAMES = ['ids', 'entities'];
const CONVENTIONAL_FINDERS = ['findById', 'list'];
const CONVENTIONAL_WRITES = ['save', 'update', 'delete'];

/** Which methods of a repository are finders and which are writes, with their options. */
export interface Roles {
  readonly finders: ReadonlyMap<string, ErasedFinder>;
  readonly writes: ReadonlyMap<string, ErasedWrite>;
}

/** @throws InvalidOptionsError naming every wrong option and every method that the repository does not have */
export function rolesOf(repository: object, strategy: ErasedStrategy): Roles {
  if (!isOptions(strategy)) {
    throw new InvalidOptionsError('cachedRepository', [
      `strategy is ${shown(strategy)}; it must be an object { name }`,
    ]);
  }
  const { finders = {}, writes = {} } = strategy;
  const subject = isName(strategy.name) ? `cachedRepository "${strategy.name}"` : 'cachedRepository';
  const notObjects = Object.entries({
    repository,
    finders,
    writes,
    ...nested('finders', finders),
    ...nested('writes', writes),
  })
    .filter(([path, value]) =>
      path === 'repository' ? typeof value !== 'object' || value === null : !isOptions(value),
    )
    .map(([path, value]) => `${path} is ${shown(value)}; it must be an object`);
  if (notObjects.length > 0) throw new InvalidOptionsError(subject, notObjects);
  const methods = methodNames(repository);
  const problems: string[] = [];
  for (const name of [...Object.keys(finders), ...Object.keys(writes)]) {
    if (!methods.includes(name))
      problems.push(`the repository has no method of this name: ${unknownName(name, methods)}`);
  }
  for (const name of Object.keys(finders)) {
    if (name in writes || CONVENTIONAL_WRITES.includes(name)) problems.push(`${name} cannot be a finder and a write`);
  }
  for (const name of Object.keys(writes)) {
    if (CONVENTIONAL_FINDERS.includes(name)) problems.push(`${name} cannot be a finder and a write`);
  }
  for (const [name, options] of Object.entries(finders)) {
    problems.push(...functionProblems(`finders.${name}`, options, FINDER_NAMES));
    problems.push(...entryProblems(`finders.${name}`, entryOptions(options, FINDER_NAMES)));
  }
  for (const [name, options] of Object.entries(writes)) {
    problems.push(...functionProblems(`writes.${name}`, options, WRITE_NAMES));
    const unknown = Object.keys(options).filter((option) => !WRITE_NAMES.includes(option));
    problems.push(...unknown.map((option) => `writes.${name}: ${unknownName(option, WRITE_NAMES)}`));
  }
  problems.push(...functionProblems('strategy', strategy, ['idOf', 'tags', 'serialise', 'deserialise']));
  if (problems.length > 0) throw new InvalidOptionsError(subject, problems);
  const present = (names: readonly string[]) =>
    names.filter((name) => methods.includes(name)).map((name) => [name, {}] as const);
  return {
    finders: new Map([...present(CONVENTIONAL_FINDERS), ...Object.entries(finders)]),
    writes: new Map([...present(CONVENTIONAL_WRITES), ...Object.entries(writes)]),
  };
}

export function isConventionalWrite(method: string): boolean {
  return CONVENTIONAL_WRITES.includes(method);
}

/** What is left of options without those that are not the engine's. */
export function entryOptions(options: object, others: readonly string[]): EntryOptions<never> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !others.includes(name)));
}

export function finderOptions(finder: ErasedFinder): EntryOptions<never> {
  return entryOptions(finder, FINDER_NAMES);
}

function functionProblems(subject: string, options: object, names: readonly string[]): string[] {
  return Object.entries(options)
    .filter(([name, value]) => names.includes(name) && value !== undefined && typeof value !== 'function')
    .map(([name, value]) => `${subject}: ${name} is ${shown(value)}; it must be a function`);
}

function entryProblems(subject: string, options: EntryOptions<never>): string[] {
  try {
    const unknown = Object.keys(options).filter((name) => !ENTRY_OPTION_NAMES.includes(name));
    if (unknown.length > 0)
      return unknown.map((name) => `${subject}: ${unknownName(name, [...FINDER_NAMES, ...ENTRY_OPTION_NAMES])}`);
    resolvePolicy(DEFAULT_POLICY, options, Infinity, subject);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    return error.problems.map((problem) => `${subject}: ${problem}`);
  }
}

function nested(path: string, options: unknown): Record<string, unknown> {
  if (!isOptions(options)) return {};
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [`${path}.${name}`, value as unknown]));
}

function methodNames(repository: object): string[] {
  const names = new Set<string>();
  for (
    let owner: object = repository;
    owner !== Object.prototype && owner !== null;
    owner = Object.getPrototypeOf(owner) as object
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
  }
  return [...names];
}
