import type { EventChannel } from '../events.js';
import { Journal, type JournalItem } from '../redis/journal.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { Script } from '../redis/script.js';
import type { Shard } from '../redis/shard.js';
import type { Clock } from '../time.js';

/** KEYS session. Reply: 1 when there was one. Its place in the index is found empty there by the next who looks. */
const REMOVE = new Script('session-remove', 1, `return redis.call('UNLINK', KEYS[1])`);

const RETRY_MS = 250;

/**
 * Sessions that were destroyed in this process, by key: those that Redis has not removed yet, and those of the last minute
 * that it has, which a failover may bring back. The first are not answered here meanwhile. A journal of its own, because
 * that of the cache collapses into one invalidation of everything when it overflows, and a session has nothing like that.
 */
export class DestroyedSessions {
  readonly #journal: Journal;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    private readonly connection: Pick<RedisConnection, 'run' | 'shards' | 'shardOf'>,
    name: string,
    clock: Clock,
    events: EventChannel,
  ) {
    this.#journal = new Journal(`${name}:sessions`, [], clock, events);
  }

  /** Destructions that Redis has not carried out yet. */
  get queued(): number {
    return this.#journal.queued;
  }

  /** To be taken before a destruction is sent, and given to `applied`. */
  mark(): number {
    return this.#journal.mark();
  }

  /** Whether a session counts as absent whatever Redis holds. */
  covers(key: string): boolean {
    return this.#journal.covers(KIND, key);
  }

  queue(key: string): void {
    this.#journal.queue(itemOf(key));
    this.#retryLater();
  }

  applied(key: string, sentAtMark: number): void {
    this.#journal.applied(itemOf(key), sentAtMark);
  }

  /** Before a server is used again: removes what is owed to it, and what it may have lost if it is another one. */
  async recover(shard: Shard, isChanged: boolean): Promise<void> {
    const isConcerned = ({ name }: JournalItem): boolean => this.connection.shardOf(name) === shard;
    if (isChanged) this.#journal.queueRecent(isConcerned);
    await this.#journal.replay(async ({ name }) => {
      await shard.recoverWith(REMOVE.name, (client) => REMOVE.run(client, [name]));
      return true;
    }, isConcerned);
  }

  /** Slots have another owner, which may not know of what the old one acknowledged. */
  slotsMoved(isMoved: (key: string) => boolean): void {
    this.#journal.queueRecent(({ name }) => isMoved(name));
    this.#retryLater();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  #retryLater(): void {
    if (this.#closed || this.#retry !== undefined || this.queued === 0) return;
    this.#retry = setTimeout(() => {
      void this.#replay().finally(() => {
        this.#retry = undefined;
        this.#retryLater();
      });
    }, RETRY_MS);
    this.#retry.unref();
  }

  async #replay(): Promise<void> {
    try {
      await this.#journal.replay(
        async ({ name }) => {
          await this.connection.run('control', REMOVE, [name]);
          return true;
        },
        ({ name }) => this.connection.shardOf(name)?.isUp === true,
      );
    } catch {
      // Redis still refuses, or went away again: the next turn tries it once more.
    }
  }
}

const KIND = 'session' as JournalItem['kind'];

function itemOf(name: string): JournalItem {
  return { kind: KIND, name };
}
