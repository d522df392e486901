import type { Attributes, Span, Tracer } from '@opentelemetry/api';
import type { CacheService } from '../cache/cache.service.js';
import { CacheEngine, type CacheEngineOptions } from '../cache/engine.js';
import type { AnyCacheDefinition, CacheOf } from '../cache/definition.js';
import type { CallOptions, LoadContext, Loader } from '../cache/entry-options.js';
import type { Key } from '../cache/key.js';
import { InvalidOptionsError } from '../errors.js';
import type { Clock } from '../time.js';
import { importOptional } from './optional-import.js';
import type { TracingOptions } from './tracing-options.js';

type OpenTelemetry = typeof import('@opentelemetry/api');
type Method = (...args: never[]) => Promise<unknown>;

/** What a span is told when the call has ended. */
type AttributesOf = (result: unknown) => Attributes;

const NAME = 'nestjs-rcache';
const NOTHING: AttributesOf = () => ({});

/** OpenTelemetry's API. @throws InvalidOptionsError when it is not installed */
export async function importOpenTelemetry(): Promise<OpenTelemetry> {
  const api = await importOptional(() => import('@opentelemetry/api'));
  if (api !== undefined) return api;
  throw new InvalidOptionsError('RedisCacheModule options', [
    'tracing needs @opentelemetry/api, which is not installed. Run: npm install @opentelemetry/api',
  ]);
}

/**
 * An engine whose caches leave spans: one for each call, and one for each loader inside it, so that what the loader asks
 * the database is found beneath. Without this class nothing of tracing is on any path.
 */
export class TracedEngine extends CacheEngine {
  readonly #traced = new WeakSet<CacheService>();

  constructor(
    private readonly api: OpenTelemetry,
    private readonly tracing: TracingOptions,
    ...rest: [options?: CacheEngineOptions, clock?: Clock, shared?: readonly string[]]
  ) {
    super(...rest);
  }

  override get defaultCache(): CacheService {
    return this.#withSpans(super.defaultCache);
  }

  override cache<Definition extends AnyCacheDefinition>(definition: Definition): CacheOf<Definition> {
    return this.#withSpans(super.cache(definition) as CacheService) as CacheOf<Definition>;
  }

  #withSpans<Cache extends CacheService>(cache: Cache): Cache {
    if (!this.#traced.has(cache)) {
      this.#traced.add(cache);
      new CacheSpans(this.api, this.tracing, cache).install();
    }
    return cache;
  }
}

/** Puts spans around the methods of one cache. Methods it calls itself, such as `lookup` in `has`, leave spans of their own. */
class CacheSpans {
  readonly #tracer: Tracer;

  constructor(
    private readonly api: OpenTelemetry,
    private readonly options: TracingOptions,
    private readonly cache: CacheService,
  ) {
    this.#tracer = api.trace.getTracer(NAME);
  }

  install(): void {
    this.#wrap(
      'resolve',
      'get',
      ([key]) => this.#keys([key]),
      resolvedAttributes,
      ([key, loader, ...rest]) => [key, this.#loader(loader as Loader<unknown>), ...rest],
    );
    const { cache } = this;
    const getOrSet = cache.getOrSet.bind(cache);
    Object.assign(cache, {
      // Only `resolve` knows where a value came from.
      getOrSet: <T>(key: Key, loader: Loader<T>, options?: CallOptions<T>) =>
        this.#isTracing() ? valueOf(cache.resolve(key, loader, options)) : getOrSet(key, loader, options),
    });
    this.#wrap('lookup', 'get', ([key]) => this.#keys([key]), hitAttributes);
    this.#wrap(
      'get',
      'get',
      ([key]) => this.#keys([key]),
      (value) => ({ 'cache.hit': value !== undefined }),
    );
    this.#wrap('getMany', 'get', ([keys]) => this.#keys(keys), NOTHING);
    this.#wrap(
      'getOrSetMany',
      'get',
      ([keys]) => this.#keys(keys),
      NOTHING,
      ([keys, loader, ...rest]) => [keys, this.#loader(loader as Loader<unknown>), ...rest],
    );
    this.#wrap(
      'put',
      'set',
      ([key]) => this.#keys([key]),
      NOTHING,
      ([key, write, ...rest]) => [key, this.#loader(write as Loader<unknown>), ...rest],
    );
    this.#wrap('set', 'set', ([key]) => this.#keys([key]), statusAttributes);
    this.#wrap('setMany', 'set', () => ({}), statusAttributes);
    this.#wrap('delete', 'delete', ([key]) => this.#keys([key]), statusAttributes);
    this.#wrap('deleteMany', 'delete', ([keys]) => this.#keys(keys), statusAttributes);
    this.#wrap('expire', 'expire', ([key]) => this.#keys([key]), statusAttributes);
    this.#wrap('invalidateTags', 'invalidate', ([tags]) => this.#tags(tags), statusAttributes);
    this.#wrap('invalidatePattern', 'invalidate', () => ({}), NOTHING);
    this.#wrap('clear', 'clear', () => ({}), statusAttributes);
    this.#wrap('clearNamespace', 'clear', () => ({}), statusAttributes);
    this.#wrap('warm', 'warm', () => ({}), NOTHING);
  }

  #wrap(
    name: keyof CacheService,
    operation: string,
    attributesOf: (args: readonly unknown[]) => Attributes,
    resultOf: AttributesOf,
    prepared: (args: readonly unknown[]) => readonly unknown[] = (args) => args,
  ): void {
    const method = (this.cache[name] as Method).bind(this.cache) as (...args: unknown[]) => Promise<unknown>;
    const traced = (...args: unknown[]): Promise<unknown> =>
      this.#isTracing()
        ? this.#span(operation, attributesOf(args), () => method(...prepared(args)), resultOf)
        : method(...args);
    Object.assign(this.cache, { [name]: traced });
  }

  /** A loader, or a write, whose work is found beneath a span of its own. */
  #loader<T>(loader: Loader<T>): Loader<T> {
    // What is no function is refused where it is used.
    if (typeof loader !== 'function') return loader;
    const work = loader as (...args: unknown[]) => T | Promise<T>;
    return (...args: [context: LoadContext<T>]) =>
      this.#isTracing() ? this.#span('load', {}, async () => work(...args), NOTHING) : work(...args);
  }

  #isTracing(): boolean {
    return this.options.roots === true || this.api.trace.getActiveSpan() !== undefined;
  }

  async #span<T>(
    operation: string,
    attributes: Attributes,
    work: () => Promise<T>,
    resultOf: AttributesOf,
  ): Promise<T> {
    const { name } = this.cache;
    const all = { 'cache.operation': operation, 'cache.name': name, ...attributes };
    return this.#tracer.startActiveSpan(`cache.${operation} ${name}`, { attributes: all }, async (span) => {
      try {
        const result = await work();
        span.setAttributes(resultOf(result));
        return result;
      } catch (error) {
        this.#failed(span, error);
        throw error;
      } finally {
        span.end();
      }
    });
  }

  #failed(span: Span, error: unknown): void {
    const type = error instanceof Error ? error.name : typeof error;
    span.setAttribute('error.type', type);
    // The message of an error may hold anything, keys too.
    span.setStatus({
      code: this.api.SpanStatusCode.ERROR,
      ...(this.options.keys === true ? { message: String(error) } : {}),
    });
  }

  #keys(keys: unknown): Attributes {
    if (this.options.keys !== true || !Array.isArray(keys)) return {};
    return { 'cache.key': keys.map((key: unknown) => (typeof key === 'string' ? key : JSON.stringify(key))) };
  }

  #tags(tags: unknown): Attributes {
    return this.options.keys === true && Array.isArray(tags) ? { 'cache.tags': tags.map(String) } : {};
  }
}

async function valueOf<T>(resolved: Promise<{ value: T }>): Promise<T> {
  return (await resolved).value;
}

function resolvedAttributes(result: unknown): Attributes {
  const { source, isStale, isShared, remainingMs } = result as {
    source: string;
    isStale: boolean;
    isShared: boolean;
    remainingMs: number;
  };
  return {
    'cache.hit': source !== 'loader',
    'cache.source': source,
    'cache.stale': isStale,
    'cache.shared': isShared,
    'cache.ttl': Math.round(remainingMs / 1000),
  };
}

function hitAttributes(result: unknown): Attributes {
  const found = result as { isHit: boolean; source?: string; isStale?: boolean; reason?: string };
  return found.isHit
    ? { 'cache.hit': true, 'cache.source': found.source ?? '', 'cache.stale': found.isStale === true }
    : { 'cache.hit': false, 'cache.miss_reason': found.reason ?? '' };
}

function statusAttributes(status: unknown): Attributes {
  return { 'cache.status': String(status) };
}
