// @ts-check
import { formCluster, newClusterNode } from './cluster-setup.mjs';
import { moveSlots } from './cluster-slots.mjs';
import { majorityView } from './cluster-view.mjs';
import { allStarted, buildLab } from './lab.mjs';
import { isInSync, isPrimary as answersAsPrimary } from './replication.mjs';
import { until } from './until.mjs';

/** @typedef {import('./lab.mjs').Lab} Lab */
/** @typedef {import('./lab.mjs').LabOptions} LabOptions */
/** @typedef {import('./lab-node.mjs').LabNode} LabNode */

const NODE_COUNT = 6;
// Redis gives a failover up after 5 s, without a word.
const FAILOVER_MS = 6_000;

/**
 * @typedef {object} ClusterParts
 * @property {(primary?: LabNode) => Promise<void>} failover planned, of a random primary by default; resolves when its
 *   replica answers as primary and most nodes agree
 * @property {(from: LabNode, to: LabNode, count: number) => Promise<void>} moveSlots with their keys, under load
 * @property {(slot: number) => Promise<LabNode | undefined>} nodeOfSlot its primary in the view of the majority
 * @property {(redisKey: string) => Promise<LabNode | undefined>} nodeOfKey
 */

/**
 * A Redis Cluster of three primaries and three replicas.
 * @param {LabOptions} [options]
 * @returns {Promise<Lab & ClusterParts>}
 */
export function startCluster(options = {}) {
  return buildLab(options, async (ground) => {
    const members = await allStarted(
      Array.from({ length: NODE_COUNT }, async () => {
        const member = await newClusterNode(ground, options);
        await member.node.start();
        return member;
      }),
    );
    await formCluster(members);
    const nodes = members.map(({ node }) => node);

    const owners = async () => {
      const view = await majorityView(nodes);
      return [...view].filter(([, { isPrimary }]) => isPrimary).map(([node, { id, slots }]) => ({ node, id, slots }));
    };
    const primaries = async () => (await owners()).map(({ node }) => node);
    const nodeOfSlot = async (/** @type {number} */ slot) =>
      (await owners()).find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to))?.node;

    return {
      topology: 'cluster',
      connection: { cluster: nodes.map(({ proxy }) => ({ host: '127.0.0.1', port: proxy.port })) },
      nodes,
      primaries,
      failover: async (primary) => {
        const successor = await until('the primary has a replica to fail over to', async () => {
          const view = await majorityView(nodes);
          const all = [...view].filter(([, { isPrimary }]) => isPrimary).map(([node]) => node);
          const old = primary ?? all[Math.floor(Math.random() * all.length)];
          const oldId = old && view.get(old)?.id;
          return [...view].find(([, { primaryId }]) => primaryId && primaryId === oldId)?.[0];
        });
        await failOver(successor);
        await until('most nodes agree on the new primary', async () => (await primaries()).includes(successor));
      },
      moveSlots: async (from, to, count) => {
        const all = await owners();
        const [source, target] = [from, to].map((one) => all.find(({ node }) => node === one));
        if (!source || !target) throw new Error('Slots move between primaries.');
        const slots = source.slots.flatMap(([first, last]) =>
          Array.from({ length: last - first + 1 }, (_, index) => first + index),
        );
        const others = all.map(({ node }) => node).filter((node) => node !== from && node !== to);
        const moved = slots.slice(0, count);
        if (moved.length === 0) return;
        await moveSlots(source, target, moved, others);
        await until('most nodes agree on the new owner', async () => {
          const now = await Promise.all([moved.at(0), moved.at(-1)].map((slot = NaN) => nodeOfSlot(slot)));
          return now.every((node) => node === to);
        });
      },
      nodeOfSlot,
      nodeOfKey: async (redisKey) => {
        const [node] = await primaries();
        return node && nodeOfSlot(Number(await node.client.cluster('KEYSLOT', redisKey)));
      },
    };
  });
}

/** @param {LabNode} replica */
async function failOver(replica) {
  await until('the replica is in sync', () => isInSync(replica));
  let orderedAtMs = -Infinity;
  await until('the replica answers as primary', async () => {
    if (performance.now() > orderedAtMs + FAILOVER_MS) {
      await replica.client.cluster('FAILOVER');
      orderedAtMs = performance.now();
    }
    return answersAsPrimary(replica);
  });
}
