// @ts-check
import { findRedis, HOW_TO_GET_REDIS } from '../../scripts/redis-server.mjs';
import { newAccess } from './access.mjs';
import { makeLabFolder } from './lab-folder.mjs';

/** @typedef {import('./lab-node.mjs').LabNode} LabNode */

/**
 * @typedef {object} LabOptions
 * @property {string[]} [args] further arguments of every data server; they win
 * @property {boolean} [proxied] `false` for a lab without faults, whose servers are reached directly: `proxy` only has their
 *   ports. Default true
 * @property {boolean} [persistent] data may come back from snapshot or append-only file after `kill` and `start`; which of
 *   them there is, say `args`. Default false
 * @property {boolean} [tls] servers and proxies speak TLS and demand a certificate; `connection` holds one. Default false
 * @property {string[]} [acl] the only users, as ACL lines (see acl.mjs); `connection` uses them. By default anybody may
 *   do everything
 */

/**
 * Redis servers behind proxies, in one of the topologies. Nothing of it outlives `stop`, nor this process.
 *
 * @typedef {object} Lab
 * @property {'standalone' | 'sentinel' | 'cluster'} topology
 * @property {import('../../libs/redis-cache/src/redis/connection-options.js').ConnectionOptions} connection leads through the proxies
 * @property {LabNode[]} nodes every data server
 * @property {import('./certificates.mjs').Authority} [authority] with `tls`
 * @property {() => Promise<LabNode[]>} primaries those that are now, in the view of the majority
 * @property {(primary?: LabNode) => Promise<void>} [failover] planned, of a random primary by default; resolves when the new
 *   primary answers as one. Not of a standalone server
 * @property {() => Promise<void>} stop
 */

/**
 * What a lab is built with.
 *
 * @typedef {object} LabGround
 * @property {import('./lab-folder.mjs').LabFolder} folder
 * @property {import('./access.mjs').Access} access
 * @property {<P extends { stop(): Promise<unknown> }>(part: P) => P} keep takes what is to be stopped with the lab
 */

/**
 * Builds a lab that is gone again when a part of it does not start.
 *
 * @template {Lab} T
 * @param {LabOptions} options
 * @param {(ground: LabGround) => Promise<Omit<T, 'stop'>>} build
 * @returns {Promise<T>}
 * @throws {Error} when there is no Redis program here, or with the log of a server that does not start
 */
export async function buildLab(options, build) {
  const source = await findRedis();
  // Servers in containers could not reach each other's proxies.
  if (!source || !('program' in source)) throw new Error(`The lab runs Redis without Docker. ${HOW_TO_GET_REDIS}`);
  const access = await newAccess(options);
  const folder = await makeLabFolder();
  /** @type {{ stop(): Promise<unknown> }[]} */
  const parts = [];
  const stop = async () => {
    await Promise.all(parts.map((part) => part.stop()));
    await folder.remove();
  };
  try {
    const lab = await build({
      folder,
      access,
      keep: (part) => {
        parts.push(part);
        return part;
      },
    });
    const connection = { ...lab.connection, ...access.connection };
    return /** @type {T} */ ({ ...lab, connection, authority: access.authority, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Like `Promise.all`, but waits for all of them even when one fails: what is still starting cannot be stopped.
 *
 * @template T
 * @param {Promise<T>[]} starting
 */
export async function allStarted(starting) {
  await Promise.allSettled(starting);
  return Promise.all(starting);
}
