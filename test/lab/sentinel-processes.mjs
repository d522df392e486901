// @ts-check
import { randomBytes } from 'node:crypto';
import { allStarted } from './lab.mjs';
import { newLabNode } from './lab-node.mjs';

/** @typedef {import('./lab-node.mjs').LabNode} LabNode */

/** The name the primary is watched under. */
export const PRIMARY_NAME = 'mymaster';

const COUNT = 3;
const QUORUM = 2;
// Short, so that failovers take seconds; not so short that a busy machine fails over by itself.
const DOWN_AFTER_MS = 1_000;
const FAILOVER_TIMEOUT_MS = 3_000;
const INFO_MIN_MS = 1_000;

/**
 * Starts sentinels that know the nodes and each other, instead of finding them within seconds.
 *
 * @param {import('./lab.mjs').LabGround} ground
 * @param {{ primary: LabNode, replicas: LabNode[], helloMs: number }} watched `helloMs` is how often each says what it believes
 */
export async function startSentinels({ folder, access, keep }, { primary, replicas, helloMs }) {
  const members = await allStarted(
    Array.from({ length: COUNT }, async () => {
      const node = keep(await newLabNode({ folder, access, isSentinel: true, args: () => [] }));
      return { node, id: randomBytes(20).toString('hex') };
    }),
  );
  const { lab } = access;
  const credentials = lab
    ? [
        `sentinel auth-user ${PRIMARY_NAME} ${lab.username}`,
        `sentinel auth-pass ${PRIMARY_NAME} ${lab.password}`,
        `sentinel sentinel-user ${lab.username}`,
        `sentinel sentinel-pass ${lab.password}`,
      ]
    : [];
  const address = (/** @type {LabNode} */ { proxy }) => `127.0.0.1 ${proxy.port}`;
  await allStarted(
    members.map(async ({ node, id }) => {
      const others = members.filter((other) => other.node !== node);
      await node.configure([
        `sentinel myid ${id}`,
        'sentinel announce-ip 127.0.0.1',
        `sentinel announce-port ${node.proxy.port}`,
        `sentinel monitor ${PRIMARY_NAME} ${address(primary)} ${QUORUM}`,
        `sentinel down-after-milliseconds ${PRIMARY_NAME} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${PRIMARY_NAME} ${FAILOVER_TIMEOUT_MS}`,
        ...credentials,
        ...replicas.map((replica) => `sentinel known-replica ${PRIMARY_NAME} ${address(replica)}`),
        ...others.map((other) => `sentinel known-sentinel ${PRIMARY_NAME} ${address(other.node)} ${other.id}`),
      ]);
      await node.start();
      const periods = ['PUBLISH-PERIOD', String(helloMs), 'INFO-PERIOD', String(Math.max(INFO_MIN_MS, helloMs * 5))];
      await node.client.call('SENTINEL', 'DEBUG', ...periods);
    }),
  );
  return members.map(({ node }) => node);
}
