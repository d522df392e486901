// @ts-check
import { buildLab } from './lab.mjs';
import { newLabNode } from './lab-node.mjs';

/** @typedef {import('./lab.mjs').Lab} Lab */
/** @typedef {import('./lab.mjs').LabOptions} LabOptions */

/**
 * One Redis server.
 * @param {LabOptions} [options]
 * @returns {Promise<Lab>}
 */
export function startStandalone({ args = [], persistent: isPersistent } = {}) {
  return buildLab(async (folder, keep) => {
    const node = keep(await newLabNode({ folder, args: () => args, isPersistent }));
    await node.start();
    return {
      topology: 'standalone',
      connection: { url: node.proxy.url },
      nodes: [node],
      primaries: async () => [node],
    };
  });
}
