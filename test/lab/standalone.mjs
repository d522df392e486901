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
export function startStandalone(options = {}) {
  const { args = [], persistent: isPersistent } = options;
  return buildLab(options, async ({ folder, access, keep }) => {
    const node = keep(await newLabNode({ folder, access, args: () => args, isPersistent }));
    await node.start();
    return {
      topology: 'standalone',
      connection: access.authority ? { host: '127.0.0.1', port: node.proxy.port } : { url: node.proxy.url },
      nodes: [node],
      primaries: async () => [node],
    };
  });
}
