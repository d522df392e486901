import { createHash } from 'node:crypto';
import { types } from 'node:util';

/**
 * What a key is, by a way of spelling that has nothing in common with the one under test: everything is preceded by its
 * type and its length, so that nothing can be taken for anything else. Equal keys have equal fingerprints.
 */
export function fingerprintOf(value: unknown): string {
  return createHash('sha1').update(spelt(value)).digest('base64url');
}

function spelt(value: unknown): string {
  if (typeof value === 'string') return sized('string', value);
  if (typeof value === 'number') return sized('number', Object.is(value, -0) ? 'minus zero' : String(value));
  if (typeof value !== 'object' || value === null) return sized(typeof value, String(value));
  if (types.isDate(value)) return sized('date', String(value.getTime()));
  if (Array.isArray(value)) return listed('array', Array.from(value, spelt));
  if (types.isSet(value)) return listed('set', Array.from(value, spelt).sort());
  if (types.isMap(value)) return listed('map', Array.from(value, spelt).sort());
  return listed('object', Object.entries(value).map(spelt).sort());
}

function sized(type: string, text: string): string {
  return `${type} of ${text.length}: ${text};`;
}

function listed(type: string, items: readonly string[]): string {
  return sized(`${type} with ${items.length}`, items.join(''));
}
