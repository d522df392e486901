// @ts-check
// One measure of one system, in a process of its own; sends the numbers to its parent.
//
//   node bench/speed/measure-worker.mjs <system> <measure> <full, quick or tiny>
import { startRedis } from '../../scripts/servers.mjs';
import { LIMITS, MEASURES } from './measures/index.mjs';
import { forkPeer } from './peer.mjs';
import { systemOf } from './systems.mjs';

process.on('disconnect', () => process.exit());

const [system = '', measureName, scale] = process.argv.slice(2);
const measure = MEASURES.find(({ name }) => name === measureName);
if (!measure) throw new Error(`There is no measure "${measureName}".`);
/** @type {import('./peer.mjs').Ask[]} */
const peers = [];
try {
  const numbers = await measure.measure({
    system,
    limits: LIMITS[/** @type {keyof typeof LIMITS} */ (scale)],
    startRedis: (args) => startRedis({ args }),
    start: (options) => systemOf(system).start(options),
    fork: async (options, module) => {
      const peer = await forkPeer(system, options, module);
      peers.push(peer);
      return peer;
    },
  });
  await new Promise((resolve) => process.send?.(numbers, resolve));
} catch (error) {
  console.error(error);
} finally {
  for (const { end } of peers) end();
  process.exit();
}
