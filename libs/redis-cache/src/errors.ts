/**
 * Every error this library throws on purpose. Each has a `code` that never changes its meaning, the `key` it is
 * about when there is one, and a message that says what happened and what to do. What a loader throws is not ours:
 * it reaches the caller as it was thrown.
 */
export type RedisCacheErrorCode =
  | 'INVALID_OPTIONS'
  | 'INVALID_ARGUMENT'
  | 'MISSING_CONTEXT'
  | 'UNCACHEABLE_VALUE'
  | 'UNKEYED_READ'
  | 'RECURSIVE_LOAD'
  | 'LOADER_TIMEOUT'
  | 'REDIS_UNAVAILABLE'
  | 'REDIS_REFUSED'
  | 'NOT_INVALIDATED'
  | 'SESSION_CONFLICT'
  | 'CLOSED';

export interface ErrorDetails {
  /** The user's key, tag or pattern the call was about. */
  key?: string;
  cause?: unknown;
}

export class RedisCacheError extends Error {
  readonly code: RedisCacheErrorCode;
  readonly key: string | undefined;

  constructor(code: RedisCacheErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.key = details.key;
  }
}

/** Options refused at start or at a call: `problems` has one sentence per wrong option. Secrets are never in it. */
export class InvalidOptionsError extends RedisCacheError {
  readonly problems: readonly string[];

  constructor(subject: string, problems: readonly string[]) {
    super('INVALID_OPTIONS', `${subject}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** A key, tag, pattern, duration or loader that cannot be used; nothing was read or written. */
export class InvalidArgumentError extends RedisCacheError {
  constructor(message: string, details?: ErrorDetails) {
    super('INVALID_ARGUMENT', message, details);
  }
}

/** A cache with a context (tenant, locale, user) was used where the context has no value. */
export class MissingContextError extends RedisCacheError {
  constructor(message: string, details?: ErrorDetails) {
    super('MISSING_CONTEXT', message, details);
  }
}

/** A value that cannot be stored without changing it (a function, a symbol or a cycle), or must not be. `path` says where. */
export class UncacheableValueError extends RedisCacheError {
  readonly path: string;

  constructor(path: string, what: string, details?: ErrorDetails) {
    super('UNCACHEABLE_VALUE', `The value at ${path} is ${what}, which cannot be cached. Return plain data.`, details);
    this.path = path;
  }
}

/**
 * A handler whose response others will get read `what` of its request, which the key of that response does not tell: they
 * would get what was meant for one. Thrown where `http.unkeyedReads` says so.
 */
export class UnkeyedReadError extends RedisCacheError {
  constructor(what: string) {
    super(
      'UNKEYED_READ',
      `The handler read ${what} of the request, which is not part of the key of its response. Put it there (vary, query, ` +
        `or a function as scope), do not read it, or take the route out with @NoHttpCache().`,
    );
  }
}

/** A loader asked the cache for the key it is loading, which could only wait for itself. */
export class RecursiveLoadError extends RedisCacheError {
  constructor(key: string) {
    super('RECURSIVE_LOAD', `The loader of key "${key}" asked for the same key and would wait for itself.`, { key });
  }
}

/** The caller's `hardTimeout` passed before the loader answered. The load may still finish and be stored. */
export class LoaderTimeoutError extends RedisCacheError {
  readonly timeoutMs: number;

  constructor(key: string, timeoutMs: number) {
    super('LOADER_TIMEOUT', `Key "${key}" was not loaded within ${timeoutMs} ms (hardTimeout).`, { key });
    this.timeoutMs = timeoutMs;
  }
}

/** Redis did not answer in time, refused the connection, or is not trusted yet after an outage. */
export class RedisUnavailableError extends RedisCacheError {
  constructor(message: string, details?: ErrorDetails) {
    super('REDIS_UNAVAILABLE', message, details);
  }
}

/** Redis answered with an error; `reply` is its first word, for example `OOM`, `READONLY` or `NOPERM`. */
export class RedisRefusedError extends RedisCacheError {
  readonly reply: string;

  constructor(reply: string, message: string, details?: ErrorDetails) {
    super('REDIS_REFUSED', message, details);
    this.reply = reply;
  }
}

/** A `strict` invalidation could not be applied at once. The key is still journaled and will be invalidated. */
export class NotInvalidatedError extends RedisCacheError {
  constructor(message: string, details?: ErrorDetails) {
    super('NOT_INVALIDATED', message, details);
  }
}

/** A session could not be written because others kept writing it. Nothing was written. */
export class SessionConflictError extends RedisCacheError {
  constructor() {
    super('SESSION_CONFLICT', 'The session was not written: others changed it at each attempt. Write it less often.');
  }
}

/** The module was used after it was closed. */
export class ClosedError extends RedisCacheError {
  constructor() {
    super('CLOSED', 'The cache is closed: the application is shutting down.');
  }
}
