import { shown } from '../arguments.js';
import type { CacheService } from '../cache/cache.service.js';
import type { CacheEngine } from '../cache/engine.js';
import type { InspectedKey } from '../cache/entry-inspection.js';
import type { Key } from '../cache/key.js';
import { InvalidArgumentError } from '../errors.js';
import type { AdminAction } from '../events.js';
import type { EntryCount } from './entry-count.js';

/** Something that is done in two steps: what it would do, and doing it. */
export interface Action {
  readonly audited: AdminAction;
  /** What it is done to, for the audit. */
  readonly target: string;
  /** A sentence. */
  readonly what: string;
  /** To be typed by whoever confirms it, where much may go. */
  readonly name?: string;
  /** What it concerns. Default: nothing that could be counted. @throws InvalidArgumentError for what cannot be done */
  readonly count?: () => EntryCount | Promise<EntryCount>;
  /** Resolves to what came of it. */
  readonly apply: () => string | Promise<string>;
}

export const KINDS = [
  'key',
  'expire',
  'tag',
  'pattern',
  'cache',
  'namespace',
  'bypass',
  'breaker',
  'session',
  'sessions',
] as const;

/** Texts that came with a request. */
export type Fields = Readonly<Record<string, unknown>>;

const MAX_TEXT = 2_000;
const MOST_SECONDS = 3_600;

/** @throws InvalidArgumentError for what is no text, or too long */
export function textOf(fields: Fields, name: string): string {
  const text = fields[name] ?? '';
  if (typeof text === 'string' && text.length <= MAX_TEXT) return text;
  throw new InvalidArgumentError(`${name} must be text.`);
}

/** Whole seconds, as milliseconds. @throws InvalidArgumentError for less than one and more than an hour */
export function durationOf(fields: Fields): number {
  const seconds = Number(textOf(fields, 'seconds'));
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= MOST_SECONDS) return seconds * 1000;
  throw new InvalidArgumentError(`seconds must be a whole number from 1 to ${MOST_SECONDS}.`);
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

/** A key as typed, or as one was found in Redis. @throws InvalidArgumentError */
export function inspectedKeyOf(fields: Fields): InspectedKey {
  const stored = textOf(fields, 'stored');
  return stored === '' ? keyOf(fields.key) : { stored };
}

/** @throws InvalidArgumentError for a name no cache of this process has */
export function cacheOf(engine: CacheEngine, name: unknown): CacheService {
  const cache = engine.caches().find((each) => each.name === name);
  if (cache === undefined) throw new InvalidArgumentError(`There is no cache ${shown(name)} in this process.`);
  return cache;
}
