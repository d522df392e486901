// @ts-check
import { buildLab } from './lab.mjs';
import { newLabNode } from './lab-node.mjs';
import { isInSync, isPrimary } from './replication.mjs';
import { PRIMARY_NAME, startSentinels } from './sentinel-processes.mjs';
import { until } from './until.mjs';
import { withinMs } from './within-ms.mjs';

/** @typedef {import('./lab.mjs').Lab} Lab */
/** @typedef {import('./lab.mjs').LabOptions} LabOptions */
/** @typedef {import('./lab-node.mjs').LabNode} LabNode */

const ANSWER_MS = 1_000;

/**
 * @typedef {object} SentinelParts
 * @property {LabNode[]} sentinels
 * @property {() => Promise<void>} failover planned; resolves when the new primary answers as one and most sentinels name
 *   it. The old one goes on accepting writes until Sentinel demotes it, about five times `helloMs` later
 */

/**
 * A primary and a replica watched by three sentinels.
 * @param {LabOptions & { helloMs?: number }} [options] `helloMs` is how often a sentinel tells the
 *   others what it believes, default 2,000 as in Redis; one that was restarted falls back to that
 * @returns {Promise<Lab & SentinelParts>}
 */
export function startSentinel(options = {}) {
  const { args = [], persistent: isPersistent, helloMs = 2_000 } = options;
  return buildLab(options, async (ground) => {
    const { folder, access, keep } = ground;
    const newNode = async () =>
      keep(await newLabNode({ folder, access, isPersistent, args: (port) => [...announced(port), ...args] }));
    const [primary, replica] = await Promise.all([newNode(), newNode()]);
    const nodes = [primary, replica];
    // A file, so that a node comes back in the role it was given last.
    await primary.configure([]);
    await replica.configure([`replicaof 127.0.0.1 ${primary.proxy.port}`]);
    await primary.start();
    await replica.start();
    await until('the replica is in sync', () => isInSync(replica));

    const sentinels = await startSentinels(ground, { primary, replicas: [replica], helloMs });
    const named = () => namedByMost(sentinels, nodes);
    await until('the sentinels see what they watch', async () => {
      const states = await Promise.all(
        sentinels.map(({ client }) => client.call('SENTINEL', 'CKQUORUM', PRIMARY_NAME)),
      );
      return states.every((state) => String(state).startsWith(`OK ${sentinels.length} `));
    });

    return {
      topology: 'sentinel',
      connection: {
        sentinels: sentinels.map(({ proxy }) => ({ host: '127.0.0.1', port: proxy.port })),
        sentinelName: PRIMARY_NAME,
      },
      nodes,
      sentinels,
      primaries: async () => {
        const node = await named();
        return node && (await withinMs(ANSWER_MS, isPrimary(node))) ? [node] : [];
      },
      failover: async () => {
        const old = await until('most sentinels name a primary', named);
        // Refused until they know a replica that is fit.
        await until('a sentinel starts the failover', () =>
          Promise.any(sentinels.map(({ client }) => client.call('SENTINEL', 'FAILOVER', PRIMARY_NAME))),
        );
        await until('a new primary answers and is named', async () => {
          const node = await named();
          return node !== undefined && node !== old && isPrimary(node);
        });
      },
    };
  });
}

/**
 * Both primary and replica say where their proxies are.
 * @param {number} proxyPort
 */
function announced(proxyPort) {
  const announce = ['--replica-announce-ip', '127.0.0.1', '--replica-announce-port', String(proxyPort)];
  return [...announce, '--repl-diskless-sync-delay', '0'];
}

/**
 * The primary most sentinels name; those that do not answer have no say.
 * @param {LabNode[]} sentinels
 * @param {LabNode[]} nodes
 */
async function namedByMost(sentinels, nodes) {
  const answers = await Promise.all(
    sentinels
      .filter((sentinel) => sentinel.isRunning())
      .map(({ client }) => withinMs(ANSWER_MS, client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', PRIMARY_NAME))),
  );
  const ports = answers.map((answer) => Number(/** @type {string[] | undefined} */ (answer)?.[1]));
  return nodes.find(({ proxy }) => ports.filter((port) => port === proxy.port).length > sentinels.length / 2);
}
