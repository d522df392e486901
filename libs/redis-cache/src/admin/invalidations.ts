import { createHmac, timingSafeEqual } from 'node:crypto';
import { shown } from '../arguments.js';
import type { CacheService } from '../cache/cache.service.js';
import type { CacheEngine } from '../cache/engine.js';
import type { Key } from '../cache/key.js';
import { globMatcher } from '../cache/pattern.js';
import { InvalidArgumentError } from '../errors.js';
import type { InvalidationKind, WriteStatus } from '../events.js';
import { connectionNameOf, countMatching, countTagged, definitionOf, type EntryCount } from './entry-count.js';

export type AdminInvalidationKind = Exclude<InvalidationKind, 'expire'>;

/** What somebody wants to be rid of. */
export interface Wanted {
  readonly kind: AdminInvalidationKind;
  /** Of a key, a pattern, or the cache itself. */
  readonly cache: string;
  /** The tag or pattern, or the key: text, or a list as JSON. */
  readonly target: string;
}

/** What would happen, and what to confirm it with. */
export interface Preview extends EntryCount {
  /** A sentence. */
  what: string;
  token: string;
  validMs: number;
}

const KINDS: readonly unknown[] = ['key', 'tag', 'pattern', 'cache', 'namespace'];
const VALID_MS = 60_000;
const MAX_TEXT = 2_000;

/** Checks what came with a request. @throws InvalidArgumentError */
export function wantedOf(body: unknown): Wanted {
  const { kind, cache = '', target = '' } = (body ?? {}) as Record<string, unknown>;
  if (!KINDS.includes(kind))
    throw new InvalidArgumentError(`kind is ${shown(kind)}. It must be one of ${KINDS.join(', ')}.`);
  for (const [name, text] of Object.entries({ cache, target })) {
    if (typeof text !== 'string' || text.length > MAX_TEXT) throw new InvalidArgumentError(`${name} must be text.`);
  }
  return { kind, cache, target } as Wanted;
}

/** A key as typed: JSON of a list, or text. @throws InvalidArgumentError */
export function keyOf(typed: unknown): Key {
  if (typeof typed !== 'string' || typed === '' || typed.length > MAX_TEXT) {
    throw new InvalidArgumentError('key must be text, or a list as JSON such as ["user", 7].');
  }
  if (!typed.startsWith('[')) return typed;
  try {
    return JSON.parse(typed) as Key;
  } catch {
    throw new InvalidArgumentError('key begins with [ and is no JSON.');
  }
}

/** @throws InvalidArgumentError for a name no cache of this process has */
export function cacheOf(engine: CacheEngine, name: unknown): CacheService {
  const cache = engine.caches().find((each) => each.name === name);
  if (cache === undefined) throw new InvalidArgumentError(`There is no cache ${shown(name)} in this process.`);
  return cache;
}

/** Invalidations in two steps: what would happen, and doing it. */
export class Invalidations {
  constructor(
    private readonly engine: CacheEngine,
    private readonly secretOf: () => string,
  ) {}

  /** @param user may confirm it, and nobody else */
  async preview(wanted: Wanted, user: string): Promise<Preview> {
    const count = await this.#count(wanted);
    const token = this.#sign(wanted, user, Date.now() + VALID_MS);
    return { ...count, what: sentence(wanted), token, validMs: VALID_MS };
  }

  /** What was previewed. @throws InvalidArgumentError for a token that is too old, another's, or none of ours */
  confirmed(token: unknown, user: string): Wanted {
    const [body = '', seal = ''] = typeof token === 'string' ? token.split('.') : [];
    const wanted = equal(seal, this.#seal(body)) ? readBody(body) : undefined;
    if (wanted?.user !== user || !(wanted.untilMs > Date.now())) {
      throw new InvalidArgumentError('This was not confirmed within 60 s of its preview. Look at the preview again.');
    }
    return wantedOf(wanted);
  }

  async apply({ kind, cache, target }: Wanted): Promise<WriteStatus> {
    if (kind === 'key') return cacheOf(this.engine, cache).delete(keyOf(target));
    if (kind === 'pattern') return (await cacheOf(this.engine, cache).invalidatePattern(target)).status;
    if (kind === 'cache') return cacheOf(this.engine, cache).clear();
    const statuses = await Promise.all(
      this.#onePerConnection().map((each) => (kind === 'tag' ? each.invalidateTags([target]) : each.clearNamespace())),
    );
    return statuses.includes('queued') ? 'queued' : 'applied';
  }

  async #count({ kind, cache, target }: Wanted): Promise<EntryCount> {
    if (kind === 'key') {
      const { isHit } = await cacheOf(this.engine, cache).lookup(keyOf(target));
      return { entries: isHit ? 1 : 0, isEstimate: false, sample: [] };
    }
    if (kind === 'cache') return countMatching(this.engine, cacheOf(this.engine, cache), '*');
    if (kind === 'pattern') {
      globMatcher(target);
      const patterned = cacheOf(this.engine, cache);
      if (definitionOf(patterned)?.context !== undefined) {
        throw new InvalidArgumentError('A cache with a context has no patterns here. Invalidate a tag, or all of it.');
      }
      return countMatching(this.engine, patterned, target);
    }
    if (kind === 'tag' && target === '') throw new InvalidArgumentError('target must be a tag.');
    const tag = kind === 'tag' ? target : undefined;
    const counts = await Promise.all(
      this.#onePerConnection().map((each) => countTagged(this.engine, connectionNameOf(each), tag)),
    );
    const known = counts.flatMap(({ entries }) => entries ?? []);
    return {
      entries: known.length === counts.length ? known.reduce((sum, each) => sum + each, 0) : undefined,
      isEstimate: counts.some(({ isEstimate }) => isEstimate),
      sample: counts.flatMap(({ sample }) => sample).slice(0, 10),
    };
  }

  /** Tags and the namespace are invalidated on each connection by one of its caches. */
  #onePerConnection(): CacheService[] {
    const caches = [this.engine.defaultCache, ...this.engine.caches()];
    return [...new Map(caches.reverse().map((cache) => [connectionNameOf(cache), cache])).values()];
  }

  #sign(wanted: Wanted, user: string, untilMs: number): string {
    const body = Buffer.from(JSON.stringify({ ...wanted, user, untilMs })).toString('base64url');
    return `${body}.${this.#seal(body)}`;
  }

  #seal(body: string): string {
    return createHmac('sha256', this.secretOf()).update(`invalidation:${body}`).digest('base64url');
  }
}

function sentence({ kind, cache, target }: Wanted): string {
  switch (kind) {
    case 'key':
      return `The entry ${target} of cache "${cache}"`;
    case 'tag':
      return `Every entry with the tag "${target}", in all caches`;
    case 'pattern':
      return `The entries of cache "${cache}" whose key matches ${target}`;
    case 'cache':
      return `Every entry of cache "${cache}"`;
    case 'namespace':
      return 'Every entry of every cache';
  }
}

function readBody(body: string): (Wanted & { user: string; untilMs: number }) | undefined {
  // Sealed by us, so it is what we wrote.
  return JSON.parse(Buffer.from(body, 'base64url').toString()) as Wanted & { user: string; untilMs: number };
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
