// @ts-check
import { withinMs } from './within-ms.mjs';

/** @typedef {import('./lab-node.mjs').LabNode} LabNode */

/**
 * What a node believes of another, or of itself.
 *
 * @typedef {object} NodeView
 * @property {string} id
 * @property {number} port announced, which is the proxy's
 * @property {boolean} isPrimary and not believed to be down
 * @property {string | undefined} primaryId of a replica
 * @property {[from: number, to: number][]} slots both inclusive
 */

// Longer than a busy machine needs; a frozen node must not hold up the others.
const ANSWER_MS = 1_000;

/**
 * What a node believes of its cluster; undefined when it does not answer, or is cut off from the majority.
 * @param {LabNode} node
 * @returns {Promise<NodeView[] | undefined>}
 */
export async function viewOf(node) {
  if (!node.isRunning()) return undefined;
  const answers = Promise.all([node.client.cluster('INFO'), node.client.cluster('NODES')]);
  const [info, nodes] = (await withinMs(ANSWER_MS, answers)) ?? [];
  return /cluster_state:ok/.test(String(info)) ? String(nodes).trim().split('\n').map(parseNode) : undefined;
}

/**
 * What most nodes believe of each; nodes that do not answer have no say.
 * @param {LabNode[]} nodes
 * @returns {Promise<Map<LabNode, NodeView>>} without those that most do not take for a part of the cluster
 */
export async function majorityView(nodes) {
  const views = (await Promise.all(nodes.map(viewOf))).filter((view) => view !== undefined);
  /** @type {Map<LabNode, NodeView>} */
  const majority = new Map();
  for (const node of nodes) {
    const votes = views.flatMap((view) => view.filter(({ port }) => port === node.proxy.port));
    const winner = votes.find((vote) => votes.filter((other) => isSame(vote, other)).length > views.length / 2);
    if (winner) majority.set(node, winner);
  }
  return majority;
}

/** @param {NodeView} one @param {NodeView} other */
function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * A line of CLUSTER NODES: `<id> <ip:port@bus> <flags> <primary> <ping> <pong> <epoch> <link> <slot>…`.
 * @param {string} line
 * @returns {NodeView}
 */
function parseNode(line) {
  const [id = '', address = '', flags = '', primary = '-', , , , , ...slots] = line.split(' ');
  const isDown = /\bfail\b/.test(flags);
  return {
    id,
    port: Number(/:(\d+)@/.exec(address)?.[1]),
    isPrimary: /\bmaster\b/.test(flags) && !isDown && slots.length > 0,
    primaryId: primary === '-' ? undefined : primary,
    // Those in brackets are on their way.
    slots: slots.filter((range) => !range.startsWith('[')).map(parseRange),
  };
}

/** @param {string} range `0-5460`, or `7` @returns {[number, number]} */
function parseRange(range) {
  const [from, to = from] = range.split('-').map(Number);
  return [from ?? NaN, to ?? NaN];
}
