import 'reflect-metadata';
import { shown } from '../arguments.js';
import type { EntryOptions } from '../cache/entry-options.js';
import { DEFAULT_POLICY, ENTRY_OPTION_NAMES, resolvePolicy } from '../cache/policy.js';
import { isName } from '../redis/name.js';
import type { Duration } from '../time.js';
import { checkIsOptions, checkOptions, type Class } from './decorated-method.js';

/** Options for every decorated method of a class; functions of the arguments belong to the methods. */
export interface CacheDefaultsOptions extends Omit<EntryOptions<never>, 'ttl' | 'tags'> {
  /** The name of the cache of the methods that do not name one. */
  cache?: string;
  ttl?: Duration | Date;
  tags?: readonly string[];
}

const DEFAULTS = Symbol.for('nestjs-rcache:defaults');

/**
 * What the decorated methods of a class, and of the classes that extend it, do not say themselves. Methods with a
 * definition take their options from that instead.
 *
 *     @CacheDefaults({ cache: 'catalogue', ttl: '1h' })
 *
 * @throws InvalidOptionsError at once, naming every option that is wrong or unknown
 */
export function CacheDefaults(options: CacheDefaultsOptions) {
  return (target: Class): void => {
    const subject = `@CacheDefaults on ${target.name}`;
    checkIsOptions(subject, options);
    const { cache, ...entry } = options;
    const isNamed = cache === undefined || isName(cache);
    const problem = `cache must be the name of a cache, 1 to 64 of A-Z a-z 0-9 _ -; it is ${shown(cache)}`;
    checkOptions(subject, options, ['cache', ...ENTRY_OPTION_NAMES], isNamed ? [] : [problem]);
    resolvePolicy(DEFAULT_POLICY, entry, Infinity, subject);
    Reflect.defineMetadata(DEFAULTS, { ...classDefaults(target), ...options }, target);
  };
}

/** The defaults of a class, over those of the classes it extends. */
export function classDefaults(host: Class): CacheDefaultsOptions {
  return (Reflect.getMetadata(DEFAULTS, host) as CacheDefaultsOptions | undefined) ?? {};
}
