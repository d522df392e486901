import type { StandardSchemaV1 } from '@standard-schema/spec';
import { createSecretKey, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { InvalidOptionsError, RedisCacheError } from '../errors.js';
import { unknownName } from '../nearest.js';
import { type Duration, toMs, toMsOrZero } from '../time.js';
import { type KeyRing, MIN_SECRET_BYTES, readKeyRing, readSecret } from './key-ring.js';
import { type CookieOptions, type CookiePolicy, resolveCookie } from './session-cookie.js';
import type { SessionData } from './session-data.js';

export interface SessionOptions<Data extends object = SessionData> {
  /**
   * Master keys as `<name>:<base64 of 32 random bytes or more>`, in a list or separated by commas. The first one seals,
   * all of them open, so that keys can be changed while sessions live.
   */
  keys: string | readonly string[];
  /** Base64 of 32 random bytes or more. Ids are found by it: another one ends all sessions. */
  indexKey: string;
  /** A session ends after this long without activity. Default `'30m'`. */
  idleTimeout?: Duration;
  /** A session ends this long after login, whatever happens. Default `'12h'`, at least `idleTimeout`. */
  absoluteTimeout?: Duration;
  /** Activity is noted at most this often: a session may end this much too early. Default a tenth of `idleTimeout`; 0: at every read. */
  touchInterval?: Duration;
  /** A session gets a new id this long after the last one. Default 0: at login and change of rights only. */
  rotateEvery?: Duration;
  /** After a periodic rotation the old id works for this long, for requests under way. Default `'10s'`; 0 for none. */
  rotationGrace?: Duration;
  /** Most bytes of a record in Redis. Default 65,536. */
  maxBytes?: number;
  /** Checks data when they are read; a session whose data it refuses counts as absent. Any Standard Schema. */
  schema?: StandardSchemaV1<unknown, Data>;
  cookie?: CookieOptions;
  /** Origins besides the own one whose pages may send requests that change something, such as `https://admin.example.com`. */
  trustedOrigins?: readonly string[];
  /** Name of one of the module's connections. Default `default`. */
  connection?: string;
}

/** Options, checked and complete. */
export interface SessionPolicy<Data extends object> {
  readonly ring: KeyRing;
  readonly indexKey: KeyObject;
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly touchMs: number;
  /** `undefined`: never by the clock. */
  readonly rotateMs: number | undefined;
  readonly graceMs: number;
  readonly maxBytes: number;
  readonly schema: StandardSchemaV1<unknown, Data> | undefined;
  readonly cookie: CookiePolicy;
  readonly trustedOrigins: ReadonlySet<string>;
}

const DEFAULTS = { idleTimeout: '30m', absoluteTimeout: '12h', rotationGrace: '10s', maxBytes: 65_536 } as const;
/** Idle times of a session are cut into this many parts, each of which is noted once. */
const TOUCHES_PER_IDLE = 10;
const NAMES: Record<keyof SessionOptions, true> = {
  keys: true,
  indexKey: true,
  idleTimeout: true,
  absoluteTimeout: true,
  touchInterval: true,
  rotateEvery: true,
  rotationGrace: true,
  maxBytes: true,
  schema: true,
  cookie: true,
  trustedOrigins: true,
  connection: true,
};

/** @throws InvalidOptionsError with a sentence per wrong option, or pair of options; secrets are never in it */
export function resolveSessionOptions<Data extends object>(options: SessionOptions<Data>): SessionPolicy<Data> {
  const problems = Object.keys(options)
    .filter((name) => !(name in NAMES))
    .map((name) => unknownName(name, Object.keys(NAMES)));
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RedisCacheError)) throw error;
      problems.push(...(error instanceof InvalidOptionsError ? error.problems : [error.message]));
      return undefined;
    }
  };

  const indexKey = readSecret(options.indexKey);
  if (typeof indexKey === 'string') {
    problems.push(`indexKey ${indexKey}. It must be base64 of at least ${MIN_SECRET_BYTES} random bytes.`);
  }
  const ring = readKeyRing(keyTexts(options.keys), typeof indexKey === 'string' ? undefined : indexKey, problems);
  const idleMs = attempt(() => toMs(options.idleTimeout ?? DEFAULTS.idleTimeout, 'idleTimeout')) ?? 0;
  const absoluteMs = attempt(() => toMs(options.absoluteTimeout ?? DEFAULTS.absoluteTimeout, 'absoluteTimeout')) ?? 0;
  const touchMs = attempt(() => toMsOrZero(options.touchInterval ?? idleMs / TOUCHES_PER_IDLE, 'touchInterval')) ?? 0;
  const rotateMs = attempt(() => toMsOrZero(options.rotateEvery ?? 0, 'rotateEvery')) ?? 0;
  const graceMs = attempt(() => toMsOrZero(options.rotationGrace ?? DEFAULTS.rotationGrace, 'rotationGrace')) ?? 0;
  const maxBytes = options.maxBytes ?? DEFAULTS.maxBytes;
  const cookie = attempt(() => resolveCookie(options.cookie ?? {}));
  const trustedOrigins = options.trustedOrigins ?? [];

  if (problems.length === 0) {
    if (absoluteMs < idleMs)
      problems.push(`absoluteTimeout is shorter than idleTimeout, which then never ends a session.`);
    if (touchMs >= idleMs)
      problems.push('touchInterval must be shorter than idleTimeout, or active sessions would end.');
    if (rotateMs > 0 && rotateMs <= graceMs) problems.push('rotateEvery must be longer than rotationGrace.');
  }
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) {
    problems.push(`maxBytes is ${inspect(maxBytes)}. It must be a whole number of at least 1.`);
  }
  for (const origin of trustedOrigins) {
    if (!isOrigin(origin)) {
      problems.push(`trustedOrigins has ${inspect(origin)}. An origin is scheme://host[:port] and nothing else.`);
    }
  }
  if (ring === undefined || cookie === undefined || typeof indexKey === 'string' || problems.length > 0) {
    throw new InvalidOptionsError('session', problems);
  }
  return {
    ring,
    indexKey: createSecretKey(indexKey),
    idleMs,
    absoluteMs,
    touchMs,
    rotateMs: rotateMs === 0 ? undefined : rotateMs,
    graceMs,
    maxBytes,
    schema: options.schema,
    cookie,
    trustedOrigins: new Set(trustedOrigins),
  };
}

function keyTexts(keys: unknown): readonly unknown[] {
  if (Array.isArray(keys)) return keys;
  return typeof keys === 'string' && keys.trim() !== '' ? keys.split(',') : [];
}

function isOrigin(text: unknown): boolean {
  return typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text;
}
