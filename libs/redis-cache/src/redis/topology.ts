import type { RedirectedError } from './redirection.js';
import { Shard, type ShardContext } from './shard.js';

/** Which server holds which key. */
export interface Topology {
  /** Every primary in use. */
  readonly shards: readonly Shard[];
  /** The primary that holds a key, given as it is spelled in Redis or as what stands between its braces. */
  ownerOf(key: string): Shard | undefined;
  ownsSlot(shard: Shard, slot: number): boolean;
  /** The shard a node of a cluster pointed at; `undefined` when that cannot be. */
  redirected(redirection: RedirectedError, from: Shard): Shard | undefined;
  start(): void;
  close(): void;
}

/** One primary holds everything: a standalone Redis, or the one its sentinels name. */
export class SingleTopology implements Topology {
  readonly shards: readonly [Shard];

  constructor(context: ShardContext) {
    this.shards = [new Shard(context)];
  }

  ownerOf(): Shard {
    return this.shards[0];
  }

  ownsSlot(): boolean {
    return true;
  }

  redirected(): undefined {
    return undefined;
  }

  start(): void {
    this.shards[0].start();
  }

  close(): void {
    this.shards[0].close();
  }
}
