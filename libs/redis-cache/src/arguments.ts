import { inspect, types } from 'node:util';
import { InvalidArgumentError } from './errors.js';

/** A wrong value as error messages show it, whatever its size, in about a line. Not for values that may be secrets: see `kindOf`. */
export function shown(value: unknown): string {
  if (types.isNativeError(value)) return `[${value.name}]`;
  const text = inspect(value, { depth: 1, maxStringLength: 100, maxArrayLength: 10, breakLength: Infinity });
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** The same for what is to be a name, with text in double quotes. */
export function quoted(value: unknown): string {
  return typeof value === 'string' ? `"${value.slice(0, 100)}"` : shown(value);
}

/** What a value is, for messages about values nobody may read there: `text`, `a number`, `an array`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return 'text';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Whether it is an object whose fields are options: no list, Map, Date, promise or whatever else was meant otherwise. */
export function isOptions(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/**
 * `list` itself. A text is refused above all: spread like a list it would become its characters.
 *
 * @throws InvalidArgumentError naming it as `name`.
 */
export function checkList<T>(list: readonly T[], name: string, items: string): readonly T[] {
  if (Array.isArray(list)) return list as readonly T[];
  throw new InvalidArgumentError(`${name} is ${shown(list)}. It must be an array of ${items}.`);
}
