import { inspect } from 'node:util';

/** A page is to show a value, not to hold it. */
const MAX_LENGTH = 50_000;
const LIMITS = { depth: 6, maxArrayLength: 100, maxStringLength: 10_000, breakLength: 120 };

/** A value as JSON can carry it: parts JSON does not know become text, and what is long becomes the beginning of its text. */
export function shownValue(value: unknown): unknown {
  if (!isOfJson(value)) return inspect(value, LIMITS).slice(0, MAX_LENGTH);
  const json = JSON.stringify(value, (_name, part: unknown) => (isOfJson(part) ? part : inspect(part, LIMITS)));
  return json.length <= MAX_LENGTH ? (JSON.parse(json) as unknown) : inspect(value, LIMITS).slice(0, MAX_LENGTH);
}

function isOfJson(part: unknown): boolean {
  if (typeof part === 'number') return Number.isFinite(part);
  if (typeof part !== 'object' || part === null)
    return typeof part === 'string' || typeof part === 'boolean' || part === null;
  const prototype: unknown = Object.getPrototypeOf(part);
  return Array.isArray(part) || prototype === null || Object.getPrototypeOf(prototype) === null;
}
