// @ts-check
import { viewOf } from './cluster-view.mjs';
import { newLabNode } from './lab-node.mjs';
import { isInSync } from './replication.mjs';
import { labPort } from './lab-port.mjs';
import { until } from './until.mjs';

/** @typedef {import('./lab-node.mjs').LabNode} LabNode */

export const SLOT_COUNT = 16_384;

// Short, so that failovers take seconds; not so short that a busy machine fails over by itself.
const NODE_TIMEOUT_MS = 1_500;

/**
 * A node that will tell its cluster and all clients the port of its proxy.
 *
 * @param {import('./lab.mjs').LabGround} ground
 * @param {import('./lab.mjs').LabOptions} options
 */
export async function newClusterNode({ folder, access, keep }, { args = [], persistent: isPersistent }) {
  const busPort = await labPort();
  const newNode = newLabNode({
    folder,
    access,
    isPersistent,
    args: (proxyPort) =>
      [
        ['--cluster-enabled', 'yes'],
        ['--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
        ['--cluster-require-full-coverage', 'no'],
        // A replica stays with its primary, and may always follow it.
        ['--cluster-allow-replica-migration', 'no'],
        ['--cluster-replica-validity-factor', '0'],
        ['--cluster-port', String(busPort)],
        ['--cluster-announce-ip', '127.0.0.1'],
        ['--cluster-announce-port', String(proxyPort)],
        ['--cluster-announce-tls-port', String(access.certificate ? proxyPort : 0)],
        ['--cluster-announce-bus-port', String(busPort)],
        ['--repl-diskless-sync-delay', '0'],
        args,
      ].flat(),
  });
  return { node: keep(await newNode), busPort };
}

/**
 * Makes a cluster of running nodes: the first half share the slots, the second half replicate them in the same order.
 * @param {{ node: LabNode, busPort: number }[]} members
 */
export async function formCluster(members) {
  const nodes = members.map(({ node }) => node);
  const primaries = nodes.slice(0, nodes.length / 2);
  const replicas = nodes.slice(nodes.length / 2);
  const ids = await Promise.all(nodes.map(async ({ client }) => String(await client.cluster('MYID'))));

  await Promise.all(
    primaries.map(async ({ client }, index) => {
      const firstOf = (/** @type {number} */ share) => Math.floor((share * SLOT_COUNT) / primaries.length);
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(firstOf(index)), String(firstOf(index + 1) - 1));
    }),
  );
  // Everybody meets everybody: quicker than waiting for gossip.
  await Promise.all(
    members.flatMap(({ node }, index) =>
      members
        .slice(index + 1)
        .map(({ node: { proxy }, busPort }) =>
          node.client.call('CLUSTER', 'MEET', '127.0.0.1', String(proxy.port), String(busPort)),
        ),
    ),
  );
  await Promise.all(
    replicas.map(({ client }, index) =>
      until('a replica knows its primary', () => client.cluster('REPLICATE', ids[index] ?? '')),
    ),
  );
  await until('the cluster is whole', async () => {
    const views = await Promise.all(nodes.map(viewOf));
    return views.every(
      (view) =>
        view?.filter(({ isPrimary }) => isPrimary).length === primaries.length &&
        view.filter(({ primaryId }) => primaryId !== undefined).length === replicas.length,
    );
  });
  await Promise.all(replicas.map((replica) => until('a replica is in sync', () => isInSync(replica))));
}
