import { NAME_PATTERN } from './keyspace.js';

/** Whether it may name a namespace, a cache or a connection. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME_PATTERN.test(value);
}
