// @ts-check
import { buildLab } from './lab.mjs';
import { newLabNode } from './lab-node.mjs';

/**
 * One Redis server.
 * @param {import('./lab.mjs').LabOptions} [options]
 * @returns {Promise<import('./lab.mjs').Lab>}
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
