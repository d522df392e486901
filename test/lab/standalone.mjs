// @ts-check
import { makeLabFolder } from './lab-folder.mjs';
import { newLabNode } from './lab-node.mjs';

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
 * @property {() => Promise<void>} stop
 */

/**
 * One Redis server.
 * @param {LabOptions} [options]
 * @returns {Promise<Lab>}
 */
export async function startStandalone({ args = [], persistent: isPersistent } = {}) {
  const folder = await makeLabFolder();
  const node = await newLabNode({ folder, args: () => args, isPersistent });
  await node.start();
  return {
    topology: 'standalone',
    connection: { url: node.proxy.url },
    nodes: [node],
    primaries: async () => [node],
    stop: async () => {
      await node.stop();
      await folder.remove();
    },
  };
}
