import type { Redis } from 'ioredis';
import type { RedisNode } from './connection-options.js';

/** What one node knows of its cluster. */
export interface ClusterView {
  /** Grows with every failover and every finished migration. */
  readonly epoch: number;
  /** Slots `from` to `to`, both included, and the primary that serves them. */
  readonly ranges: readonly { readonly from: number; readonly to: number; readonly node: Required<RedisNode> }[];
}

type SlotRange = [from: number, to: number, primary: [host: string | null, port: number], ...rest: unknown[]];

/**
 * Asks a node for its view; `undefined` from a node that its cluster has cut off.
 *
 * @param host of the node, which the reply leaves out when the cluster does not know how we reach it
 */
export async function readClusterView(client: Redis, host: string): Promise<ClusterView | undefined> {
  const [info, slots] = await Promise.all([client.cluster('INFO'), client.cluster('SLOTS')]);
  if (!info.includes('cluster_state:ok')) return undefined;
  const ranges = (slots as unknown as SlotRange[]).map(([from, to, [announced, port]]) => ({
    from,
    to,
    node: { host: announced === null || announced === '' || announced === '?' ? host : announced, port },
  }));
  return { epoch: Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1] ?? 0), ranges };
}
