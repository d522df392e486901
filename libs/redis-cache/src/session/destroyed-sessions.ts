import type { EventChannel } from '../events.js';
import { ClosedError } from '../errors.js';
import { Journal, type JournalItem } from '../redis/journal.js';
import type { RedisConnection } from '../redis/redis-connection.js';
import { Script } from '../redis/script.js';
import type { Clock } from '../time.js';

/** KEYS session. Its place in the index is found empty by whoever looks next. */
const REMOVE = new Script('session-remove', 1, `return redis.call('UNLINK', KEYS[1])`);

const RETRY_MS = 250;

/**
 * Sessions that were destroyed in this process, by key: those that Redis has not removed yet, and those of the last minute
 * that it has, which a failover may bring back. Both count as absent here until Redis, as it is now, has removed them.
 *
 * A journal of its own, because that of the cache collapses into one invalidation of everything when it overflows, and a
 * session has nothing like that: beyond 10,000 at once the older ones are forgotten, and an event says so.
 */
export class DestroyedSessions {
  readonly #journal: Journal;
  /** Servers that were in use when something was recorded. Another one may not know of it. */
  #servers = new Set<string>();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    private readonly connection: Pick<RedisConnection, 'name' | 'run' | 'shards' | 'shardOf'>,
    clock: Clock,
    events: EventChannel,
  ) {
    this.#journal = new Journal(`${connection.name}:sessions`, [], clock, events);
    events.on('breaker', (event) => {
      if (event.connection === connection.name && event.state === 'closed') this.#reached();
    });
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
    this.#retryIn(RETRY_MS);
  }

  applied(key: string, sentAtMark: number): void {
    this.#journal.applied(itemOf(key), sentAtMark);
  }

  /** Runs in the turn in which Redis may be used again, so that nobody here reads before it. */
  #reached(): void {
    const servers = this.connection.shards.flatMap(({ runId }) => runId ?? []);
    if (servers.some((runId) => !this.#servers.has(runId))) this.#journal.queueRecent(() => true, Infinity);
    this.#servers = new Set(servers);
    this.#retryIn(0);
  }

  #retryIn(ms: number): void {
    if (this.#closed || this.#retry !== undefined || this.queued === 0) return;
    this.#retry = setTimeout(() => {
      void this.#replay().finally(() => {
        this.#retry = undefined;
        this.#retryIn(RETRY_MS);
      });
    }, ms);
    this.#retry.unref();
  }

  async #replay(): Promise<void> {
    const isReachable = ({ name }: JournalItem): boolean => this.connection.shardOf(name)?.isUp === true;
    try {
      await this.#journal.replay(async ({ name }) => {
        await this.connection.run('control', REMOVE, [name]);
        return true;
      }, isReachable);
    } catch (error) {
      // Otherwise Redis still refuses, or went away again: the next turn tries once more.
      this.#closed = error instanceof ClosedError;
    }
  }
}

const KIND = 'session' as JournalItem['kind'];

function itemOf(name: string): JournalItem {
  return { kind: KIND, name };
}
