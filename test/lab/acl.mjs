// @ts-check
import { readFileSync } from 'node:fs';

/** @typedef {import('../../libs/redis-cache/src/redis/connection-options.js').ConnectionOptions} ConnectionOptions */

const PAGE = new URL('../../docs/acl.md', import.meta.url);
/** The namespace on that page. */
const NAMESPACE = 'shop';

/**
 * The users docs/acl.md publishes, one ACL line each: what is tested is what is told.
 *
 * @param {string} [namespace] of the cache, default that of the page
 * @returns {string[]} `user app on >password …`; the user `sentinel` is one of the sentinels
 */
export function publishedUsers(namespace = NAMESPACE) {
  const lines = readFileSync(PAGE, 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('user '))
    .map((line) => line.replaceAll(`~${NAMESPACE}:`, `~${namespace}:`));
}

/**
 * Connection options with which the users of ACL lines are used: each kind of connection as the user of its name if there
 * is one, else as `app`; sentinels as `sentinel`.
 *
 * @param {string[]} lines
 * @returns {Partial<ConnectionOptions>}
 */
export function connectionAs(lines) {
  const users = new Map(lines.map((line) => [nameOf(line), passwordOf(line)]));
  return {
    credentials: (kind) => {
      const username = users.has(kind) ? kind : 'app';
      return { username, password: users.get(username) };
    },
    ...(users.has('sentinel') && { sentinelUsername: 'sentinel', sentinelPassword: users.get('sentinel') }),
  };
}

/** @param {string} line */
export function isOfSentinels(line) {
  return nameOf(line) === 'sentinel';
}

/** @param {string} line */
function nameOf(line) {
  return line.split(/\s+/)[1] ?? '';
}

/** @param {string} line */
function passwordOf(line) {
  return /\s>(\S+)/.exec(line)?.[1];
}
