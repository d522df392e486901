import { ClientFactory } from './client-factory.js';
import { type ClusterView, readClusterView } from './cluster-view.js';
import { type ConnectionOptions, type RedisNode, timeoutsOf } from './connection-options.js';
import { withDeadline } from './deadline.js';
import type { RedirectedError } from './redirection.js';
import { addressOf, Shard, type ShardContext } from './shard.js';
import { SLOT_COUNT, slotOf } from './slots.js';
import type { Topology } from './topology.js';

/** The view is read again this often, and at every look while something is known to be wrong with it. */
const REFRESH_MS = 5000;
const LOOK_MS = 250;
/** A node without slots of its own is kept this long after another pointed at it. */
const GUEST_MS = 60_000;

/**
 * The primaries of a Redis Cluster and their slots. One `Shard` per primary instead of the cluster client of ioredis,
 * because each primary has to prove itself, and to carry out what the journal owes it, before the first command reaches
 * it; and because a frozen node must cost only those who need its slots.
 */
export class ClusterTopology implements Topology {
  readonly #shards = new Map<string, Shard>();
  readonly #owners = new Array<Shard | undefined>(SLOT_COUNT);
  readonly #pointedAtMs = new Map<Shard, number>();
  /** Of the view in use: an older one, of a node that has not heard yet or is cut off, is not taken. */
  #epoch = -1;
  #isDoubtful = true;
  #readAtMs = -Infinity;
  #isReading = false;
  #look: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    private readonly options: ConnectionOptions & { cluster: readonly RedisNode[] },
    private readonly context: ShardContext,
    /**
     * Told of slots that have another owner from now on, before anything is sent to it, and of how long the old one had
     * not been heard.
     */
    private readonly onMoved: (isMoved: (slot: number) => boolean, silenceMs: number) => void,
  ) {}

  get shards(): readonly Shard[] {
    return [...this.#shards.values()];
  }

  ownerOf(key: string): Shard | undefined {
    return this.#owners[slotOf(key)];
  }

  ownsSlot(shard: Shard, slot: number): boolean {
    return this.#owners[slot] === shard;
  }

  redirected({ slot, node, isAsk }: RedirectedError, from: Shard): Shard | undefined {
    if (this.#closed) return undefined;
    const shard = this.#shardAt(node.host === '' ? { ...node, host: (from.node as RedisNode).host } : node);
    this.#pointedAtMs.set(shard, this.context.clock.nowMs());
    if (!isAsk && this.#owners[slot] !== shard) {
      this.#isDoubtful = true;
      const silenceMs = this.#owners[slot]?.silenceMs ?? 0;
      this.#owners[slot] = shard;
      this.onMoved((moved) => moved === slot, silenceMs);
    }
    return shard;
  }

  start(): void {
    const look = (): void => {
      const isOld = this.context.clock.nowMs() - this.#readAtMs > REFRESH_MS;
      if (isOld || this.#isDoubtful || this.shards.some(({ isUp }) => !isUp)) this.#read();
    };
    this.#look = setInterval(look, LOOK_MS);
    this.#look.unref();
    look();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#look);
    for (const shard of this.#shards.values()) shard.close();
  }

  #read(): void {
    if (this.#closed || this.#isReading) return;
    this.#isReading = true;
    void this.#readNow().finally(() => {
      this.#isReading = false;
    });
  }

  /** Nodes in use first, then the seeds; the first that knows its cluster to be whole is believed. */
  async #readNow(): Promise<void> {
    for (const shard of this.shards.filter(({ isUp }) => isUp)) {
      if (this.#apply(await this.#askShard(shard)) || this.#closed) return;
    }
    const known = this.shards.map(({ node }) => node as RedisNode);
    for (const node of [...this.options.cluster, ...known]) {
      if (this.#apply(await this.#askNode(node)) || this.#closed) return;
    }
  }

  async #askShard(shard: Shard): Promise<ClusterView | undefined> {
    const { host } = shard.node as RedisNode;
    try {
      return await shard.execute('control', 'CLUSTER', (client) => readClusterView(client, host));
    } catch {
      // Another node is asked instead.
      return undefined;
    }
  }

  async #askNode(node: RedisNode): Promise<ClusterView | undefined> {
    const { connectMs, controlMs } = timeoutsOf(this.options);
    const clients = new ClientFactory(this.options, this.context.credentials, node);
    const client = clients.create('admin');
    const ask = async (): Promise<ClusterView | undefined> => {
      await clients.refresh();
      await client.connect();
      return readClusterView(client, node.host);
    };
    try {
      return await withDeadline(ask(), Math.min(connectMs, controlMs), 'CLUSTER');
    } catch {
      return undefined;
    } finally {
      clients.discard(client);
    }
  }

  #apply(view: ClusterView | undefined): boolean {
    if (view === undefined || view.epoch < this.#epoch || this.#closed) return false;
    this.#epoch = view.epoch;
    this.#readAtMs = this.context.clock.nowMs();
    this.#isDoubtful = false;
    const moved = new Set<number>();
    let silenceMs = 0;
    for (const { from, to, node } of view.ranges) {
      const shard = this.#shardAt(node);
      for (let slot = from; slot <= to; slot++) {
        if (this.#owners[slot] === shard) continue;
        silenceMs = Math.max(silenceMs, this.#owners[slot]?.silenceMs ?? 0);
        this.#owners[slot] = shard;
        moved.add(slot);
      }
    }
    if (moved.size > 0) this.onMoved((slot) => moved.has(slot), silenceMs);
    this.#retire();
    return true;
  }

  #shardAt(node: RedisNode): Shard {
    const address = addressOf(node);
    let shard = this.#shards.get(address);
    if (shard === undefined) {
      this.#shards.set(address, (shard = new Shard(this.context, node)));
      shard.start();
    }
    return shard;
  }

  #retire(): void {
    const owners = new Set(this.#owners);
    const oldestAtMs = this.context.clock.nowMs() - GUEST_MS;
    for (const [address, shard] of this.#shards) {
      if (owners.has(shard) || (shard.isUp && (this.#pointedAtMs.get(shard) ?? -Infinity) > oldestAtMs)) continue;
      this.#shards.delete(address);
      this.#pointedAtMs.delete(shard);
      shard.close();
    }
  }
}
