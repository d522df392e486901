// @ts-check
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectionAs, isOfSentinels } from './acl.mjs';
import { newAuthority } from './certificates.mjs';

/**
 * How the servers of a lab let others in: anybody, unless certificates or users are asked for.
 *
 * @typedef {object} Access
 * @property {boolean} isProxied whether a proxy stands before each server
 * @property {import('./certificates.mjs').Authority} [authority]
 * @property {import('./certificates.mjs').Certificate} [certificate] of servers and proxies, as clients of each other too
 * @property {{ username: string, password: string }} [lab] who may do everything: the lab, and servers among themselves
 * @property {(folder: string, tlsPort: number, isSentinel: boolean) => Promise<string[]>} argsOf of a server, for which it
 *   puts files into its folder
 * @property {Partial<import('../../libs/redis-cache/src/redis/connection-options.js').ConnectionOptions>} connection what
 *   the library needs
 */

/** Who may do everything in a lab with users. */
export const LAB_USER = { username: 'lab', password: 'of-the-lab' };
const LAB_USERS = ['user default off', `user ${LAB_USER.username} on >${LAB_USER.password} ~* &* +@all`];

/**
 * @param {import('./lab.mjs').LabOptions} options
 * @returns {Promise<Access>}
 */
export async function newAccess({ tls: isTls = false, acl, proxied: isProxied = true }) {
  const authority = isTls ? await newAuthority() : undefined;
  const certificate = await authority?.issue('server');
  return {
    isProxied,
    authority,
    certificate,
    lab: acl && LAB_USER,
    connection: { ...(authority && { tls: await authority.issue('client') }), ...(acl && connectionAs(acl)) },
    argsOf: async (folder, tlsPort, isSentinel) => [
      ...(certificate ? await tlsArgs(folder, tlsPort, certificate) : []),
      ...(acl
        ? await aclArgs(
            folder,
            acl.filter((line) => isOfSentinels(line) === isSentinel),
          )
        : []),
    ],
  };
}

/**
 * @param {string} folder
 * @param {number} port
 * @param {import('./certificates.mjs').Certificate} certificate
 */
async function tlsArgs(folder, port, certificate) {
  const files = { 'ca-cert-file': certificate.ca, 'cert-file': certificate.cert, 'key-file': certificate.key };
  const options = Object.entries(files).map(async ([name, pem]) => {
    const path = join(folder, `${name}.pem`);
    await writeFile(path, pem);
    return [`--tls-${name}`, path];
  });
  const among = ['--tls-replication', 'yes', '--tls-cluster', 'yes'];
  return ['--tls-port', String(port), ...among, ...(await Promise.all(options)).flat()];
}

/** @param {string} folder @param {string[]} lines */
async function aclArgs(folder, lines) {
  const path = join(folder, 'users.acl');
  await writeFile(path, [...LAB_USERS, ...lines, ''].join('\n'));
  return ['--aclfile', path, '--masteruser', LAB_USER.username, '--masterauth', LAB_USER.password];
}
