// @ts-check
import { makeLabFolder } from './lab-folder.mjs';

/** @typedef {import('./lab-folder.mjs').LabFolder} LabFolder */
/** @typedef {import('./lab-node.mjs').LabNode} LabNode */

/**
 * @typedef {object} LabOptions
 * @property {string[]} [args] further arguments of every data server; they win
 * @property {boolean} [persistent] data may come back from snapshot or append-only file after `kill` and `start`; which of
 *   them there is, say `args`. Default false
 */

/**
 * Redis servers behind proxies, in one of the topologies. Nothing of it outlives `stop`, nor this process.
 *
 * @typedef {object} Lab
 * @property {'standalone' | 'sentinel' | 'cluster'} topology
 * @property {import('../../libs/redis-cache/src/redis/connection-options.js').ConnectionOptions} connection leads through the proxies
 * @property {LabNode[]} nodes every data server
 * @property {() => Promise<LabNode[]>} primaries those that are now, in the view of the majority
 * @property {(primary?: LabNode) => Promise<void>} [failover] planned, of a random primary by default; resolves when the new
 *   primary answers as one. Not of a standalone server
 * @property {() => Promise<void>} stop
 */

/**
 * Builds a lab that is gone again when a part of it does not start.
 *
 * @template T
 * @param {(folder: LabFolder, keep: <P extends { stop(): Promise<unknown> }>(part: P) => P) => Promise<Omit<T, 'stop'>>} build `keep`
 *   takes what is to be stopped with the lab
 * @returns {Promise<T>}
 */
export async function buildLab(build) {
  const folder = await makeLabFolder();
  /** @type {{ stop(): Promise<unknown> }[]} */
  const parts = [];
  const stop = async () => {
    await Promise.all(parts.map((part) => part.stop()));
    await folder.remove();
  };
  try {
    const lab = await build(folder, (part) => {
      parts.push(part);
      return part;
    });
    return /** @type {T} */ ({ ...lab, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}
